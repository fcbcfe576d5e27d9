// Info hashes, peer IDs and offer IDs as WebTorrent clients write them, in JSON literals. An info
// hash or a peer ID is a string of 20 characters, U+0000 to U+00FF, one for each byte. Most offer
// IDs are too, but any string of 1 to 64 characters is one.

import { halfSipHash13 } from "../../memory/hash.ts";
import { decodeBytes, decodeLiteral } from "./literal.ts";

/** Words of an ID. */
export const ID_WORDS = 5;

const ID_BYTES = 20;
const MAX_OFFER_ID_LENGTH = 64;
/** Bytes of the longest escape. */
const ESCAPE_BYTES = 6;

const idBytes = new Uint8Array(ID_BYTES);
const idWords = new Int32Array(idBytes.buffer);
const offerIdCodes = new Uint16Array(MAX_OFFER_ID_LENGTH + 1);
const offerIdWords = new Int32Array(offerIdCodes.buffer, 0, MAX_OFFER_ID_LENGTH / 2);
const offerIdRoom = offerIdCodes.subarray(0, MAX_OFFER_ID_LENGTH);

/**
 * Writes the 20 bytes of the ID in the literal at `bytes[start]` to before `end` to `words[word]`.
 * Returns false if it is no ID.
 */
export function readId(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: Int32Array,
  word: number,
): boolean {
  const length = end - start - 2;
  if (length < ID_BYTES || length > ID_BYTES * ESCAPE_BYTES) return false;
  if (!decodeBytes(bytes, start, end, idBytes, ID_BYTES)) return false;
  for (let i = 0; i < ID_WORDS; i++) words[word + i] = idWords[i];
  return true;
}

/** Whether a literal is the ID of an offer: any string of 1 to 64 UTF-16 code units. */
export function isOfferId(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start - 2;
  // Each code unit takes one to six bytes.
  if (length <= MAX_OFFER_ID_LENGTH) return length > 0;
  if (length > MAX_OFFER_ID_LENGTH * ESCAPE_BYTES) return false;
  return decodeLiteral(bytes, start, end, offerIdRoom) > 0;
}

/**
 * Writes five words that identify an offer by the ID in a literal to `words[word]`: the ID itself
 * if it has 20 bytes, else a hash of it. `key` is four random words, the same for all workers.
 * Returns false if the literal is no offer ID.
 */
export function readOfferId(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: Int32Array,
  words: Int32Array,
  word: number,
): boolean {
  if (readId(bytes, start, end, words, word)) return true;
  if (!isOfferId(bytes, start, end)) return false;
  const count = decodeLiteral(bytes, start, end, offerIdRoom);
  // The last word may contain one code unit only.
  offerIdCodes[count] = 0;
  const hashed = (count + 1) >> 1;
  words[word] = halfSipHash13(key, 0, offerIdWords, 0, hashed);
  words[word + 1] = halfSipHash13(key, 2, offerIdWords, 0, hashed);
  words[word + 2] = count;
  words[word + 3] = 0;
  words[word + 4] = 0;
  return true;
}

/** Copies an ID. A view of it would cost more than the copy. */
export function copyId(from: Int32Array, fromWord: number, to: Int32Array, toWord: number): void {
  for (let i = 0; i < ID_WORDS; i++) to[toWord + i] = from[fromWord + i];
}
