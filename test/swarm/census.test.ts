import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../src/memory/random.ts";
import { Census } from "../../src/swarm/census.ts";
import { CHUNK_SLOTS, TORRENT } from "../../src/swarm/layout.ts";
import type { Table } from "../../src/swarm/table.ts";
import { TableHarness } from "./harness.ts";

const PARTS: [fraction: number, numerator: number, denominator: number][] = [
  [0, 0, 1],
  [0.5, 1, 2],
  [0.75, 3, 4],
  [0.9, 9, 10],
  [0.99, 99, 100],
  [0.999, 999, 1000],
  [1, 1, 1],
];

function count(...tables: Table[]): Census {
  const census = new Census(tables);
  while (!census.step());
  return census;
}

/** A table whose torrents claim these numbers of peers, some of them seeders. */
function pretend(sizes: number[]): Table {
  const limits = { maxTorrents: sizes.length + 1, maxPeers: sizes.length + 1 };
  const { announce, table } = bind(new TableHarness(4, limits));
  for (const torrent of sizes.keys()) announce({ torrent, peer: 1 });
  const { torrents, words } = table;
  const rest = [...sizes];
  for (let chunk = 0; chunk < torrents.chunks(); chunk++) {
    for (let slot = 0; slot < CHUNK_SLOTS; slot++) {
      const record = torrents.chunkRecord(chunk) + slot * TORRENT.words;
      if (words[record + TORRENT.leechers] === 0) continue;
      const size = rest.pop()!;
      words[record + TORRENT.seeders] = size >> 1;
      words[record + TORRENT.leechers] = size - (size >> 1);
    }
  }
  return table;
}

function bind(harness: TableHarness) {
  return { announce: harness.announce.bind(harness), table: harness.table };
}

/** The nearest rank: the smallest size that this fraction of the sizes does not exceed. */
function percentileOf(sizes: number[], numerator: number, denominator: number): number {
  const sorted = sizes.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((sorted.length * numerator) / denominator));
  return sorted[rank - 1];
}

describe("a census", () => {
  test("of an empty table is all zeros", () => {
    for (const census of [count(), count(new TableHarness(4).table)]) {
      expect(census.torrents).toBe(0);
      expect(PARTS.map(([fraction]) => census.percentile(fraction))).toEqual(PARTS.map(() => 0));
    }
  });

  test("counts the swarms of both families, and no removed torrent", () => {
    const [ipv4, ipv6] = ([4, 16, 20] as const).map(
      (identityBytes) => new TableHarness(identityBytes),
    );
    const sizes: number[] = [];
    for (const harness of [ipv4, ipv6]) {
      for (let torrent = 1; torrent <= 70; torrent++) {
        const size = torrent % 9 === 0 ? 80 + torrent : torrent % 7;
        for (let peer = 0; peer < size; peer++) {
          harness.announce({ torrent, peer, status: peer % 2 === 0 ? "seeder" : "leecher" });
        }
        if (size > 0) sizes.push(size);
      }
      harness.announce({ torrent: 99, peer: 1 });
      harness.announce({ torrent: 99, peer: 1, status: "stopped" });
    }
    const census = count(ipv4.table, ipv6.table);
    expect(census.torrents).toBe(sizes.length);
    for (const [fraction, numerator, denominator] of PARTS) {
      expect(census.percentile(fraction)).toBe(percentileOf(sizes, numerator, denominator));
    }
  });

  test("has exact percentiles for swarms below 2,048", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2047 }));
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 1500, size: "max" }), (sizes) => {
        const census = count(pretend(sizes));
        expect(census.torrents).toBe(sizes.length);
        for (const [fraction, numerator, denominator] of PARTS) {
          expect(census.percentile(fraction)).toBe(percentileOf(sizes, numerator, denominator));
        }
      }),
      { numRuns: 20 },
    );
  });

  test("rounds larger swarms down by at most 1 part in 1,024", () => {
    const random = new Random(1, 2, 3);
    const sizes = [2048, 2049, 2050, 4095, 4096, 4097, 99_999_999, 100_000_000, 2 ** 31 - 1];
    for (let i = 0; i < 500; i++) sizes.push(2048 + random.below(2 ** (12 + (i % 19))));
    for (const size of sizes) {
      const measured = count(pretend([size])).percentile(1);
      expect(measured).toBeLessThanOrEqual(size);
      expect(measured).toBeGreaterThan(size * (1 - 1 / 1024));
    }
    const census = count(pretend(sizes));
    for (const [fraction, numerator, denominator] of PARTS) {
      const exact = percentileOf(sizes, numerator, denominator);
      expect(census.percentile(fraction)).toBeLessThanOrEqual(exact);
      expect(census.percentile(fraction)).toBeGreaterThan(exact * (1 - 1 / 1024));
    }
  });

  test("takes steps, each over a part of a table", () => {
    const harness = new TableHarness(4, { maxTorrents: 40_000, maxPeers: 40_000 });
    for (let torrent = 0; torrent < 40_000; torrent++) harness.announce({ torrent, peer: 1 });
    const census = new Census([harness.table, new TableHarness(16).table, harness.table]);
    const counted: number[] = [];
    while (!census.step()) counted.push(census.torrents);
    const steps = counted.map((torrents, i) => torrents - (counted[i - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(256 * CHUNK_SLOTS);
    expect(census.torrents).toBe(80_000);
  });
});

test("a census counts leechers and seeders of each table, and sizes by powers of two", () => {
  const a = bind(new TableHarness(4));
  const b = bind(new TableHarness(16));
  for (let peer = 1; peer <= 5; peer++) {
    a.announce({ torrent: 1, peer, status: peer % 2 === 1 ? "seeder" : "leecher" });
  }
  for (let torrent = 2; torrent <= 4; torrent++) b.announce({ torrent, peer: 1 });
  for (let peer = 1; peer <= 2; peer++) b.announce({ torrent: 9, peer });
  const census = count(a.table, b.table);
  expect(census.peers).toEqual([
    { leechers: 2, seeders: 3 },
    { leechers: 5, seeders: 0 },
  ]);
  expect(census.distribution()).toEqual([3, 1, 0, 1]);
  expect(count().distribution()).toEqual([]);
});
