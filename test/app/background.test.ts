// The work of the main thread, on timers that the tests control.

import { afterEach, describe, expect, jest, spyOn, test } from "bun:test";
import {
  awaitInterval,
  keepClean,
  keepStatistics,
  reportFullTable,
} from "../../src/app/background.ts";
import { Censuses } from "../../src/app/censuses.ts";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { COUNTER, listFaults } from "../../src/app/metrics.ts";
import { standardError, standardOutput } from "../../src/app/output.ts";
import { TableHarness } from "../swarm/harness.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

/**
 * Lets the next `count` sleeps pass and blocks the one after them. `isOver` resolves when that one
 * starts. `onSleep` is called at the start of each.
 */
function letSleep(count: number, onSleep = () => {}) {
  const sleeps: number[] = [];
  const over = Promise.withResolvers<void>();
  spyOn(Bun, "sleep").mockImplementation((time) => {
    sleeps.push(Number(time));
    onSleep();
    if (sleeps.length <= count) return Promise.resolve();
    over.resolve();
    return new Promise<void>(() => {});
  });
  return { sleeps, isOver: over.promise };
}

/** Settings that never change. */
function settings(cleaning: { interval: number; max_peer_age: number }, interval = 5) {
  return {
    config: { cleaning, statistics: { interval } },
    changed: new Promise<void>(() => {}),
  };
}

test("a full table is logged once, after its first refusal", () => {
  const buffer = allocateCounters(2);
  const logged = spyOn(standardError, "write").mockReturnValue(true);
  const stop = spyOn(globalThis, "clearInterval").mockImplementation(() => {});
  let tick = (): void => {};
  spyOn(globalThis, "setInterval").mockImplementation(((callback: () => void) => {
    tick = callback;
    return "the timer";
  }) as never);
  reportFullTable(buffer);
  tick();
  expect([logged.mock.calls.length, stop.mock.calls.length]).toEqual([0, 0]);
  new Counters(buffer, 1).add(COUNTER.tableFull, 1);
  tick();
  expect(logged.mock.calls).toHaveLength(1);
  expect(logged.mock.calls[0]).toEqual([expect.stringContaining("limits: a table is full")]);
  expect(stop.mock.calls).toEqual([["the timer" as never]]);
});

test("waiting for many intervals leaves one reaction to the change", async () => {
  const { promise: changed, resolve } = Promise.withResolvers<void>();
  const reactions = spyOn(changed, "then");
  spyOn(Bun, "sleep").mockResolvedValue(undefined);
  for (let i = 0; i < 100; i++) await awaitInterval(() => 1, { changed });
  expect(reactions.mock.calls).toHaveLength(1);
  spyOn(Bun, "sleep").mockReturnValue(new Promise<void>(() => {}));
  let interval = 1;
  const next = { changed };
  const waits = [1, 2].map(() => awaitInterval(() => interval, next));
  next.changed = new Promise<void>(() => {});
  interval = 2;
  spyOn(Bun, "sleep").mockResolvedValue(undefined);
  resolve();
  await Promise.all(waits);
});

