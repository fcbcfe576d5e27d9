import { describe, expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import { COUNTER, listFaults } from "../../../src/app/metrics.ts";
import { compact, formatUptime, Status } from "../../../src/app/terminal/status.ts";

function createStatus(tracker: "udp" | "ws") {
  const counters = allocateCounters(2);
  const tables = [
    { torrentCount: 10_000, peerCount: 100_000 },
    { torrentCount: 345, peerCount: 23_456 },
  ];
  const faults = listFaults(tracker);
  const status = new Status({ counters, tables, faults, hasConnections: tracker === "ws" });
  return { status, workers: [0, 1].map((worker) => new Counters(counters, worker)) };
}

describe("the status", () => {
  test("is about the seconds since the last one, over all workers and tables", () => {
    const { status, workers } = createStatus("udp");
    for (const worker of workers) {
      worker.add(COUNTER.requests, 3000);
      worker.add(COUNTER.responses, 2999);
      worker.add(COUNTER.bytesIn, 1_250_000);
      worker.add(COUNTER.bytesOut, 12_500_000);
    }
    expect(status.describe(2, 65, 100, false)).toBe(
      "up 1:05  3.0k req/s  3.0k resp/s  in 10M out 100M bit/s  123k peers  10k torrents",
    );
    workers[1].add(COUNTER.requests, 3);
    expect(status.describe(2, 67, 100, false)).toBe(
      "up 1:07  1.5 req/s  0 resp/s  in 0 out 0 bit/s  123k peers  10k torrents",
    );
  });

  test("has the connections of aquatic-ws", () => {
    const { status, workers } = createStatus("ws");
    for (const worker of workers) worker.set(COUNTER.connections, 600);
    expect(status.describe(1, 0, 100, false)).toBe(
      "up 0:00  0 req/s  0 resp/s  in 0 out 0 bit/s  1.2k connections  123k peers  10k torrents",
    );
  });

  test("says in yellow if something was not served, in front of what may not fit", () => {
    const { status, workers } = createStatus("udp");
    workers[0].add(COUNTER.malformed, 5);
    workers[1].add(COUNTER.tableFull, 3);
    expect(status.describe(2, 0, 50, true)).toBe(
      "up 0:00  0 req/s  0 resp/s  \x1b[33m4 not served/s\x1b[0m",
    );
    expect(status.describe(2, 0, 50, true)).toBe("up 0:00  0 req/s  0 resp/s  in 0 out 0 bit/s");
  });

  test("is always narrower than the terminal, and leaves out whole parts from its end", () => {
    const { status } = createStatus("ws");
    const whole = status.describe(1, 0, 1000, false).split("  ");
    for (let columns = 1; columns <= 100; columns++) {
      const text = status.describe(1, 0, columns, false);
      expect(text.length).toBeLessThan(columns);
      const parts = text.split("  ");
      if (columns > whole[0].length) expect(parts).toEqual(whole.slice(0, parts.length));
      else expect(whole[0]).toStartWith(text);
    }
  });
});

test.each([
  [0, "0"],
  [0.25, "0.3"],
  [7, "7"],
  [7.46, "7.5"],
  [9.96, "10"],
  [99.5, "100"],
  [999.4, "999"],
  [999.5, "1.0k"],
  [1234, "1.2k"],
  [9960, "10k"],
  [12_345, "12k"],
  [999_600, "1.0M"],
  [39_460_000, "39M"],
  [2e9, "2.0G"],
  [5e15, "5000T"],
])("%d is shortened to %s", (value, text) => {
  expect(compact(value)).toBe(text);
});

test.each([
  [0.9, "0:00"],
  [59, "0:59"],
  [3599, "59:59"],
  [3600, "1:00:00"],
  [86_399, "23:59:59"],
  [86_400, "1d 0:00:00"],
  [10_000_000, "115d 17:46:40"],
])("an uptime of %d seconds is %s", (seconds, text) => {
  expect(formatUptime(seconds)).toBe(text);
});
