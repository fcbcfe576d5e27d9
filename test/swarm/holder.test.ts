// Peers that a connection holds: only their holder, or a connection that takes them over, changes
// them.

import { beforeEach, expect, test } from "bun:test";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../../src/swarm/layout.ts";
import { createTable, PEER_HELD, Table } from "../../src/swarm/table.ts";

const limits = { maxTorrents: 10, maxPeers: 1000 };
let table: Table;

beforeEach(() => {
  table = new Table(createTable(20, limits, new Int32Array([1, 2])));
});

function request(peer: number, connection: number, generation: number, flags = 0): Int32Array {
  const words = new Int32Array(ANNOUNCE.words);
  words[ANNOUNCE.flags] = flags;
  words.fill(77, ANNOUNCE.infoHash, ANNOUNCE.peer);
  words.set([1, 2, 3, 4, peer, connection, generation], ANNOUNCE.peer);
  table.hashAnnounce(words, 0);
  return words;
}

function announce(peer: number, connection: number, generation: number, flags = 0): number {
  return table.announce(request(peer, connection, generation, flags), 0, 0, new Uint16Array(0), 0);
}

function holderOf(peer: number): [connection: number, generation: number] | undefined {
  const found = table.findPeer(request(peer, 0, 0), 0);
  return found ? [table.result.connection, table.result.generation] : undefined;
}

// Alone, the peer is in a small block; among two hundred, it is in a set.
test.each([0, 200])(
  "a peer among %i others stays with its connection until it is taken over",
  (others) => {
    for (let peer = 1; peer <= others; peer++) announce(1000 + peer, peer, 0);

    expect(announce(1, 5, 65_535)).toBe(0);
    expect(table.result.isNewcomer).toBe(true);
    expect(announce(1, 5, 65_535, FLAG_SEEDER)).toBe(0);
    expect(table.result.isNewcomer).toBe(false);
    expect(holderOf(1)).toEqual([5, 65_535]);

    // The same slot with another generation, and another slot with the same generation.
    for (const [connection, generation] of [
      [5, 0],
      [6, 65_535],
    ]) {
      table.result.connection = table.result.generation = -1;
      expect(announce(1, connection, generation)).toBe(PEER_HELD);
      expect([table.result.connection, table.result.generation]).toEqual([5, 65_535]);
      expect(announce(1, connection, generation, FLAG_STOPPED)).toBe(0);
      expect(table.result.seeders).toBe(1);
      expect(holderOf(1)).toEqual([5, 65_535]);
    }

    expect(announce(1, 6, 3, FLAG_TAKE_OVER)).toBe(0);
    expect(table.result.isNewcomer).toBe(true);
    expect([table.result.leechers, table.result.seeders]).toEqual([others + 1, 0]);
    expect(holderOf(1)).toEqual([6, 3]);
    announce(1, 5, 65_535, FLAG_STOPPED);
    expect(holderOf(1)).toEqual([6, 3]);
    announce(1, 6, 3, FLAG_STOPPED);
    expect(holderOf(1)).toBeUndefined();
    expect(table.peerCount).toBe(others);
  },
);

test("findPeer finds no peer in a missing swarm", () => {
  expect(holderOf(1)).toBeUndefined();
});
