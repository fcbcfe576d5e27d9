// What the tracker itself costs for each request, from the bytes that came in to the bytes that go
// out, without any socket: nanoseconds for a connect, an announce and a scrape, and for the hashes
// in them. One thread.
//
// usage: bun bench/micro/handler.ts

import { bench, do_not_optimize, group, run } from "mitata";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { Bytes } from "../../src/memory/bytes.ts";
import { halfSipHash13, halfSipHash24 } from "../../src/memory/hash.ts";
import { TOKEN_BUCKET_WORDS } from "../../src/memory/token-buckets.ts";
import { AccessList, allocateAccessList } from "../../src/swarm/access-list.ts";
import { Random } from "../../src/memory/random.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { CONNECTION_KEY_WORDS, ConnectionIds } from "../../src/udp/connection-id.ts";
import { Exchange, OUTCOME } from "../../src/udp/exchange.ts";
import { Handler } from "../../src/udp/handler.ts";
import { RequestLimit } from "../../src/udp/request-limit.ts";
import { SOURCE } from "../../src/udp/request.ts";

const NOW = 100;
const PEERS = 100;
const key = new Int32Array([1, 2]);
const connectionKeys = new Int32Array(CONNECTION_KEY_WORDS).fill(1);
const random = new Random(1, 2, 3);

function makeHandler(): Handler {
  const limits = { maxTorrents: 10_000, maxPeers: 100_000 };
  return new Handler(
    { maxScrapeTorrents: 100, maxResponsePeers: 100, announceInterval: 900 },
    new ConnectionIds(connectionKeys, 300),
    {
      4: new Table(createTable(4, limits, key), random),
      16: new Table(createTable(16, limits, key), random),
    },
    new RequestLimit(new Int32Array(TOKEN_BUCKET_WORDS), key, 1_000_000),
    new Counters(allocateCounters(1), 0),
    { access: new AccessList(allocateAccessList(0)) },
  );
}

group("a request and its answer, IPv4", () => {
  const handler = makeHandler();
  const input = Bytes.allocate(2048);
  const output = Bytes.allocate(4096);
  const request = new Int32Array(handler.maxRequestWords);
  const exchange = new Exchange(input, request, output);
  exchange.now = NOW;
  request[SOURCE.addressBytes] = 4;
  request[SOURCE.address] = 0x0100007f;
  request[SOURCE.port] = 5;
  const answer = (length: number): number => {
    exchange.inputBytes = length;
    const outcome = handler.read(exchange);
    return outcome === OUTCOME.requested ? handler.answer(exchange) : exchange.responseBytes;
  };
  const view = new DataView(input.buffer);
  view.setBigUint64(0, 0x41727101980n);
  answer(16);
  const connectionId = new DataView(output.buffer).getBigUint64(8);

  const announce = (port: number, wanted: number): number => {
    view.setBigUint64(0, connectionId);
    view.setUint32(8, 1);
    view.setUint32(68, 1);
    view.setInt32(92, wanted);
    view.setUint16(96, port);
    return answer(98);
  };
  for (let port = 1; port <= PEERS; port++) announce(port, 0);

  bench("connect", () => {
    view.setBigUint64(0, 0x41727101980n);
    view.setUint32(8, 0);
    return do_not_optimize(answer(16));
  });
  for (const wanted of [1, 30, 74]) {
    bench(`announce, ${wanted} of ${PEERS - 1} peers`, () => do_not_optimize(announce(7, wanted)));
  }
  for (const hashes of [1, 10]) {
    bench(`scrape of ${hashes}`, () => {
      view.setBigUint64(0, connectionId);
      view.setUint32(8, 2);
      return do_not_optimize(answer(16 + 20 * hashes));
    });
  }
  bench("refused connection id", () => {
    view.setBigUint64(0, 1n);
    view.setUint32(8, 1);
    return do_not_optimize(answer(98));
  });
});

group("hashes and random numbers", () => {
  const words = new Int32Array([1, 2, 3, 4, 5]);
  bench("HalfSipHash-2-4 of 2 words, a connection id", () => {
    words[0] = halfSipHash24(key, 0, words, 0, 2);
  });
  bench("HalfSipHash-1-3 of 5 words, an info hash", () => {
    words[0] = halfSipHash13(key, 0, words, 0, 5);
  });
  bench("a random number below 1,000", () => {
    words[0] = random.below(1000);
  });
});

await run();
