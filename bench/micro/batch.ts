// What the tracker's own work costs for each announce of a batch, without any system call: batches
// of 64 datagrams from memory, to large swarms that are in no cache. Nanoseconds, the least and the
// median of many runs. One thread.
//
// usage: bun bench/micro/batch.ts [TORRENTS [PEERS_EACH [WANTED]]]   10,000, 400 and 30 if not given

import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { Bytes, swapWord } from "../../src/memory/bytes.ts";
import { AccessList, allocateAccessList } from "../../src/swarm/access-list.ts";
import { Random } from "../../src/memory/random.ts";
import { TOKEN_BUCKET_WORDS } from "../../src/memory/token-buckets.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { CONNECTION_KEY_WORDS, ConnectionIds } from "../../src/udp/connection-id.ts";
import { ANSWER_LATER, Dispatcher } from "../../src/udp/dispatcher.ts";
import { Exchange } from "../../src/udp/exchange.ts";
import { Handler, MAX_BATCH } from "../../src/udp/handler.ts";
import { RequestLimit } from "../../src/udp/request-limit.ts";
import { SOURCE } from "../../src/udp/request.ts";

const [torrents = 10_000, peersEach = 400, wanted = 30] = process.argv.slice(2).map(Number);
/** Peers of a torrent are so many addresses with so many ports each. */
const ADDRESSES = 8;
const PORTS = Math.ceil(peersEach / ADDRESSES);
const NOW = 100;
const RUNS = 60;
const BATCHES_PER_RUN = 400;
const PAYLOAD_WORDS = 32;

const random = new Random(1, 2, 3);
const key = new Int32Array([1, 2]);
const limits = { maxTorrents: torrents, maxPeers: torrents * peersEach * 2 };
const connectionIds = new ConnectionIds(new Int32Array(CONNECTION_KEY_WORDS).fill(1), 300);
const counters = new Counters(allocateCounters(1), 0);
const handler = new Handler(
  { maxScrapeTorrents: 100, maxResponsePeers: 255, announceInterval: 900 },
  connectionIds,
  {
    4: new Table(createTable(4, limits, key), random),
    16: new Table(createTable(16, { maxTorrents: 1, maxPeers: 1 }, key), random),
  },
  new RequestLimit(new Int32Array(TOKEN_BUCKET_WORDS), key, 1_000_000),
  counters,
  { access: new AccessList(allocateAccessList(0)) },
);
const dispatcher = new Dispatcher(handler, MAX_BATCH, [], counters);
const input = Bytes.allocate(MAX_BATCH * PAYLOAD_WORDS * 4);
const output = Bytes.allocate(MAX_BATCH * 1500);
const exchange = new Exchange(input, dispatcher.requests.words, output);
exchange.now = NOW;
exchange.inputBytes = 98;
const later = new Int32Array(MAX_BATCH);

/** Writes an announce of a peer, from 0 to ADDRESSES * PORTS - 1. */
function writeRequest(slot: number, torrent: number, peer: number): void {
  const source = dispatcher.requestWord(slot);
  const { words } = dispatcher.requests;
  words[source + SOURCE.addressBytes] = 4;
  words[source + SOURCE.address] = 0x0100007f + ((peer % ADDRESSES) << 24);
  words[source + SOURCE.port] = 5;
  const packet = slot * PAYLOAD_WORDS;
  connectionIds.write(input.words, packet, words, source + SOURCE.address, 1, NOW);
  input.words[packet + 2] = swapWord(1);
  for (let i = 0; i < 5; i++) input.words[packet + 4 + i] = Math.imul(torrent + 1, 0x9e3779b1 + i);
  // A peer is a leecher or a seeder for good.
  const port = 1 + Math.floor(peer / ADDRESSES);
  input.words[packet + 16] = port % 4 === 0 ? 0 : 1;
  input.words[packet + 17] = 0;
  input.words[packet + 23] = swapWord(wanted);
  input.halves[packet * 2 + 48] = port;
}

function answerBatch(): void {
  let outputWord = 0;
  let count = 0;
  for (let slot = 0; slot < MAX_BATCH; slot++) {
    exchange.inputWord = slot * PAYLOAD_WORDS;
    exchange.outputWord = outputWord;
    if (dispatcher.read(slot, exchange) !== ANSWER_LATER) throw new Error("no announce");
    later[count++] = slot;
  }
  dispatcher.prefetch(later, count);
  for (let i = 0; i < count; i++) {
    exchange.outputWord = outputWord;
    outputWord += (dispatcher.answer(later[i], exchange) + 3) >> 2;
  }
}

function runBatches(batches: number): number {
  let nanoseconds = 0;
  for (let i = 0; i < batches; i++) {
    for (let slot = 0; slot < MAX_BATCH; slot++) {
      writeRequest(slot, random.below(torrents), random.below(ADDRESSES * PORTS));
    }
    const start = Bun.nanoseconds();
    answerBatch();
    nanoseconds += Bun.nanoseconds() - start;
  }
  return nanoseconds / batches / MAX_BATCH;
}

let filled = 0;
for (let peer = 0; peer < ADDRESSES * PORTS; peer++) {
  for (let torrent = 0; torrent < torrents; torrent++) {
    writeRequest(filled % MAX_BATCH, torrent, peer);
    if (++filled % MAX_BATCH === 0) answerBatch();
  }
}
const runs = Array.from({ length: RUNS }, () => runBatches(BATCHES_PER_RUN)).toSorted(
  (a, b) => a - b,
);
console.log(
  `${torrents} torrents of ${peersEach} peers, ${wanted} wanted: ` +
    `least ${runs[0].toFixed(0)} ns, median ${runs[RUNS >> 1].toFixed(0)} ns an announce`,
);
