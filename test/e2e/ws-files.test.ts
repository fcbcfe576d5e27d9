// The WebTorrent tracker where the system allows few open files, of which each connection is one.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { startTracker, type Tracker } from "../support/tracker.ts";
import { announce, connectWs, say, type WsClient } from "../support/ws-client.ts";

const TIMEOUT_MS = 30_000;
const MAX_FILES = 160;
const PORT_0 = "[network]\naddress = '127.0.0.1:0'\n";
/** The scheduler's ticks, in which /proc counts CPU time. */
const TICKS_PER_SECOND = 100;
/** For so long its share of the processor is looked at. */
const WINDOW_MS = 2000;

function startWs(config = ""): Promise<Tracker> {
  return startTracker({ program: "ws", config: PORT_0 + config, maxFiles: MAX_FILES });
}

const urlOf = (tracker: Tracker): string => `127.0.0.1:${tracker.ports[0]}/`;

/** What the log says that fits. */
function mostIn(tracker: Tracker): number {
  const pattern = new RegExp(`max_connections: (\\d+) fit the ${MAX_FILES} files .*ulimit -n`, "g");
  const matches = Array.from(tracker.stderr.matchAll(pattern), ([, most]) => Number(most));
  expect(matches).toHaveLength(1);
  return matches[0];
}

test(
  "max_connections is what fits, and one more is refused with 503",
  async () => {
    await using tracker = await startWs();
    await tracker.waitForLine(/max_connections/);
    const most = mostIn(tracker);
    expect(most).toBeGreaterThan(MAX_FILES / 2);
    const clients: WsClient[] = [];
    for (let i = 0; i < most; i++) clients.push(await connectWs(`ws://${urlOf(tracker)}`));
    const upgrade = {
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
    };
    // The connection is closed: the refused are no files either.
    for (let i = 0; i < 2 * MAX_FILES; i++) {
      const response = await fetch(`http://${urlOf(tracker)}`, upgrade);
      expect([response.status, await response.text()]).toEqual([503, "too many connections\n"]);
      expect(response.headers.get("connection")).toBe("close");
    }
    for (const [i, client] of clients.entries()) {
      expect(await say(client, announce("t", `p${i}`))).toMatchObject({ incomplete: i + 1 });
    }
    await clients[0].close();
    while ((await fetch(`http://${urlOf(tracker)}`, upgrade)).status === 503);
    expect(await tracker.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

test("a limit that fits is left as it is, without a word", async () => {
  await using tracker = await startWs("[limits]\nmax_connections = 10");
  await using a = await connectWs(`ws://${urlOf(tracker)}`);
  await say(a, announce("t", "a"));
  expect(tracker.stderr.trim().split("\n")).toHaveLength(1);
});

describe.if(process.platform === "linux")("when all files are open", () => {
  /** Connections that say nothing. */
  function openSilent(tracker: Tracker, count: number): Socket[] {
    const sockets = Array.from({ length: count }, () => connect(tracker.ports[0], "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => undefined);
    return sockets;
  }

  /** CPU seconds of all threads. */
  function readCpu(pid: number): number {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  test.each([1, 2])(
    "the tracker serves on and does not spin, %i workers",
    async (workers) => {
      await using tracker = await startTracker({
        program: "ws",
        config: `socket_workers = ${workers}\n${PORT_0}`,
        maxFiles: MAX_FILES,
      });
      await using client = await connectWs(`ws://${urlOf(tracker)}`);
      const silent = openSilent(tracker, 2 * MAX_FILES);
      await tracker.waitForLine(/nearly all of 160 files are open \(ulimit -n\)/);
      const [start, cpu] = [performance.now(), readCpu(tracker.pid)];
      while (performance.now() < start + WINDOW_MS) {
        expect(await say(client, announce("t", "a"))).toMatchObject({ incomplete: 1 });
        await Bun.sleep(20);
      }
      const seconds = (performance.now() - start) / 1000;
      expect(readCpu(tracker.pid) - cpu).toBeLessThan(seconds / 2);
      for (const socket of silent) socket.destroy();
      await using late = await connectWs(`ws://${urlOf(tracker)}`);
      expect(await say(late, announce("t", "late"))).toHaveProperty("complete");
      expect(await tracker.stop()).toBe(0);
    },
    TIMEOUT_MS,
  );
});
