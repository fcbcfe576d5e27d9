// Cleaning large swarms: it takes steps, misses no peer, and frees all memory.

import { expect, test } from "bun:test";
import { AccessListWriter, allocateAccessList } from "../../src/swarm/access-list.ts";
import { Random } from "../../src/memory/random.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { INFO_HASH_WORDS, planTable, TORRENT } from "../../src/swarm/layout.ts";
import { TableWalk } from "../../src/swarm/walk.ts";
import { countUsed } from "./arena-audit.ts";
import { TableHarness } from "./harness.ts";

const LIMITS = { maxTorrents: 100, maxPeers: 10_000 };
const MAX_AGE = 10;

test.each([4, 16, 20] as const)(
  "peers of %i-byte identities free all memory when they stop or expire",
  (identityBytes) => {
    const plan = planTable(identityBytes, LIMITS);
    for (let seed = 1; seed <= 150; seed++) {
      const harness = new TableHarness(identityBytes, LIMITS, undefined, seed);
      const random = new Random(seed, 5, 6);
      const peers = 50 + random.below(500);
      // Most peers have the same time, so that whole buckets become empty at once.
      const old = random.below(100);
      for (let peer = 0; peer < peers; peer++) {
        const tick = random.below(100) < old ? 0 : MAX_AGE;
        const status = random.below(2) === 0 ? "seeder" : "leecher";
        harness.announce({ torrent: random.below(2), peer, status, tick, wanted: 0 });
      }
      for (const tick of [MAX_AGE + 1, 2 * MAX_AGE + 1]) {
        const pass = new CleaningPass(harness.table, MAX_AGE);
        while (!pass.step(tick));
      }
      const { peerCount, torrentCount, words } = harness.table;
      const used = countUsed(words, plan);
      expect({ seed, peerCount, torrentCount, used }).toMatchObject({
        peerCount: 0,
        torrentCount: 0,
        used: 0,
      });
    }
  },
);

test("one pass removes an expired swarm of any size", () => {
  const plan = planTable(16, LIMITS);
  for (let peers = 60; peers < 2500; peers += 1 + Math.floor(peers / 50)) {
    const harness = new TableHarness(16, LIMITS);
    for (let peer = 0; peer < peers; peer++) harness.announce({ torrent: 1, peer, wanted: 0 });
    const pass = new CleaningPass(harness.table, MAX_AGE);
    while (!pass.step(MAX_AGE + 1));
    const { torrentCount, words } = harness.table;
    expect({ peers, torrentCount, used: countUsed(words, plan) }).toEqual({
      peers,
      torrentCount: 0,
      used: 0,
    });
  }
});

test("a step visits a bounded number of peers", () => {
  const limits = { maxTorrents: 100_000, maxPeers: 100_000 };
  const harness = new TableHarness(4, limits);
  // Records of one shard in full chunks: more than a thousand torrents of up to 64 peers.
  for (let torrent = 1; torrent <= 2000; torrent++) {
    for (let peer = 0; peer < 40; peer++) harness.announce({ torrent, peer, wanted: 0 });
  }
  const pass = new CleaningPass(harness.table, MAX_AGE);
  let most = 0;
  for (let isDone = false; !isDone;) {
    const before = harness.table.peerCount;
    isDone = pass.step(MAX_AGE + 1);
    most = Math.max(most, before - harness.table.peerCount);
  }
  expect(harness.table.peerCount).toBe(0);
  // A swarm in one block is always visited as a whole.
  expect(most).toBeLessThan(256 + 64);
});

test.each([4, 16, 20] as const)(
  "a large swarm of %i-byte identities takes several steps",
  (identityBytes) => {
    const harness = new TableHarness(identityBytes, { maxTorrents: 3, maxPeers: 10_000 });
    for (let peer = 0; peer < 8000; peer++) {
      const status = peer % 4 === 0 ? "seeder" : "leecher";
      harness.announce({ torrent: 1, peer, status, wanted: 0, tick: peer % 5 === 0 ? 100 : 0 });
    }
    const pass = new CleaningPass(harness.table, 50);
    const removed: number[] = [];
    for (let isDone = false; !isDone;) {
      const before = harness.table.peerCount;
      isDone = pass.step(100);
      removed.push(before - harness.table.peerCount);
    }
    expect(harness.scrape(1)).toEqual({ leechers: 1200, seeders: 400 });
    expect(pass.removed).toBe(6400);
    // The last bucket may hold 128 peers.
    expect(Math.max(...removed)).toBeLessThan(256 + 128);
    expect(removed.filter((count) => count > 0).length).toBeGreaterThan(6);
  },
);

test("a pass removes torrents that the access list forbids, of any size, and no others", () => {
  const harness = new TableHarness(4, LIMITS);
  const sizes = [1, 3, 4, 40, 70, 900, 2, 64, 300];
  for (const [torrent, size] of sizes.entries()) {
    for (let peer = 1; peer <= size; peer++) {
      const status = peer % 3 === 0 ? "seeder" : "leecher";
      harness.announce({ torrent, peer, status, tick: MAX_AGE, wanted: 0 });
    }
  }
  const { table } = harness;
  // Every other torrent is forbidden.
  const denied: Int32Array[] = [];
  let kept = 0;
  let isDenied = false;
  const walk = new TableWalk(table, {
    visitTorrent(record) {
      const word = record + TORRENT.infoHash;
      isDenied = !isDenied;
      if (isDenied) denied.push(table.words.slice(word, word + INFO_HASH_WORDS));
      else kept += table.swarms.count(record);
    },
  });
  while (!walk.step());
  const access = new AccessListWriter(allocateAccessList(10));
  access.begin(denied.length);
  for (const hash of denied) access.add(hash, 0);
  access.commit("deny");
  const pass = new CleaningPass(table, MAX_AGE, undefined, access);
  while (!pass.step(MAX_AGE));
  expect([table.torrentCount, table.peerCount]).toEqual([sizes.length - denied.length, kept]);
  for (const hash of denied) {
    table.scrape(hash, 0);
    expect(table.result.seeders + table.result.leechers).toBe(0);
  }
});
