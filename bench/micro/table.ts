// What the table costs: nanoseconds for each announce and scrape, in tables of 1,000 to 1,000,000
// torrents and in swarms of 10 to 1,000,000 peers, for both address families. One thread, no
// socket.
//
// usage: bun bench/micro/table.ts

import { bench, group, run, summary } from "mitata";
import { Random } from "../../src/memory/random.ts";
import { ANNOUNCE, FLAG_SEEDER } from "../../src/swarm/layout.ts";
import { createTable, Table } from "../../src/swarm/table.ts";

const limits = { maxTorrents: 2_000_000, maxPeers: 4_000_000 };
const halves = new Uint16Array(255 * 9);

/** Announces are drawn from so many, made beforehand. */
const ANNOUNCES = 1 << 16;

interface Scenario {
  readonly addressBytes: 4 | 16;
  readonly torrents: number;
  readonly peersEach: number;
  readonly wanted: number;
}

/** A table filled as the scenario says, and announces of peers that are in it. */
function fill({ addressBytes, torrents, peersEach, wanted }: Scenario) {
  const table = new Table(
    createTable(addressBytes, limits, new Int32Array([1, 2])),
    new Random(1, 2, 3),
  );
  const random = new Random(4, 5, 6);
  const write = (words: Int32Array, at: number, torrent: number, peer: number): void => {
    words[at + ANNOUNCE.numwant] = wanted;
    words[at + ANNOUNCE.flags] = peer % 3 === 0 ? FLAG_SEEDER : 0;
    for (let i = 0; i < 5; i++)
      words[at + ANNOUNCE.infoHash + i] = Math.imul(torrent + 1, 0x9e3779b1 + i);
    const address = at + ANNOUNCE.peer;
    for (let i = 0; i < addressBytes / 4; i++) words[address + i] = 0x0a000000 + (peer >>> 8);
    words[address + addressBytes / 4] = 1 + (peer & 255);
  };
  const one = new Int32Array(ANNOUNCE.words);
  for (let torrent = 0; torrent < torrents; torrent++) {
    for (let peer = 0; peer < peersEach; peer++) {
      write(one, 0, torrent, peer);
      table.hashAnnounce(one, 0);
      table.announce(one, 0, 0, halves, 0);
    }
  }
  const announces = new Int32Array(ANNOUNCES * ANNOUNCE.words);
  for (let i = 0; i < ANNOUNCES; i++) {
    write(announces, i * ANNOUNCE.words, random.below(torrents), random.below(peersEach));
  }
  let next = 0;
  return {
    announce: (): number => {
      next = (next + 1) & (ANNOUNCES - 1);
      table.hashAnnounce(announces, next * ANNOUNCE.words);
      return table.announce(announces, next * ANNOUNCE.words, 1, halves, 0);
    },
    scrape: (): number => {
      next = (next + 1) & (ANNOUNCES - 1);
      table.scrape(announces, next * ANNOUNCE.words + ANNOUNCE.infoHash);
      return table.result.seeders;
    },
  };
}

for (const addressBytes of [4, 16] as const) {
  const family = addressBytes === 4 ? "IPv4" : "IPv6";
  group(`${family}: torrents of 2 peers, 30 wanted`, () => {
    for (const torrents of [1_000, 10_000, 100_000, 1_000_000]) {
      const { announce, scrape } = fill({ addressBytes, torrents, peersEach: 2, wanted: 30 });
      bench(`${family} announce, ${torrents} torrents`, announce);
      bench(`${family} scrape, ${torrents} torrents`, scrape);
    }
  });
  group(`${family}: one swarm, 30 wanted`, () => {
    summary(() => {
      for (const peersEach of [10, 100, 1_000, 10_000, 100_000, 1_000_000]) {
        const { announce } = fill({ addressBytes, torrents: 1, peersEach, wanted: 30 });
        bench(`${family} announce, swarm of ${peersEach}`, announce);
      }
    });
  });
}

await run();
