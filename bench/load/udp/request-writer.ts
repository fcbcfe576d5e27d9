// The bytes of BEP 15's requests, written a word at a time into the memory they are sent from.
// Called by the workloads for each request; nothing is allocated.

import { swapWord } from "../../../src/memory/bytes.ts";
import { INFO_HASH_WORDS, type Roster } from "../roster.ts";
import { ANNOUNCE, CONNECT, SCRAPE } from "./tally.ts";

const ACTION = 2;
const TRANSACTION = 3;
const INFO_HASH = 4;
const PEER_ID = 9;
const DOWNLOADED = 14;
const UPLOADED = 18;
const EVENT = 20;
const NUMWANT = 23;
const PORT = 24;

const HEADER_BYTES = 16;
export const ANNOUNCE_BYTES = 98;

// The magic number 0x41727101980.
const PROTOCOL_ID_HIGH = swapWord(0x417);
const PROTOCOL_ID_LOW = swapWord(0x27101980);

/** "-LT0001-", then two words that are the same for all. */
const PEER_ID_START = new Int32Array(new TextEncoder().encode("-LT0001-load-tes").buffer);

export const EVENT_NONE = 0;
export const EVENT_STARTED = 2;

/** Bytes of a scrape for so many torrents. */
export function scrapeBytes(torrents: number): number {
  return HEADER_BYTES + torrents * INFO_HASH_WORDS * 4;
}

/** Writes a connect to `words[at]`, and returns its length in bytes. */
export function writeConnect(words: Int32Array, at: number, transaction: number): number {
  words[at] = PROTOCOL_ID_HIGH;
  words[at + 1] = PROTOCOL_ID_LOW;
  words[at + ACTION] = CONNECT;
  words[at + TRANSACTION] = transaction;
  return HEADER_BYTES;
}

/**
 * Writes an announce of `peer` to `words[at]`, all but the connection id, which are its first two
 * words. Returns its length in bytes; the words it writes are two bytes longer.
 */
export function writeAnnounce(
  words: Int32Array,
  at: number,
  transaction: number,
  roster: Roster,
  peer: number,
  event: number,
  wanted: number,
): number {
  words[at + ACTION] = swapWord(ANNOUNCE);
  words[at + TRANSACTION] = transaction;
  writeInfoHash(words, at + INFO_HASH, roster, roster.torrentOf(peer));
  for (let i = 0; i < 4; i++) words[at + PEER_ID + i] = PEER_ID_START[i];
  words[at + PEER_ID + 4] = peer;
  // Downloaded and left, of 64 bits each.
  words[at + DOWNLOADED] = 0;
  words[at + DOWNLOADED + 1] = 0;
  words[at + DOWNLOADED + 2] = 0;
  words[at + DOWNLOADED + 3] = roster.isSeeder(peer) ? 0 : swapWord(1 << 20);
  words[at + UPLOADED] = 0;
  words[at + UPLOADED + 1] = 0;
  words[at + EVENT] = swapWord(event);
  // The address, which trackers take from the datagram, and the key.
  words[at + EVENT + 1] = 0;
  words[at + EVENT + 2] = peer;
  words[at + NUMWANT] = swapWord(wanted);
  const port = roster.port(peer);
  words[at + PORT] = (port >>> 8) | ((port & 0xff) << 8);
  return ANNOUNCE_BYTES;
}

/** Writes the head of a scrape to `words[at]`, all but the connection id. */
export function writeScrapeHead(words: Int32Array, at: number, transaction: number): void {
  words[at + ACTION] = swapWord(SCRAPE);
  words[at + TRANSACTION] = transaction;
}

/** Writes the info hash number `index` of a scrape. */
export function writeScrapeHash(
  words: Int32Array,
  at: number,
  index: number,
  roster: Roster,
  torrent: number,
): void {
  writeInfoHash(words, at + INFO_HASH + index * INFO_HASH_WORDS, roster, torrent);
}

function writeInfoHash(words: Int32Array, at: number, roster: Roster, torrent: number): void {
  const { infoHashes } = roster;
  const hash = torrent * INFO_HASH_WORDS;
  for (let i = 0; i < INFO_HASH_WORDS; i++) words[at + i] = infoHashes[hash + i];
}
