// What an announce reports of the peer before, and announces that come late from another node.

import { describe, expect, test } from "bun:test";
import { isLater } from "../../src/memory/clock.ts";
import { TableHarness } from "./harness.ts";

// Peers in the record, in a block, and in sets.
const SIZES = [1, 30, 200];

describe.each([4, 16] as const)("peers of %i-byte addresses", (identityBytes) => {
  const open = (size: number) => {
    const harness = new TableHarness(identityBytes);
    for (let peer = 1; peer <= size; peer++) {
      const status = peer % 2 === 0 ? "seeder" : "leecher";
      harness.announce({ torrent: 1, peer, status, tick: 1000 + peer, wanted: 0 });
    }
    return harness;
  };

  test.each(SIZES)("an announce reports the tick and status before, among %i", (size) => {
    const harness = open(size);
    const { result } = harness.table;
    for (let peer = 1; peer <= size; peer++) {
      harness.announce({ torrent: 1, peer, status: "seeder", tick: 2000 });
      const { isNewcomer, lastStatus, lastTick } = result;
      expect([isNewcomer, lastStatus, lastTick]).toEqual([false, 1 - (peer % 2), 1000 + peer]);
    }
    harness.announce({ torrent: 1, peer: size + 1 });
    expect(result.isNewcomer).toBe(true);
  });

  test.each(SIZES)("a stop reports whether the peer was there, among %i", (size) => {
    const harness = open(size);
    const { result } = harness.table;
    const stop = (torrent: number, peer: number) => {
      harness.announce({ torrent, peer, status: "stopped", tick: 2000 });
      return result.wasRemoved;
    };
    expect([stop(1, size + 1), stop(2, 1), stop(1, 1), stop(1, 1)]).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  test.each(SIZES)("a late announce changes nothing, a newer one counts, among %i", (size) => {
    const harness = open(size);
    const seeders = Math.floor(size / 2);
    const leechers = size - seeders;
    const merge = (tick: number, status: "leecher" | "seeder" | "stopped") => {
      harness.announce({ torrent: 1, peer: 1, status, tick, wanted: 0, isMerged: true });
      return harness.scrape(1);
    };
    const before = { leechers, seeders };
    expect(merge(1000, "leecher")).toEqual(before);
    expect(merge(1000, "seeder")).toEqual(before);
    expect(merge(1000, "stopped")).toEqual(before);
    // In the same second, a peer becomes a seeder, but not a leecher.
    expect(merge(1001, "leecher")).toEqual(before);
    const seeding = { leechers: leechers - 1, seeders: seeders + 1 };
    expect(merge(1001, "seeder")).toEqual(seeding);
    expect(merge(1001, "leecher")).toEqual(seeding);
    expect(merge(1050, "leecher")).toEqual(before);
    expect(merge(1049, "stopped")).toEqual(before);
    expect(merge(1050, "stopped")).toEqual({ leechers: leechers - 1, seeders });
  });

  test("a merged announce of a new peer adds it, with its tick", () => {
    const harness = open(1);
    harness.announce({ torrent: 7, peer: 9, tick: 900, isMerged: true });
    expect(harness.table.result.isNewcomer).toBe(true);
    harness.announce({ torrent: 7, peer: 9, tick: 950, isMerged: true });
    expect(harness.table.result.lastTick).toBe(900);
    harness.announce({ torrent: 7, peer: 9, tick: 800, isMerged: true });
    harness.announce({ torrent: 7, peer: 9, tick: 1000 });
    expect(harness.table.result.lastTick).toBe(950);
  });
});

test("ticks are compared across the end of their range", () => {
  for (const tick of [0, 1, 5000, 32_767, 32_768, 65_535]) {
    expect(isLater(tick, tick)).toBe(false);
    for (const step of [1, 2, 300, 32_000]) {
      const later = (tick + step) & 0xffff;
      expect([isLater(later, tick), isLater(tick, later)]).toEqual([true, false]);
    }
  }
});
