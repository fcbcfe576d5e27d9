// What the main thread asks of the workers for a new certificate, and what it logs.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { defaultConfig } from "../../src/app/config.ts";
import { type WsConfig, wsSchema } from "../../src/ws/config.ts";
import { type Reload, type ReloadAnswer, reloadCertificate } from "../../src/ws/reload.ts";
import { makeCertificate } from "../support/certificate.ts";
import { collectLog } from "../app/log-spy.ts";
import { testWith } from "../support/requirements.ts";

const files = await makeCertificate().catch(() => undefined);
afterAll(() => files?.[Symbol.dispose]());

const logged: string[] = [];
const spy = collectLog(logged);
afterAll(() => spy[Symbol.dispose]());
beforeEach(() => {
  logged.length = 0;
});

function configure(more: Partial<WsConfig["network"]>): WsConfig {
  const config = defaultConfig(wsSchema);
  return { ...config, network: { ...config.network, use_tls: true, ...more } };
}

const pemFiles = {
  tls_certificate_path: files?.certificatePath,
  tls_private_key_path: files?.privateKeyPath,
};

/**
 * Reloads with workers that answer like this when they are to prepare; gives what they are asked.
 */
async function reload(config: WsConfig, prepared: ReloadAnswer[]): Promise<Reload["step"][]> {
  const steps: Reload["step"][] = [];
  await reloadCertificate(config, async (question) => {
    expect(logged).toEqual([]);
    steps.push(question.step);
    if (question.step !== "prepare") return prepared.map(() => undefined);
    expect(question.certificate.cert).toContain("BEGIN CERTIFICATE");
    return prepared;
  });
  return steps;
}

await testWith(["openssl"], "when all workers are prepared, all take the certificate", async () => {
  const steps = await reload(configure(pemFiles), [undefined, undefined]);
  expect(steps).toEqual(["prepare", "commit"]);
  expect(logged).toEqual(["info: the certificate has been reloaded"]);
});

await testWith(["openssl"], "when one worker is not, none does, and the log says why", async () => {
  const steps = await reload(configure(pemFiles), [undefined, "the port is taken", "another"]);
  expect(steps).toEqual(["prepare", "abort"]);
  expect(logged).toEqual(["error: the certificate stays as it was: the port is taken"]);
});

await testWith(["openssl"], "a file that cannot be used is no question to them", async () => {
  const path = `${files!.certificatePath}.bad`;
  writeFileSync(path, "no certificate");
  const config = configure({ ...pemFiles, tls_certificate_path: path });
  expect(await reload(config, [undefined])).toEqual([]);
  rmSync(path);
  expect(logged).toEqual([
    expect.stringContaining("the certificate stays as it was: network.tls_"),
  ]);
});

test("without TLS there is nothing to reload", async () => {
  expect(await reload(configure({ use_tls: false }), [undefined])).toEqual([]);
  expect(logged).toEqual([]);
});
