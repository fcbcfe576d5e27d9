// The keys of WebTorrent messages that mean something, and how the reader knows them from others.

import { decodeLiteral } from "./literal.ts";

export const KEYS = [
  "action",
  "answer",
  "event",
  "info_hash",
  "left",
  "numwant",
  "offer",
  "offer_id",
  "offers",
  "peer_id",
  "sdp",
  "to_peer_id",
] as const;

/** The keys that mean something, by name. */
export const KEY = Object.fromEntries(KEYS.map((name, index) => [name, index])) as Readonly<
  Record<(typeof KEYS)[number], number>
>;

/** Any other key. */
export const NO_KEY = -1;

const MOST_LENGTH = Math.max(...KEYS.map(({ length }) => length));

/** By length, the keys that have it, with the codes of their characters. */
const KEYS_OF_LENGTH = Array.from({ length: MOST_LENGTH + 1 }, (_, length) =>
  KEYS.filter((name) => name.length === length).map((name) => ({
    key: KEY[name],
    codes: Buffer.from(name),
  })),
);

const decoded = new Uint16Array(MOST_LENGTH);

/**
 * The key whose JSON literal, quotes and all, is from `start` to `end` of `text`, or NO_KEY. Nobody
 * writes keys with escapes, but one may: `mayBeEscaped` says whether this one can have any.
 */
export function findKey(text: string, start: number, end: number, mayBeEscaped: boolean): number {
  const length = end - start - 2;
  const candidates = length <= MOST_LENGTH ? KEYS_OF_LENGTH[length] : [];
  for (const { codes, key } of candidates) {
    let i = 0;
    while (i < length && codes[i] === text.charCodeAt(start + 1 + i)) i++;
    if (i === length) return key;
  }
  return mayBeEscaped ? findEscapedKey(text, start, end) : NO_KEY;
}

function findEscapedKey(text: string, start: number, end: number): number {
  const length = decodeLiteral(text, start, end, decoded);
  if (length < 0) return NO_KEY;
  for (const { codes, key } of KEYS_OF_LENGTH[length]) {
    if (codes.every((code, i) => code === decoded[i])) return key;
  }
  return NO_KEY;
}
