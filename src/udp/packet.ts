// The bytes of BEP 15: reads requests from memory and writes responses to it, in place, a word at a
// time. Numbers arrive in big-endian order. Values that are only compared or echoed stay in it.

import { type Bytes, swapWord } from "../memory/bytes.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, INFO_HASH_WORDS } from "../swarm/layout.ts";
import type { Exchange } from "./exchange.ts";
import { ANNOUNCE_REQUEST, REQUEST, SCRAPE_REQUEST, SOURCE } from "./request.ts";

/** Bytes of every request's header: connection id, action, transaction id. */
export const HEADER_BYTES = 16;
/** Bytes of an announce. The options of BEP 41 may follow. */
export const ANNOUNCE_BYTES = 98;
const INFO_HASH_BYTES = 20;

// Actions as they appear in memory.
export const ACTION_CONNECT = 0;
export const ACTION_ANNOUNCE = swapWord(1);
export const ACTION_SCRAPE = swapWord(2);
const ACTION_ERROR = swapWord(3);

// The magic number 0x41727101980, which takes the place of the connection id in a connect request.
const PROTOCOL_ID_HIGH = swapWord(0x417);
const PROTOCOL_ID_LOW = swapWord(0x27101980);

const EVENT_COMPLETED = swapWord(1);
const EVENT_STOPPED = swapWord(3);

/** Words of a request. */
export const PACKET = { connectionId: 0, action: 2, transaction: 3, peerId: 9 } as const;
const INFO_HASH = 4;
const LEFT = 16;
const EVENT = 20;
const NUMWANT = 23;
/** The half at byte 96. */
const PORT_HALF = 48;

const encoder = new TextEncoder();

/** Error messages for clients, ready to be sent. */
export const ERRORS = {
  connection: encoder.encode("Connection invalid or expired"),
  action: encoder.encode("Unknown action"),
  announceLength: encoder.encode("Announce shorter than 98 bytes"),
  port: encoder.encode("Announce with port 0"),
  scrapeLength: encoder.encode("Scrape without an info hash"),
  full: encoder.encode("Tracker is full"),
  addressFull: encoder.encode("Too many peers of your address"),
  rateLimited: encoder.encode("Too many requests from your address"),
  forbidden: encoder.encode("This tracker does not serve this torrent"),
} as const;

/**
 * Maximum bytes of an IP packet. libtorrent reads into a buffer of 1,500 bytes and discards longer
 * responses, and most paths would fragment a longer packet.
 */
const MAX_PACKET_BYTES = 1500;
const UDP_HEADER_BYTES = 8;

/** Maximum bytes of a response to an address of `addressBytes`. */
export function maxResponseBytes(addressBytes: number): number {
  return MAX_PACKET_BYTES - (addressBytes === 4 ? 20 : 40) - UDP_HEADER_BYTES;
}

/** Maximum number of peers in a response: 242 for IPv4, 79 for IPv6. */
export function maxFittingPeers(addressBytes: number): number {
  return Math.floor((maxResponseBytes(addressBytes) - 20) / (addressBytes + 2));
}

/** Maximum number of torrents in a scrape response: 122 over IPv4, 120 over IPv6. */
export function maxFittingTorrents(addressBytes: number): number {
  return Math.floor((maxResponseBytes(addressBytes) - 8) / 12);
}

/** Bytes of a request that are read; the rest is never needed. A multiple of 4. */
export function maxRequestBytes(maxTorrents: number): number {
  return Math.max(ANNOUNCE_BYTES + 2, HEADER_BYTES + INFO_HASH_BYTES * maxTorrents);
}

/** Words of the longest request. */
export function maxRequestWords(maxTorrents: number): number {
  return Math.max(REQUEST.announceWords, REQUEST.hashes + INFO_HASH_WORDS * maxTorrents);
}

/**
 * Whether the packet at `input.words[inputWord]` begins with the protocol id of a connect request.
 */
export function hasProtocolId(input: Bytes, inputWord: number): boolean {
  const { words } = input;
  return words[inputWord] === PROTOCOL_ID_HIGH && words[inputWord + 1] === PROTOCOL_ID_LOW;
}

/**
 * Reads an announce of at least ANNOUNCE_BYTES into the request of an exchange, whose source is
 * there already. Ignores the address and the key in the packet, and everything after the port.
 * Returns false if the port is 0.
 */
