// The most processor time that one byte from a client can cost: every path of the reader and the
// handler, driven by messages made for it, as large as the default limit allows. Removing the mask
// and checking UTF-8 is included. Prints the time for each byte of the message, and for each byte
// on the wire if it comes compressed, inflation included.
//
// usage: bun bench/micro/ws-worst.ts

import { deflateRawSync } from "node:zlib";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { Random } from "../../src/memory/random.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { AddressLimits, allocateAddressLimits } from "../../src/ws/address-limits.ts";
import {
  allocateConnections,
  Connections,
  nameConnection,
  OwnConnections,
} from "../../src/ws/connections.ts";
import { Handler } from "../../src/ws/handler.ts";
import { Memberships } from "../../src/ws/memberships.ts";
import { Draft } from "../../src/ws/message/draft.ts";
import { Inbox } from "../../src/ws/message/inbox.ts";
import { allocatePendingOffers, PendingOffers } from "../../src/ws/pending-offers.ts";
import { responseCounters } from "../../src/ws/response-counters.ts";
import { INFLATED, inflateMessage } from "../../src/ws/socket/deflate.ts";

const BYTES = 65_536;
const PEERS = 50;
/** Each path is measured for so long; the fastest run counts. */
const MILLISECONDS = 150;

const id = (name: string): string => name.padEnd(20, "x");
const escaped = (text: string): string =>
  Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
const hash = `"info_hash":"${id("t")}"`;
const ids = `${hash},"peer_id":"${id("p0")}"`;
const head = '"action":"announce"';

/** `part` as often as fits, separated by commas, between `before` and `after`. */
function fill(before: string, part: string, after: string, separator = ","): string {
  const room = BYTES - Buffer.byteLength(before + after);
  const count = Math.floor((room + separator.length) / Buffer.byteLength(part + separator));
  return before + Array.from({ length: count }, () => part).join(separator) + after;
}

const offer = `{"offer":{"sdp":""},"offer_id":"${id("o")}"}`;
const escapedOffer = `{"offer":{"sdp":""},"offer_id":"${escaped(id("o"))}"}`;
const inString = (part: string, after = ""): string =>
  fill(`{${head},${ids},"x":"`, part, `"${after}}`, "");
const inArray = (part: string): string => fill(`{${head},${ids},"x":[`, part, "]}");
const inMessage = (part: string): string => fill(`{${head},${ids},`, part, "}");
const nest = (depth: number): string => `{${head},"a":${"[".repeat(depth)}0${"]".repeat(depth)}}`;
const scrapes = (part: string): string => fill('{"action":"scrape","info_hash":[', part, "]}");
const manyOffers = (part: string): string => fill(`{${head},${ids},"offers":[`, part, "]}");

const paths: Record<string, string> = {
  spaces: fill("{", " ", `${head},${ids}}`, ""),
  "line feeds": fill("{", "\n", `${head},${ids}}`, ""),
  "one long string": inString("x"),
  "one long string, and a line feed": inString("x", "\n"),
  "one long string of two-byte characters": inString("\u00e9"),
  "one long string of three-byte characters": inString("\u20ac"),
  nested: nest(32_000),
  "nested, and a line feed": `${nest(32_000)}\n`,
  "nested 100 deep, again and again": inArray("[".repeat(95) + "]".repeat(95)),
  "escaped quotes": inString('\\"'),
  "escaped quotes, and a line feed": inString('\\"', "\n"),
  "escaped quotes with other text between": inString('\\"xxx'),
  "escaped backslashes": inString("\\\\"),
  "escaped characters": inString("\\u0041"),
  "short keys": inMessage('"a":0'),
  "known keys": inMessage('"left":0'),
  "known keys, escaped": inMessage(`"${escaped("left")}":0`),
  "keys as long as known ones": inMessage('"info_hasx":0'),
  "unknown keys, escaped": inMessage('"\\u0061":0'),
  "a long key, escaped": inMessage(`"${escaped("a").repeat(10_000)}":0`),
  "ids again and again": inMessage(hash),
  numbers: inArray("0"),
  "numbers, and line feeds": inArray("\n0"),
  fractions: inArray("0.5e-9"),
  "a long number": `{${head},${ids},"left":${fill("", "9", "", "")}}`.slice(0, BYTES - 1) + "}",
  words: inArray("null"),
  "empty strings": inArray('""'),
  "empty strings, and line feeds": inArray('\n""'),
  "empty arrays": inArray("[]"),
  "empty objects": inArray("{}"),
  objects: inArray('{"a":0}'),
  "a long action, escaped": fill(`{"action":"`, "\\u0061", `",${ids}}`, ""),
  "a long info hash, escaped": fill(`{${head},"info_hash":"`, "\\u0061", '"}', ""),
  offers: manyOffers(offer),
  "offers with escaped ids": manyOffers(escapedOffer),
  "offers without an id": manyOffers('{"offer":{"sdp":""}}'),
  "offers that are none": manyOffers("{}"),
  "offers again and again": inMessage(`"offers":[${offer}]`),
  "answers again and again": inMessage('"answer":{"sdp":""}'),
  "an answer": fill(
    `{${head},${ids},"to_peer_id":"${id("p1")}","offer_id":"${id("o")}","answer":{"sdp":"`,
    "x",
    '"}}',
    "",
  ),
  "a scrape of 255": `{"action":"scrape","info_hash":[${Array.from({ length: 255 }, (_, n) => `"${id(`t${n}`)}"`).join(",")}]}`,
  "a scrape": scrapes(`"${id("t")}"`),
  "a scrape of escaped hashes": scrapes(`"${escaped(id("t"))}"`),
  "a scrape of objects": scrapes("{}"),
  "a scrape of numbers": scrapes("0"),
  "a scrape of one long hash": fill('{"action":"scrape","info_hash":"', "\\u0061", '"}', ""),
  "short: nothing": "{}",
  "short: an unknown action": '{"action":"x"}',
  "short: an empty scrape": '{"action":"scrape"}',
  "short: a scrape": `{"action":"scrape",${hash}}`,
  "short: an announce": `{${head},${ids}}`,
  "short: an announce with 10 offers": `{${head},${ids},"offers":[${Array.from({ length: 10 }, () => offer).join(",")}]}`,
};

