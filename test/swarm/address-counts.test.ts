// The limit on peers per address: what it refuses, what it does not affect, and that removed peers
// no longer count.

import { describe, expect, test } from "bun:test";
import { SKETCH_WORDS } from "../../src/memory/counting-sketch.ts";
import { Random } from "../../src/memory/random.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { ANNOUNCE, FLAG_STOPPED, planTable } from "../../src/swarm/layout.ts";
import { ADDRESS_FULL, createTable, Table, TABLE_FULL } from "../../src/swarm/table.ts";

const MAX_AGE = 100;
const halves = new Uint16Array(9000);

function newTable(addressBytes: 4 | 16, maxPeersPerAddress: number, maxPeers = 100_000) {
  const limits = { maxTorrents: 10_000, maxPeers, maxPeersPerAddress };
  const table = new Table(createTable(addressBytes, limits, new Int32Array([1, 2])));
  const counts = planTable(addressBytes, limits).addressCounts;
  const request = new Int32Array(ANNOUNCE.words);
  return {
    table,
    countPeers: () =>
      table.words.subarray(counts, counts + SKETCH_WORDS / 2).reduce((a, b) => a + b),
    /** Returns the number of peers handed out, or the reason for none. */
    announce: (address: number[], port: number, torrent: number, flags = 0, tick = 0): number => {
      request.fill(0);
      request[ANNOUNCE.flags] = flags;
      request[ANNOUNCE.numwant] = 10;
      request.fill(torrent + 1, ANNOUNCE.infoHash, ANNOUNCE.peer);
      request.set([...address, port], ANNOUNCE.peer);
      table.hashAnnounce(request, 0);
      return table.announce(request, 0, tick, halves, 0);
    },
  };
}

describe.each([4, 16] as const)("a table of %i-byte addresses", (bytes) => {
  const own = bytes === 4 ? [0x0a000001] : [0x20010db8, 7, 1, 2];
  const other = bytes === 4 ? [0x0b000001] : [0x20010db8, 8, 1, 2];

  test("refuses peers of an address beyond its limit, in all torrents together", () => {
    const { announce, table } = newTable(bytes, 5);
    for (let i = 0; i < 5; i++) expect(announce(own, 1 + i, i)).toBeGreaterThanOrEqual(0);
    expect(announce(own, 9, 0)).toBe(ADDRESS_FULL);
    expect(announce(own, 9, 77)).toBe(ADDRESS_FULL);
    expect([table.peerCount, table.torrentCount]).toEqual([5, 5]);
    // Known peers and other addresses are still served.
    expect(announce(own, 1, 0)).toBe(0);
    expect(announce(other, 9, 0)).toBe(1);
  });

  test("counts the addresses of an IPv6 network as one", () => {
    const { announce } = newTable(bytes, 3);
    const neighbours = [1, 2, 3, 4].map((host) => {
      return bytes === 4 ? [0x0a000001 + host] : [0x20010db8, 7, 5, host];
    });
    const outcomes = neighbours.map((address) => announce(address, 1, 1) === ADDRESS_FULL);
    expect(outcomes).toEqual([false, false, false, bytes === 16]);
  });

  test("makes room for a new peer when one stops", () => {
    const { announce } = newTable(bytes, 2);
    announce(own, 1, 1);
    announce(own, 2, 1);
    expect(announce(own, 3, 1)).toBe(ADDRESS_FULL);
    // Stopping an unknown peer does not reduce the count.
    announce(own, 9, 1, FLAG_STOPPED);
    expect(announce(own, 3, 1)).toBe(ADDRESS_FULL);
    announce(own, 1, 1, FLAG_STOPPED);
    announce(own, 1, 1, FLAG_STOPPED);
    expect(announce(own, 3, 1)).toBe(1);
    expect(announce(own, 4, 1)).toBe(ADDRESS_FULL);
  });

  test("does not count peers that a full table refuses", () => {
    const { announce, countPeers } = newTable(bytes, 1000, 3);
    for (let port = 1; port <= 3; port++) announce(own, port, 1);
    for (let port = 4; port <= 9; port++) expect(announce(own, port, 1)).toBe(TABLE_FULL);
    expect(countPeers()).toBe(3);
  });

  test("counts exactly its peers while they come, change, stop and expire", () => {
    const { announce, countPeers, table } = newTable(bytes, 40);
    const random = new Random(bytes, 2, 3);
    for (let round = 1; round <= 30; round++) {
      const tick = round * 40;
      for (let i = 0; i < 600; i++) {
        const host = random.below(50);
        const address = bytes === 4 ? [host] : [host, 1, random.below(3), 4];
        const flags = [0, 0, 1, FLAG_STOPPED][random.below(4)];
        announce(address, 1 + random.below(30), random.below(8), flags, tick);
      }
      expect(countPeers()).toBe(table.peerCount);
      const pass = new CleaningPass(table, MAX_AGE);
      while (!pass.step(tick));
      expect(pass.removed > 0).toBe(round > 3);
      expect(countPeers()).toBe(table.peerCount);
    }
    const pass = new CleaningPass(table, MAX_AGE);
    while (!pass.step(10_000));
    expect([table.peerCount, countPeers()]).toEqual([0, 0]);
  });
});

test("a table without the limit counts nothing and uses no memory for it", () => {
  const limits = { maxTorrents: 10, maxPeers: 10 };
  const without = planTable(4, limits);
  expect(planTable(4, { ...limits, maxPeersPerAddress: 0 })).toEqual(without);
  const difference = planTable(4, { ...limits, maxPeersPerAddress: 1 }).words - without.words;
  expect(difference).toBeGreaterThanOrEqual(SKETCH_WORDS);
});