export function readAnnounce(exchange: Exchange, maxPeers: number): boolean {
  const { input, inputWord, request, requestWord } = exchange;
  const { words } = input;
  const announce = requestWord + REQUEST.announce;
  request[requestWord + REQUEST.kind] = ANNOUNCE_REQUEST;
  request[requestWord + REQUEST.transaction] = words[inputWord + PACKET.transaction];
  const numwant = swapWord(words[inputWord + NUMWANT]);
  request[announce + ANNOUNCE.numwant] = numwant < 0 || numwant > maxPeers ? maxPeers : numwant;
  const event = words[inputWord + EVENT];
  const high = words[inputWord + LEFT];
  const low = words[inputWord + LEFT + 1];
  // Clients that do not know what is left send 2^64 - 1, even once they have completed.
  const hasCompleted = (high & low) === -1 && event === EVENT_COMPLETED;
  const isSeeder = (high | low) === 0 || hasCompleted;
  const isStopped = event === EVENT_STOPPED;
  request[announce + ANNOUNCE.flags] =
    (isSeeder ? FLAG_SEEDER : 0) | (isStopped ? FLAG_STOPPED : 0);
  for (let i = 0; i < INFO_HASH_WORDS; i++) {
    request[announce + ANNOUNCE.infoHash + i] = words[inputWord + INFO_HASH + i];
  }
  const source = requestWord + REQUEST.source;
  const addressWords = request[source + SOURCE.addressBytes] >>> 2;
  for (let i = 0; i < addressWords; i++) {
    request[announce + ANNOUNCE.peer + i] = request[source + SOURCE.address + i];
  }
  const port = input.halves[inputWord * 2 + PORT_HALF];
  request[announce + ANNOUNCE.peer + addressWords] = port;
  return port !== 0;
}

/** Reads a scrape into the request of an exchange. Returns false if there is no info hash. */
export function readScrape(exchange: Exchange, maxTorrents: number): boolean {
  const { input, inputWord, request, requestWord } = exchange;
  const { words } = input;
  const sent = Math.floor((exchange.inputBytes - HEADER_BYTES) / INFO_HASH_BYTES);
  const count = Math.min(sent, maxTorrents);
  request[requestWord + REQUEST.kind] = SCRAPE_REQUEST;
  request[requestWord + REQUEST.transaction] = words[inputWord + PACKET.transaction];
  request[requestWord + REQUEST.hashCount] = count;
  for (let i = 0; i < count * INFO_HASH_WORDS; i++) {
    request[requestWord + REQUEST.hashes + i] = words[inputWord + INFO_HASH + i];
  }
  return count > 0;
}

/** Words of a scrape request with `count` info hashes. */
export function scrapeWords(count: number): number {
  return REQUEST.hashes + count * INFO_HASH_WORDS;
}

/** Bytes of an announce response with `peers` peers of `addressBytes`. */
export function announceResponseBytes(peers: number, addressBytes: number): number {
  return 20 + peers * (addressBytes + 2);
}

/** The half at which the peers of the response at `output.words[outputWord]` begin. */
export function peersHalf(outputWord: number): number {
  return outputWord * 2 + 10;
}

/** Writes an announce response except for its peers. */
export function writeAnnounceHead(
  output: Bytes,
  outputWord: number,
  transaction: number,
  interval: number,
  leechers: number,
  seeders: number,
): void {
  const { words } = output;
  words[outputWord] = ACTION_ANNOUNCE;
  words[outputWord + 1] = transaction;
  words[outputWord + 2] = swapWord(interval);
  words[outputWord + 3] = swapWord(leechers);
  words[outputWord + 4] = swapWord(seeders);
}

/** Writes the head of a scrape response. */
export function writeScrapeHead(output: Bytes, outputWord: number, transaction: number): void {
  output.words[outputWord] = ACTION_SCRAPE;
  output.words[outputWord + 1] = transaction;
}

/** Writes the counts of torrent number `index` of a scrape response. Downloads are always 0. */
export function writeScrapeCounts(
  output: Bytes,
  outputWord: number,
  index: number,
  seeders: number,
  leechers: number,
): void {
  const { words } = output;
  const entry = outputWord + 2 + index * 3;
  words[entry] = swapWord(seeders);
  words[entry + 1] = 0;
  words[entry + 2] = swapWord(leechers);
}

/** Bytes of a scrape response with `count` torrents. */
export function scrapeResponseBytes(count: number): number {
  return 8 + count * 12;
}

/** Writes an error response, cut to at most `maxBytes`, and returns its length in bytes. */
export function writeError(
  output: Bytes,
  outputWord: number,
  transaction: number,
  message: Uint8Array,
  maxBytes: number,
): number {
  output.words[outputWord] = ACTION_ERROR;
  output.words[outputWord + 1] = transaction;
  const length = Math.min(message.length, maxBytes - 8);
  const start = outputWord * 4 + 8;
  for (let i = 0; i < length; i++) output.bytes[start + i] = message[i];
  return 8 + length;
}