const NO_LIMITS = { max_connections_per_ip: 0, max_peers_per_ip: 0, max_messages_per_second: 0 };
const memory = allocateConnections(1, 1000);
const own = new OwnConnections(memory[0]);
const random = new Random(1, 2, 3);
const table = createTable(20, { maxTorrents: 1000, maxPeers: 10_000 }, new Int32Array([1, 2]));
const inbox = new Inbox(BYTES);
const draft = new Draft();
const sink = Buffer.alloc(4 * BYTES);
const handler = new Handler(
  { maxScrapeTorrents: 255, maxOffers: 10, announceInterval: 120 },
  {
    table: new Table(table, random),
    connections: new Connections(memory),
    memberships: new Memberships(1000, new Int32Array([1, 2])),
    limits: new AddressLimits(allocateAddressLimits(new Int32Array([1, 2])), NO_LIMITS),
    pendingOffers: new PendingOffers(
      allocatePendingOffers(1_000_000, new Int32Array([1, 2, 3, 4])),
    ),
    counters: new Counters(allocateCounters(1), 0),
    inbox,
    draft,
    // What is delivered is copied, as into an outbox.
    deliveries: { deliver: () => void draft.bytes.copy(sink, 0, 0, draft.length) },
  },
);
const senders = Array.from({ length: PEERS }, (_, n) => {
  const address = new Int32Array(4);
  const name = nameConnection(0, own.open(address));
  const responses = responseCounters(address);
  const sender = { name, generation: 0, addressHash: n, responses };
  inbox.setText(`{${head},${hash},"peer_id":"${id(`p${n}`)}"}`);
  handler.handle(sender, 1);
  return sender;
});

/** Microseconds of one run: the least of many. */
function measure(run: () => unknown): number {
  const until = performance.now() + MILLISECONDS;
  let least = Infinity;
  do {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  } while (performance.now() < until);
  return least * 1000;
}

const rows = Object.entries(paths).map(([name, text]) => {
  const bytes = Buffer.from(text);
  if (bytes.length > BYTES) throw new Error(`${name}: ${bytes.length} bytes`);
  // Short ones are measured by the hundred: the clock is not that fine.
  const times = bytes.length < 1000 ? 100 : 1;
  const read = measure(() => {
    for (let i = 0; i < times; i++) {
      bytes.copy(inbox.bytes);
      inbox.end(bytes.length, 0);
      if (inbox.isUtf8) handler.handle(senders[0], 1);
    }
  });
  const deflated = deflateRawSync(bytes, { level: 9 });
  const inflate = measure(() => {
    for (let i = 0; i < times; i++) {
      deflated.copy(inbox.bytes);
      inbox.end(deflated.length, 0);
      if (inflateMessage(inbox) !== INFLATED.done) throw new Error(`${name} is not inflated`);
    }
  });
  const micros = read / times;
  const onWire = Math.min(deflated.length, bytes.length);
  return { name, bytes: bytes.length, onWire, micros, both: micros + inflate / times };
});

console.log("| message | bytes | µs | ns per byte | bytes deflated | µs inflated | µs per byte |");
console.log("|---|--:|--:|--:|--:|--:|--:|");
for (const { both, bytes, micros, name, onWire } of rows) {
  const cells = [
    bytes,
    micros.toFixed(2),
    ((micros * 1000) / bytes).toFixed(2),
    onWire,
    both.toFixed(2),
    (both / onWire).toFixed(3),
  ];
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}