describe("keepClean", () => {
  test("takes over another interval and age while it waits", async () => {
    const harness = new TableHarness(4);
    const clock = { second: 0 };
    clock.second = 100;
    harness.announce({ torrent: 1, peer: 1, tick: 0 });
    const change = Promise.withResolvers<void>();
    const current = {
      ...settings({ interval: 3600, max_peer_age: 1000 }),
      changed: change.promise,
    };
    const sleeps: number[] = [];
    const over = Promise.withResolvers<void>();
    spyOn(performance, "now").mockReturnValue(0);
    spyOn(Bun, "sleep").mockImplementation((time) => {
      sleeps.push(Number(time));
      // The first sleep, and the one after the pass, never end.
      if (sleeps.length === 3) over.resolve();
      return sleeps.length === 2 ? Promise.resolve() : new Promise<void>(() => {});
    });
    void keepClean(current, [harness.table], clock);
    expect(sleeps).toEqual([3_600_000]);
    current.config.cleaning.interval = 7;
    current.config.cleaning.max_peer_age = 50;
    current.changed = new Promise<void>(() => {});
    change.resolve();
    await over.promise;
    expect(sleeps).toEqual([3_600_000, 7000, 7000]);
    expect(harness.table.peerCount).toBe(0);
  });

  test("cleans all tables after each interval, by the current time", async () => {
    const harnesses = ([4, 16] as const).map((addressBytes) => new TableHarness(addressBytes));
    const clock = { second: 0 };
    for (const harness of harnesses) {
      for (let torrent = 1; torrent <= 300; torrent++) {
        harness.announce({ torrent, peer: torrent, tick: torrent <= 200 ? 70_000 : 70_100 });
      }
    }
    clock.second = 70_200;
    const { sleeps, isOver } = letSleep(1);
    const tables = harnesses.map(({ table }) => table);
    void keepClean(settings({ interval: 30, max_peer_age: 150 }), tables, clock);
    expect(tables.map(({ peerCount }) => peerCount)).toEqual([300, 300]);
    await isOver;
    expect(sleeps).toEqual([30_000, 30_000]);
    expect(tables.map(({ peerCount }) => peerCount)).toEqual([100, 100]);
  });

  test("never stops", async () => {
    const harness = new TableHarness(4);
    const clock = { second: 0 };
    harness.announce({ torrent: 1, peer: 1, tick: 0 });
    const counts: number[] = [];
    const { isOver } = letSleep(5, () => {
      counts.push(harness.table.peerCount);
      clock.second += 10;
    });
    void keepClean(settings({ interval: 1, max_peer_age: 30 }), [harness.table], clock);
    await isOver;
    expect(counts).toEqual([1, 1, 1, 1, 0, 0]);
  });
});

test("keepStatistics writes lines to standard output after each interval", async () => {
  const harness = new TableHarness(4);
  harness.announce({ torrent: 1, peer: 1 });
  const buffer = allocateCounters(1);
  const counters = new Counters(buffer, 0);
  // The second interval takes twice as long as it should.
  let time = 5000;
  spyOn(performance, "now").mockImplementation(() => time);
  const { sleeps, isOver } = letSleep(2, () => {
    time += sleeps.length * 3000;
    counters.add(COUNTER.requests, 30);
    if (sleeps.length === 1) counters.add(COUNTER.malformed, 1);
  });
  const written: string[] = [];
  spyOn(standardOutput, "write").mockImplementation((text) => {
    written.push(text);
    return true;
  });
  void keepStatistics(
    settings({ interval: 30, max_peer_age: 1 }, 3),
    new Censuses([harness.table]),
    buffer,
    {
      faults: listFaults("udp"),
    },
  );
  await isOver;
  jest.restoreAllMocks();
  expect(sleeps).toEqual([3000, 3000, 3000]);
  const swarms = "peers per torrent: min 1, p50 1, p75 1, p90 1, p99 1, p99.9 1, max 1";
  const bandwidth = "bandwidth: 0.00 Mbit/s in, 0.00 Mbit/s out";
  expect(written.map((text) => text.split("\n"))).toEqual([
    [
      "requests/s: 10.00, responses/s: 0.00, requests per batch: 0.00",
      bandwidth,
      swarms,
      "not served: malformed 1, invalid connection 0, table full 0, address full 0, " +
        "rate limited 0, forbidden torrent 0, queue full 0, send failed 0",
      "",
    ],
    ["requests/s: 5.00, responses/s: 0.00, requests per batch: 0.00", bandwidth, swarms, ""],
  ]);
});

test.each([
  ["lets timers run after a long step", 10, true],
  ["does not stop for timers before that", 0, false],
] as const)("background work %s", async (_what, milliseconds, isShared) => {
  const harness = new TableHarness(4, { maxTorrents: 20_000, maxPeers: 20_000 });
  for (let torrent = 1; torrent <= 20_000; torrent++) harness.announce({ torrent, peer: torrent });
  const clock = { second: 0 };
  clock.second = 1000;
  // The duration of every step.
  let time = 0;
  spyOn(performance, "now").mockImplementation(() => (time += milliseconds));
  const { isOver } = letSleep(1);
  let seen = 0;
  const watch = (): void => {
    const { peerCount } = harness.table;
    if (peerCount > 0 && peerCount < 20_000) seen++;
    if (peerCount > 0) setImmediate(watch);
  };
  watch();
  void keepClean(settings({ interval: 1, max_peer_age: 10 }), [harness.table], clock);
  await isOver;
  expect(seen > 0).toBe(isShared);
  expect(harness.table.peerCount).toBe(0);
});
