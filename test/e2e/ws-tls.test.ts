// The WebTorrent tracker over TLS: its certificate, and a new one under open connections.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprintOf, makeCertificate } from "../support/certificate.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";
import { announce, connectWs, id, offers, say, sayUntil } from "../support/ws-client.ts";

/** `certificate`: lines that say where it is. */
function startTls(certificate: string, workers = 1): Promise<Tracker> {
  const config = `
    socket_workers = ${workers}
    [network]
    address = '127.0.0.1:0'
    use_tls = true
    ${certificate}`;
  return startTracker({ program: "ws", config });
}

test.each([1, 2])("a new certificate leaves %i workers' connections open", async (workers) => {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-reload-"));
  using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
  using first = await makeCertificate();
  using second = await makeCertificate();
  const path = join(directory, "tracker.p12");
  const copy = (from: string): void => writeFileSync(path, readFileSync(from));
  copy(first.pkcs12Path);
  const certificate = `tls_pkcs12_path = '${path}'\ntls_pkcs12_password = '${first.password}'`;
  await using tracker = await startTls(certificate, workers);
  const port = tracker.ports[0];
  const connectTo = () =>
    connectWs(`wss://127.0.0.1:${port}/`, { tls: { rejectUnauthorized: false } });
  await using old = await connectTo();
  await say(old, announce("t", "old"));
  expect(await fingerprintOf(port)).toBe(first.fingerprint);

  let reloads = 0;
  for (const [signal, { fingerprint, pkcs12Path }] of [
    ["SIGHUP", second],
    ["SIGUSR1", first],
  ] as const) {
    copy(pkcs12Path);
    process.kill(tracker.pid, signal);
    // The log says so when each of them has changed.
    const isLast = (count: number): boolean =>
      tracker.stderr.split("the certificate has been reloaded").length === count + 1;
    reloads++;
    await tracker.waitForOutput(() => isLast(reloads));
    for (let i = 0; i < 20; i++) expect(await fingerprintOf(port)).toBe(fingerprint);
    await using young = await connectTo();
    expect(await say(young, announce("t", "young"))).toMatchObject({ incomplete: 2 });
    await say(old, announce("t", "old", offers("o")));
    expect(await young.take((message) => "offer" in message)).toMatchObject({
      peer_id: id("old"),
    });
    await young.close();
    await sayUntil(old, announce("t", "old"), { incomplete: 1 });
  }

  writeFileSync(path, "no certificate");
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForOutput(() => tracker.stderr.includes("stays as it was"));
  expect(await fingerprintOf(port)).toBe(first.fingerprint);
  expect(await tracker.stop()).toBe(0);
});

test("PEM files serve as well, and silence or plain HTTP does not stop it", async () => {
  using files = await makeCertificate();
  await using tracker = await startTls(`
    tls_certificate_path = '${files.certificatePath}'
    tls_private_key_path = '${files.privateKeyPath}'`);
  const port = tracker.ports[0];
  expect(tracker.stderr).toContain("listening on wss://127.0.0.1:");
  expect(await fingerprintOf(port)).toBe(files.fingerprint);
  const silent = connect(port, "127.0.0.1");
  using _ = { [Symbol.dispose]: () => silent.destroy() };
  await once(silent, "connect");
  const plain = await connectWs(`ws://127.0.0.1:${port}/`).catch((error: unknown) => error);
  expect(plain).toBeInstanceOf(Error);
  const tls = { rejectUnauthorized: false };
  await using a = await connectWs(`wss://127.0.0.1:${port}/`, { tls });
  expect(await say(a, announce("t", "a"))).toMatchObject({ incomplete: 1 });
  const health = await fetch(`https://127.0.0.1:${port}/health`, { tls });
  expect(await health.text()).toBe("ok\n");
  expect(silent.closed).toBe(false);
});
