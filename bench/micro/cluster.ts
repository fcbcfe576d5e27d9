// What a cluster costs a UDP tracker: nanoseconds that a worker spends on an announce without and
// with a change that others must know, and that the link thread spends on each change of another
// node. In a table of 1,000,000 peers. One thread, no server.
//
// usage: bun bench/micro/cluster.ts

import { bench, do_not_optimize, group, run } from "mitata";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { BATCH_BYTES, MessageCodec } from "../../src/cluster/message.ts";
import { Random } from "../../src/memory/random.ts";
import { AccessList, allocateAccessList } from "../../src/swarm/access-list.ts";
import { ANNOUNCE } from "../../src/swarm/layout.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { ChangeEncoder } from "../../src/udp/link/change-codec.ts";
import { allocateChanges, CHANGE, ChangeWriter, openChangeReader } from "../../src/udp/changes.ts";
import { Merger } from "../../src/udp/link/merger.ts";
import { Origins } from "../../src/udp/link/origins.ts";

const TORRENTS = 250_000;
const PEERS = 1_000_000;
const MAX_PEER_AGE = 1200;
const NO_PEERS = new Uint16Array(0);

const random = new Random(1, 2, 3);
const limits = { maxTorrents: 1_000_000, maxPeers: 4_000_000 };
const open = (bytes: 4 | 16) => {
  return new Table(createTable(bytes, limits, new Int32Array([1, bytes])), random);
};
const tables = { 4: open(4), 16: open(16) };
const counters = new Counters(allocateCounters(1), 0);

/** Writes the announce of peer `peer`, each of which is in one torrent. */
function writeAnnounce(words: Int32Array, word: number, peer: number): void {
  const torrent = peer % TORRENTS;
  for (let i = 0; i < 5; i++) {
    words[word + ANNOUNCE.infoHash + i] = Math.imul(torrent + 1, 0x9e3779b1 + i);
  }
  words[word + ANNOUNCE.peer] = 0x0a000000 + (peer >>> 8);
  words[word + ANNOUNCE.peer + 1] = 1 + (peer & 255);
}

const request = new Int32Array(ANNOUNCE.words);
for (let peer = 0; peer < PEERS; peer++) {
  writeAnnounce(request, 0, peer);
  tables[4].hashAnnounce(request, 0);
  tables[4].announce(request, 0, 0, NO_PEERS, 0);
}

group("a worker, for an announce", () => {
  const table = tables[4];
  const changes = allocateChanges(1);
  const writer = new ChangeWriter(changes, 0, counters, MAX_PEER_AGE);
  const reader = openChangeReader(changes, 0);
  const announce = (now: number): void => {
    writeAnnounce(request, 0, random.below(PEERS));
    table.hashAnnounce(request, 0);
    table.announce(request, 0, now & 0xffff, NO_PEERS, 0);
  };
  bench("without a cluster", () => announce(1));
  bench("that is not sent", () => {
    announce(1);
    table.result.lastTick = 1;
    writer.add(request, 0, 2, table.result, 1);
  });
  let count = 0;
  bench("that is sent", () => {
    announce(1);
    table.result.isNewcomer = true;
    writer.add(request, 0, 2, table.result, 1);
    if ((++count & 63) !== 0) return;
    writer.publish();
    while (reader.peek() >= 0) reader.advance();
    reader.release();
  });
});

group("the link thread, for a message of 453 changes", () => {
  const merger = new Merger({
    tables,
    access: new AccessList(allocateAccessList(0)),
    counters,
    maxPeerAge: MAX_PEER_AGE,
    origins: new Origins(MAX_PEER_AGE),
  });
  const codec = new MessageCodec("a secret of some length", "bench");
  const encoder = new ChangeEncoder(BATCH_BYTES);
  const change = new Int32Array(CHANGE.peer + 2);
  const fill = (): Uint8Array => {
    do {
      writeAnnounce(request, 0, random.below(PEERS));
      for (let i = 0; i < 7; i++) {
        change[CHANGE.infoHash + i] = request[ANNOUNCE.infoHash + i];
      }
    } while (encoder.add(change, 0, 0));
    return encoder.take();
  };
  const messages = Array.from({ length: 1000 }, () => fill().slice());
  const texts = messages.map((message) => codec.write("channel", 16, 0, 0, message));
  let next = 0;
  let second = 10;
  bench("collects, signs and encodes it", () => {
    return do_not_optimize(codec.write("channel", 16, 0, 0, fill()));
  });
  bench("decodes and verifies it", () => {
    next = (next + 1) % messages.length;
    return do_not_optimize(codec.read("channel", texts[next]));
  });
  bench("merges it", () => {
    next = (next + 1) % messages.length;
    if (next === 0) second++;
    merger.mergeChanges(messages[next], 0, second, 0);
  });
});

await run();
