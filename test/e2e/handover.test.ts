// A tracker takes over from one that still runs: clients notice nothing.

import { expect, test } from "bun:test";
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { NO_ADDRESS_LIMITS, runTracker, startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";

const TIMEOUT_MS = 30_000;

function openState() {
  const path = mkdtempSync(join(tmpdir(), "aquatic-handover-"));
  // Below the ports that the system gives to other tests.
  const port = 10_000 + randomInt(20_000);
  const configure = (more = "") => `
    socket_workers = 2
    request_workers = 0
    [network]\naddress = '127.0.0.1:${port}'
    [statistics]\nhttp_address = '127.0.0.1:${port}'
    [persistence]\npath = '${path}'\n${more}
    ${NO_ADDRESS_LIMITS.udp}`;
  return { path, port, configure, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test(
  "no request is refused while one process after the other takes over",
  async () => {
    using state = openState();
    let tracker = await startTracker({ config: state.configure() });
    const infoHash = randomBytes(20);
    let isOver = false;
    let answered = 0;
    const problems: unknown[] = [];
    /**
     * Announces a peer again and again, with the id of the first process. A lost packet is sent
     * again.
     */
    const announceOn = async (port: number) => {
      await using client = await openUdpClient({ address: "127.0.0.1", port: state.port });
      const connectionId = await client.connect();
      const announce = buildAnnounce({ connectionId, infoHash, port, left: 1n, numwant: 0 });
      while (!isOver) {
        const response = await client.request(announce, { timeoutMs: 1000 });
        if (response === undefined) continue;
        const parsed = parseResponse(response, 4);
        if (parsed.kind === "announce") answered++;
        else problems.push(parsed);
      }
    };
    const clients = Array.from({ length: 8 }, (_, i) => announceOn(i + 1));
    try {
      while (answered < 100) await Bun.sleep(5);
      for (let round = 0; round < 3; round++) {
        const next = await startTracker({ config: state.configure("handover = true") });
        expect(next.stderr).toContain('"8 peers of 1 torrents have been restored');
        expect(await tracker.exited).toBe(0);
        await next.waitForLine(new RegExp(`process ${tracker.pid} has handed over"$`));
        tracker = next;
        const before = answered;
        while (answered < before + 50) await Bun.sleep(5);
      }
      const health = await fetch(`http://127.0.0.1:${state.port}/health`);
      expect(health.status).toBe(200);
    } finally {
      isOver = true;
      await Promise.all(clients);
      await tracker[Symbol.asyncDispose]();
    }
    expect(problems).toEqual([]);
  },
  TIMEOUT_MS,
);

test("without handover, a second tracker does not start, and the first one serves on", async () => {
  using state = openState();
  await using _ = await startTracker({ config: state.configure() });
  const second = await runTracker({ config: state.configure() });
  expect([second.code, second.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^aquatic-udp: persistence.path: ".*" is in use by process \d+; stop it, or set persistence.handover\n$/,
    ),
  ]);
  await using client = await openUdpClient({ address: "127.0.0.1", port: state.port });
  await client.connect();
});

test("a handover from nobody is a start", async () => {
  using state = openState();
  await using tracker = await startTracker({ config: state.configure("handover = true") });
  await using client = await openUdpClient({ address: "127.0.0.1", port: state.port });
  await client.connect();
  expect(await tracker.stop()).toBe(0);
});
