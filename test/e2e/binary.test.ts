// The compiled trackers, built as an operator would build them and run where the repository is not
// visible.

import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { startBrowser } from "../support/browser.ts";
import { makeCertificate } from "../support/certificate.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";

const repository = resolve(import.meta.dir, "../..");
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-binary-"));
  const build = Bun.spawn(["bun", "run", "build.ts", "--outdir", directory], {
    cwd: repository,
    stderr: "pipe",
  });
  expect({ code: await build.exited, stderr: await build.stderr.text() }).toMatchObject({
    code: 0,
  });
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a binary in a mount namespace in which the repository is an empty directory. */
function hidden(name: string): string[] {
  const script = `mount -t tmpfs none "$1" && ! test -e "$1/src" && shift && exec "$@"`;
  const binary = join(directory, name);
  return ["unshare", "--mount", "sh", "-c", script, "sh", repository, binary];
}

await testWith(["mount namespaces"], "aquatic-udp serves with every kind of worker", async () => {
  await using tracker = await startTracker({
    command: hidden("aquatic-udp"),
    cwd: "/",
    config: `
      socket_workers = 2
      request_workers = 2
      [network]
      address = ['127.0.0.1:0', '[::1]:0']
      [privileges]
      drop_privileges = true
      chroot_path = '/tmp'`,
  });
  for (const [index, address] of ["127.0.0.1", "::1"].entries()) {
    await using client = await openUdpClient({ address, port: tracker.ports[index] });
    const connectionId = await client.connect();
    const infoHash = randomBytes(20);
    for (let port = 1; port <= 20; port++) {
      const announce = buildAnnounce({ connectionId, infoHash, port, left: 1n });
      const response = parseResponse((await client.request(announce))!, client.addressBytes);
      expect(response).toMatchObject({ leechers: port, peers: { length: port - 1 } });
    }
  }
  expect(await tracker.stop()).toBe(0);
});

for (const workers of [1, 2]) {
  const needs = ["mount namespaces", "chromium", "openssl"] as const;
  const name = `aquatic-ws introduces pages of a browser, ${workers} socket workers`;
  const body = async () => {
    using files = await makeCertificate();
    await using browser = await startBrowser();
    for (const scheme of ["ws", "wss"]) {
      await using tracker = await startTracker({
        program: "ws",
        command: hidden("aquatic-ws"),
        cwd: "/",
        config: `
          socket_workers = ${workers}
          [network]
          address = '127.0.0.1:0'
          peer_announce_interval = 10
          use_tls = ${scheme === "wss"}
          tls_pkcs12_path = '${files.pkcs12Path}'
          tls_pkcs12_password = '${files.password}'
          [privileges]
          drop_privileges = true
          chroot_path = '/tmp'`,
      });
      const url = `${scheme}://127.0.0.1:${tracker.ports[0]}/announce`;
      await using seeder = await browser.open();
      const client = await seeder.call("createClient");
      const { magnet, sha256 } = await seeder.call("seed", client, 300_000, url);
      const leechers = await Promise.all([1, 2, 3].map(() => browser.open()));
      const fetched = await Promise.all(
        leechers.map(async (leecher) =>
          leecher.call("fetch", await leecher.call("createClient"), magnet, url),
        ),
      );
      for (const result of fetched) expect(result).toEqual({ sha256, wireTypes: ["webrtc"] });
      expect(await tracker.stop()).toBe(0);
    }
  };
  await testWith(needs, name, body, 60_000);
}

for (const name of ["aquatic-udp", "aquatic-ws"]) {
  await testWith(["mount namespaces"], `${name} prints its configuration and errors`, async () => {
    const command = hidden(name);
    const printed = await runTracker({ command, cwd: "/", args: ["-p"] });
    expect(printed).toMatchObject({ code: 0, stderr: "" });
    const accepted = await runTracker({
      command,
      cwd: "/",
      config: printed.stdout.replace("127.0.0.1:3000", "192.0.2.1:3000"),
    });
    expect(accepted.code).toBe(1);
    expect(accepted.stderr).toContain("no interface of this machine has the address");
  });
}
