// What is prefetched is what the announce then reads, and stale memory does no harm.

import { expect, test } from "bun:test";
import { Random } from "../../src/memory/random.ts";
import { ANNOUNCE, FLAG_SEEDER, HEADER, TORRENT } from "../../src/swarm/layout.ts";
import { Prefetch } from "../../src/swarm/prefetch.ts";
import { createTable, Table } from "../../src/swarm/table.ts";

const LEECHERS = 0;
const HALVES_PER_PEER = 3;

/** A table of one swarm, a quarter of whose peers are seeders. */
function createSwarm(peers: number) {
  const limits = { maxTorrents: 10, maxPeers: 10_000 };
  const table = new Table(createTable(4, limits, new Int32Array([1, 2])), new Random(1, 2, 3));
  const request = new Int32Array(ANNOUNCE.words);
  const halves = new Uint16Array(300);
  const prepare = (peer: number, wanted: number): void => {
    request[ANNOUNCE.numwant] = wanted;
    request[ANNOUNCE.flags] = peer % 4 === 0 ? FLAG_SEEDER : 0;
    request[ANNOUNCE.peer] = 1000 + peer;
    request[ANNOUNCE.peer + 1] = 5;
    table.hashAnnounce(request, 0);
  };
  const announce = (): number => table.announce(request, 0, 1, halves, 0);
  for (let peer = 0; peer < peers; peer++) {
    prepare(peer, 0);
    announce();
  }
  const record = table.torrents.find(request[ANNOUNCE.torrentHash], request, ANNOUNCE.infoHash);
  return { table, request, halves, prepare, announce, record };
}

test.each([100, 400, 3000])("in a swarm of %i, the start of a handout is guessed", (peers) => {
  const { table, request, halves, prepare, announce, record } = createSwarm(peers);
  const { sets, swarms, words } = table;
  let guessed = 0;
  for (let i = 0; i < 1000; i++) {
    prepare(i % peers, 1);
    const status = request[ANNOUNCE.flags] & FLAG_SEEDER;
    const first = swarms.guessFirstSet(record, status, request[ANNOUNCE.seed]);
    const entry = sets.guessStart(record, first);
    expect(announce()).toBe(1);
    if (entry === 0) continue;
    const address = halves[0] | (halves[1] << 16);
    const bucket = Array.from({ length: words[entry + 1] & 0xffff }, (_, k) => {
      return words[words[entry] + k * 2];
    });
    if (bucket.includes(address)) guessed++;
  }
  // A start at the announcing peer is drawn again, and one that takes many draws is not guessed.
  expect(guessed).toBeGreaterThan(700);
});

test("a batch with prefetching hands out the same peers as without", () => {
  const [with_, without] = [createSwarm(500), createSwarm(500)];
  const prefetch = new Prefetch(with_.table, 8);
  for (let i = 0; i < 100; i++) {
    for (const { prepare } of [with_, without]) prepare(i, 30);
    prefetch.add(0);
    prefetch.run(with_.request);
    expect(with_.announce()).toBe(without.announce());
    expect(with_.halves).toEqual(without.halves);
  }
  expect(with_.halves.subarray(0, 30 * HALVES_PER_PEER).some((half) => half !== 0)).toBe(true);
});

test("ends, whatever another thread has left in the memory", () => {
  const { table, request, prepare, record } = createSwarm(3000);
  const { words } = table;
  const random = new Random(7, 8, 9);
  const prefetch = new Prefetch(table, 8);
  const directory = words[record + TORRENT.inline + LEECHERS];
  const garbage = [0, -1, 1, 33, 2 ** 31 - 1, -(2 ** 31), HEADER.words];
  const spoil = (word: number): void => {
    words[word] = random.below(2) === 0 ? random.next() : garbage[random.below(garbage.length)];
  };
  for (let i = 0; i < 5000; i++) {
    prepare(i % 3000, 30);
    for (let k = 0; k < 3; k++) spoil(directory + random.below(400));
    for (let k = 0; k < 2; k++)
      spoil(record + TORRENT.next + random.below(TORRENT.words - TORRENT.next));
    prefetch.add(0);
    prefetch.run(request);
  }
});
