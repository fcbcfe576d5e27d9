// The trackers as they run where Linux is not: built with another platform's name in every module,
// so that nothing only Linux has is found. The runtime remains that of Linux.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { trackers } from "../../release/programs.ts";
import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { runTracker, startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";
import { readMessages } from "../support/log.ts";

describe.each(["win32", "darwin"])("on %s", (platform) => {
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "aquatic-platform-"));
    for (const { root, entrypoints } of trackers) {
      await Bun.build({
        entrypoints: entrypoints.map((path) => resolve(import.meta.dir, "../..", path)),
        root: resolve(import.meta.dir, "../..", root),
        target: "bun",
        outdir: directory,
        // A worker's URL ends with .ts.
        naming: { entry: "[dir]/[name].ts" },
        define: {
          "process.platform": JSON.stringify(platform),
          ...(platform === "win32" ? { "process.geteuid": "undefined" } : {}),
        },
      });
    }
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const command = (program: "udp" | "ws") => [process.execPath, join(directory, `${program}.ts`)];

  test("aquatic-udp serves with the runtime's sockets and one socket worker", async () => {
    await using tracker = await startTracker({
      command: command("udp"),
      config: "socket_workers = 3\nrequest_workers = 2\n[network]\naddress = '127.0.0.1:0'",
    });
    expect(readMessages(tracker.stderr)[0]).toBe(
      "socket_workers: 1 instead of 3, as only Linux spreads clients over sockets",
    );
    await using client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
    const connectionId = await client.connect();
    for (let port = 1; port <= 20; port++) {
      const announce = buildAnnounce({
        connectionId,
        infoHash: Buffer.alloc(20, 7),
        port,
        left: 1n,
      });
      const response = parseResponse((await client.request(announce))!, client.addressBytes);
      expect(response).toMatchObject({ leechers: port, peers: { length: port - 1 } });
    }
    expect(await tracker.stop()).toBe(0);
  });

  test("aquatic-udp refuses the backend of Linux in one line", async () => {
    const config = "[network]\nsocket_backend = 'mmsg'";
    const { code, stderr } = await runTracker({ command: command("udp"), config });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^aquatic-udp: network\.socket_backend: .*\n$/);
  });

  test("aquatic-ws serves with one socket worker", async () => {
    await using tracker = await startTracker({
      program: "ws",
      command: command("ws"),
      config: "socket_workers = 2\n[network]\naddress = '127.0.0.1:0'",
    });
    expect(readMessages(tracker.stderr)[0]).toBe(
      "socket_workers: 1 instead of 2, as only Linux spreads clients over sockets",
    );
    const socket = new WebSocket(`ws://127.0.0.1:${tracker.ports[0]}`);
    const answer = Promise.withResolvers<string>();
    socket.onmessage = ({ data }) => answer.resolve(data);
    socket.onopen = () => {
      const [info_hash, peer_id] = ["h".repeat(20), "p".repeat(20)];
      socket.send(JSON.stringify({ action: "announce", info_hash, peer_id, left: 0 }));
    };
    expect(JSON.parse(await answer.promise)).toMatchObject({ complete: 1, incomplete: 0 });
    socket.close();
    expect(await tracker.stop()).toBe(0);
  });

  test.each(["udp", "ws"] as const)("aquatic-%s cannot drop privileges", async (program) => {
    const config = "[network]\naddress = '127.0.0.1:0'\n[privileges]\ndrop_privileges = true";
    const { code, stderr } = await runTracker({ program, command: command(program), config });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^aquatic-\w+: privileges\.drop_privileges: .*\n$/);
  });
});
