// The keys of WebTorrent messages that the tracker reads.

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

/** The numbers of these keys, by name. */
export const KEY = Object.fromEntries(KEYS.map((name, index) => [name, index])) as Readonly<
  Record<(typeof KEYS)[number], number>
>;

/** Any other key. */
export const NO_KEY = -1;

const MAX_LENGTH = Math.max(...KEYS.map(({ length }) => length));

const BACKSLASH = 0x5c;

/** By length: the keys of that length, as bytes. */
const KEYS_OF_LENGTH = Array.from({ length: MAX_LENGTH + 1 }, (_, length) =>
  KEYS.filter((name) => name.length === length).map((name) => ({
    key: KEY[name],
    name: new Uint8Array(Buffer.from(name)),
  })),
);

const decoded = new Uint16Array(MAX_LENGTH);

/** Returns the key in the literal at `bytes[start]` to before `end`, or NO_KEY. */
export function findKey(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start - 2;
  const candidates = length <= MAX_LENGTH ? KEYS_OF_LENGTH[length] : [];
  for (const { key, name } of candidates) {
    let i = 0;
    while (i < length && name[i] === bytes[start + 1 + i]) i++;
    if (i === length) return key;
  }
  // No client writes keys with escapes, but it may.
  for (let i = start + 1; i < end - 1; i++) {
    if (bytes[i] === BACKSLASH) return findEscapedKey(bytes, start, end);
  }
  return NO_KEY;
}

function findEscapedKey(bytes: Uint8Array, start: number, end: number): number {
  const length = decodeLiteral(bytes, start, end, decoded);
  if (length < 0) return NO_KEY;
  for (const { key, name } of KEYS_OF_LENGTH[length]) {
    if (name.every((code, i) => code === decoded[i])) return key;
  }
  return NO_KEY;
}
