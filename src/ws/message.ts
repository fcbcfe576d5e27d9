// The messages of the WebTorrent protocol, JSON text in and JSON text out. Reading checks types and
// little else; info hashes and peer ids are checked where they are used. An SDP goes out as it came
// in, whatever it says.

import { isId } from "./id.ts";

/** A scrape; one info hash may stand by itself, which is read as an array of one. */
export interface Scrape {
  readonly action: "scrape";
  readonly infoHashes: readonly unknown[];
}

/** An announce, or an answer to an offer, which clients send as an announce too. */
export interface Announce {
  readonly action: "announce";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An action that this tracker does not know. */
interface Unknown {
  readonly action: "unknown";
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Message = Announce | Scrape | Unknown;

/** One offer of an announce. */
export interface Offer {
  /** As a JSON literal, quotes and all. */
  readonly sdp: string;
  readonly id: string;
}

const BACKSLASH = 92;
const SDP_KEY = '"sdp":"';

/** Longer names of actions are nobody's. */
const MOST_ACTION_LENGTH = 20;

/** Reads a message; undefined when it is none that could be answered. Never throws. */
export function readMessage(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { action } = value;
  if (action === "announce") return { action, fields: value };
  if (action === "scrape") {
    const { info_hash: hash } = value;
    return { action, infoHashes: Array.isArray(hash) ? hash : [hash] };
  }
  if (typeof action !== "string" || action.length > MOST_ACTION_LENGTH) return undefined;
  return { action: "unknown", name: action, fields: value };
}

/** Whether `left`, or the event, makes a peer a seeder. `null` is what magnet links send. */
export function isSeeder(fields: Announce["fields"]): boolean {
  return fields.left === 0 || fields.event === "completed";
}

/**
 * The offers of the announce `text` that are well formed, in their order, at most `most` of them.
 */
export function readOffers(fields: Announce["fields"], text: string, most: number): Offer[] {
  const { offers } = fields;
  const wanted = readNumwant(fields, most);
  if (!Array.isArray(offers) || wanted === 0) return [];
  const literals = findSdpLiterals(text, offers.length);
  const read: Offer[] = [];
  for (const [index, item] of (offers as unknown[]).entries()) {
    if (!isObject(item)) continue;
    const { offer, offer_id: id } = item;
    const sdp = readSdp(offer);
    if (sdp === undefined || !isId(id)) continue;
    read.push({ sdp: literals?.[index] ?? JSON.stringify(sdp), id });
    if (read.length === wanted) break;
  }
  return read;
}

/** The SDP of the answer in the announce `text`, as a JSON literal; undefined when it has none. */
export function readAnswer(fields: Announce["fields"], text: string): string | undefined {
  const sdp = readSdp(fields.answer);
  return sdp === undefined ? undefined : (findSdpLiterals(text, 1)?.[0] ?? JSON.stringify(sdp));
}

/** The SDP of `{type, sdp}`, an offer or an answer; undefined when it has none. */
function readSdp(description: unknown): string | undefined {
  if (!isObject(description)) return undefined;
  return typeof description.sdp === "string" ? description.sdp : undefined;
}

/**
 * The string literals that follow the key `sdp` in a text that has been parsed, when there are just
 * `count` of them: cut out as they stand, they need not be written again, which is a third of what
 * an announce costs (bench/micro/ws-handler.ts). Whoever names that key elsewhere, or leaves a space
 * after it, gets another of his own strings passed on, or all of them written again.
 */
function findSdpLiterals(text: string, count: number): string[] | undefined {
  const literals: string[] = [];
  let key = text.indexOf(SDP_KEY);
  while (key >= 0) {
    if (literals.length === count) return undefined;
    const start = key + SDP_KEY.length - 1;
    const end = findStringEnd(text, start + 1);
    literals.push(text.slice(start, end));
    key = text.indexOf(SDP_KEY, end);
  }
  return literals.length === count ? literals : undefined;
}

/** Where the string ends, its quote included, whose first character is at `at`. */
function findStringEnd(text: string, at: number): number {
  for (let quote = text.indexOf('"', at); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

// ---------------------------------------------------------------------------------------------

/** The response to an announce; `interval` in seconds. */
export function writeAnnounceResponse(
  infoHash: string,
  complete: number,
  incomplete: number,
  interval: number,
): string {
  return (
    `{"action":"announce","info_hash":${JSON.stringify(infoHash)},` +
    `"complete":${complete},"incomplete":${incomplete},"interval":${interval}}`
  );
}

/**
 * An offer from `peerId`, for one other peer. `head` is what `writeOfferHead` gave, the SDP a JSON
 * literal.
 */
export function writeOffer(head: string, sdp: string, offerId: string): string {
  return `${head}${sdp}},"offer_id":${JSON.stringify(offerId)}}`;
}

/** What all offers of one announce begin with. */
export function writeOfferHead(infoHash: string, peerId: string): string {
  return (
    `{"action":"announce","info_hash":${JSON.stringify(infoHash)},` +
    `"peer_id":${JSON.stringify(peerId)},"offer":{"type":"offer","sdp":`
  );
}

/** The answer of `peerId` to an offer, the SDP a JSON literal. */
export function writeAnswer(
  infoHash: string,
  peerId: string,
  sdp: string,
  offerId: string,
): string {
  return (
    `{"action":"announce","info_hash":${JSON.stringify(infoHash)},` +
    `"peer_id":${JSON.stringify(peerId)},"answer":{"type":"answer",` +
    `"sdp":${sdp}},"offer_id":${JSON.stringify(offerId)}}`
  );
}

/** The counts of one torrent in the response to a scrape. Downloads are not counted. */
export function writeScrapeEntry(infoHash: string, complete: number, incomplete: number): string {
  return (
    `${JSON.stringify(infoHash)}:` +
    `{"complete":${complete},"incomplete":${incomplete},"downloaded":0}`
  );
}

/** The response to a scrape. */
export function writeScrapeResponse(entries: readonly string[]): string {
  return `{"action":"scrape","files":{${entries.join(",")}}}`;
}

/**
 * An error. Clients drop their connection, with all its torrents, for one without action, and
 * ignore one without their info hash: so whatever came as info hash goes back, if it is a string.
 */
export function writeError(action: string, infoHash: unknown, reason: string): string {
  const echo = typeof infoHash === "string" ? infoHash : "";
  return (
    `{"action":${JSON.stringify(action)},"info_hash":${JSON.stringify(echo)},` +
    `"failure reason":${JSON.stringify(reason)}}`
  );
}

// ---------------------------------------------------------------------------------------------

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How many offers may be passed on: `numwant` where it is a number, and `most` at most. */
function readNumwant({ numwant }: Announce["fields"], most: number): number {
  if (typeof numwant !== "number" || !(numwant >= 0)) return most;
  return Math.min(most, Math.floor(numwant));
}
