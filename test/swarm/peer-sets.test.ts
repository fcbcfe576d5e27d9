// Corner cases of large swarms that random tests rarely reach.

import { describe, expect, test } from "bun:test";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { planTable, STORAGE_INLINE, STORAGE_SETS, TORRENT } from "../../src/swarm/layout.ts";
import { countUsed } from "./arena-audit.ts";
import { TableHarness } from "./harness.ts";

const LIMITS = { maxTorrents: 10, maxPeers: 1000 };

/** Peers with even hashes: a set with only those has every other bucket empty. */
function findEvenPeers(harness: TableHarness, count: number): number[] {
  const { blocks, torrents, words } = harness.table;
  const peers: number[] = [];
  for (let peer = 0; peers.length < count; peer++) {
    // The first torrent of an empty table has the first record. Its only peer is in the record, or
    // first in its block.
    harness.announce({ torrent: 1, peer });
    const inline = torrents.chunkRecord(0) + TORRENT.inline;
    const isInline = words[torrents.chunkRecord(0) + TORRENT.storage] === STORAGE_INLINE;
    const isEven = (blocks.hashPeer(isInline ? inline : words[inline]) & 1) === 0;
    if (isEven) peers.push(peer);
    harness.announce({ torrent: 1, peer, status: "stopped" });
  }
  return peers;
}

describe.each([4, 16, 20] as const)("a large swarm of %i-byte identities", (identityBytes) => {
  const plan = planTable(identityBytes, LIMITS);

  test("frees all memory when it merges empty buckets", () => {
    const harness = new TableHarness(identityBytes, LIMITS);
    const leechers = findEvenPeers(harness, 70);
    const seeders = Array.from({ length: 30 }, (_, i) => 10_000 + i);
    for (const peer of seeders) harness.announce({ torrent: 1, peer, status: "seeder" });
    for (const peer of leechers) harness.announce({ torrent: 1, peer });
    const record = harness.table.torrents.chunkRecord(0);
    expect(harness.table.words[record + TORRENT.storage]).toBe(STORAGE_SETS);
    for (const peer of [...leechers, ...seeders]) {
      harness.announce({ torrent: 1, peer, status: "stopped" });
    }
    expect(harness.table.torrentCount).toBe(0);
    expect(countUsed(harness.table.words, plan)).toBe(0);
  });

  test("refuses its 65th peer without memory and keeps the others", () => {
    const harness = new TableHarness(identityBytes, LIMITS);
    for (let peer = 0; peer < 64; peer++) harness.announce({ torrent: 1, peer });
    const { arena, words } = harness.table;
    const taken: number[] = [];
    for (let block = arena.allocateBlock(0); block !== 0; block = arena.allocateBlock(0))
      taken.push(block);
    // From no memory at all to enough for one directory, for two, and for a few blocks.
    let refused = 0;
    while (harness.announce({ torrent: 1, peer: 64 }) === undefined) {
      refused++;
      expect(harness.scrape(1)).toEqual({ leechers: 64, seeders: 0 });
      expect(harness.announce({ torrent: 1, peer: 0 })).toMatchObject({ leechers: 64 });
      expect(countUsed(words, plan)).toBe(
        64 * plan.peerWords + taken.length * (plan.peerWords << plan.unitSizeClass),
      );
      arena.freeBlock(taken.shift()!, 0);
    }
    expect(refused).toBeGreaterThan(4);
    const peers = harness.announce({ torrent: 1, peer: 64, wanted: 100 })?.peers ?? [];
    expect(peers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  test("grows and shrinks by single buckets, together with its directory", () => {
    const harness = new TableHarness(identityBytes, { maxTorrents: 1, maxPeers: 20_000 });
    const { sets, torrents, words } = harness.table;
    const record = torrents.chunkRecord(0);
    for (let peer = 0; peer < 20_000; peer++) harness.announce({ torrent: 1, peer, wanted: 0 });
    expect(sets.buckets(record, 0)).toBe(20_000 / 16);
    const big = planTable(identityBytes, { maxTorrents: 1, maxPeers: 20_000 });
    // At most 16 bytes per IPv4 peer.
    expect(countUsed(words, big) / 20_000).toBeLessThanOrEqual(2 * plan.peerWords);
    for (let peer = 0; peer < 20_000 - 100; peer++) {
      harness.announce({ torrent: 1, peer, status: "stopped" });
    }
    expect(sets.buckets(record, 0)).toBe(10);
    // The third word of a set is the size of its directory, 2^5 entries. The directory is halved
    // when a quarter is in use.
    expect(words[record + TORRENT.inline + 2]).toBe(5);
    expect(countUsed(words, big) / 100).toBeLessThanOrEqual(4 * plan.peerWords);
  });

  const remains = [1, 2, 5, 12, 13, 24];
  test.each(remains.flatMap((left) => [[left, "expired"] as const, [left, "stopped"] as const]))(
    "uses no more memory than it needs once all but %i peers have %s",
    (left, how) => {
      const harness = new TableHarness(identityBytes, LIMITS);
      for (let peer = 0; peer < 200; peer++) {
        harness.announce({ torrent: 1, peer, tick: peer < left ? 100 : 0 });
      }
      if (how === "expired") {
        const pass = new CleaningPass(harness.table, 50);
        while (!pass.step(100));
      } else {
        for (let peer = left; peer < 200; peer++) {
          harness.announce({ torrent: 1, peer, status: "stopped" });
        }
      }
      const { peerCount, torrents, words } = harness.table;
      expect(peerCount).toBe(left);
      const storage = words[torrents.chunkRecord(0) + TORRENT.storage];
      const isInline = storage === STORAGE_INLINE;
      // Blocks double when they are full and halve at three eighths, down to the smallest one.
      const room = 2 ** storage;
      const smallest = identityBytes === 4 ? 8 : 2;
      expect(isInline).toBe(identityBytes === 4 && left < 3);
      expect(isInline || left * 8 > room * 3 || room === smallest).toBe(true);
      expect(countUsed(words, plan)).toBe(isInline ? 0 : room * plan.peerWords);
    },
  );
});
