// Info hashes, peer ids and offer ids as WebTorrent clients write them, in JSON texts. The first two
// are strings of 20 characters, one for each byte, U+0000 to U+00FF. Most offer ids are as well.

import { halfSipHash13 } from "../memory/hash.ts";
import { decodeLiteral } from "./literal.ts";

/** Words of an id. */
export const ID_WORDS = 5;

const ID_LENGTH = 20;
const MOST_OFFER_ID_LENGTH = 64;
/** Characters of the longest escape. */
const ESCAPE_LENGTH = 6;

const BACKSLASH = 92;

const idCodes = new Uint16Array(ID_LENGTH);
const offerIdCodes = new Uint16Array(MOST_OFFER_ID_LENGTH);
const offerIdWords = new Int32Array(offerIdCodes.buffer);

/**
 * Writes the 20 bytes of the id in a literal, from the quote at `start` to behind the one before
 * `end` of `text`, to `words` from `at` on; false when it is none.
 */
export function readId(
  text: string,
  start: number,
  end: number,
  words: Int32Array,
  at: number,
): boolean {
  const length = end - start - 2;
  if (length !== ID_LENGTH) return readEscapedId(text, start, end, words, at);
  let all = 0;
  for (let i = 0; i < ID_WORDS; i++) {
    const first = start + 1 + i * 4;
    const a = text.charCodeAt(first);
    const b = text.charCodeAt(first + 1);
    const c = text.charCodeAt(first + 2);
    const d = text.charCodeAt(first + 3);
    // An escape leaves too few characters.
    if (a === BACKSLASH || b === BACKSLASH || c === BACKSLASH || d === BACKSLASH) return false;
    all |= a | b | c | d;
    words[at + i] = a | (b << 8) | (c << 16) | (d << 24);
  }
  return all <= 0xff;
}

/** Whether a literal is the id of an offer: any string of 1 to 64 characters. */
export function isOfferId(text: string, start: number, end: number): boolean {
  const length = end - start - 2;
  if (length <= MOST_OFFER_ID_LENGTH) return length > 0;
  return isShort(length, MOST_OFFER_ID_LENGTH) && decodeLiteral(text, start, end, offerIdCodes) > 0;
}

/**
 * Writes five words that name the offer whose id is in a literal to `words` from `at` on: the id
 * itself when it is one of 20 bytes, else a hash of it. `key` is four random words, the same for all
 * workers. False when it is no offer's id.
 */
export function readOfferId(
  text: string,
  start: number,
  end: number,
  key: Int32Array,
  words: Int32Array,
  at: number,
): boolean {
  if (readId(text, start, end, words, at)) return true;
  if (!isOfferId(text, start, end)) return false;
  const count = decodeLiteral(text, start, end, offerIdCodes);
  // The last word may hold one character only.
  offerIdCodes[count] = 0;
  const hashed = (count + 1) >> 1;
  words[at] = halfSipHash13(key, 0, offerIdWords, 0, hashed);
  words[at + 1] = halfSipHash13(key, 2, offerIdWords, 0, hashed);
  words[at + 2] = count;
  words[at + 3] = 0;
  words[at + 4] = 0;
  return true;
}

/** Copies an id. A view of it would cost more than the copy. */
export function copyId(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let i = 0; i < ID_WORDS; i++) to[toAt + i] = from[fromAt + i];
}

function readEscapedId(
  text: string,
  start: number,
  end: number,
  words: Int32Array,
  at: number,
): boolean {
  const length = end - start - 2;
  if (length < ID_LENGTH || !isShort(length, ID_LENGTH)) return false;
  if (decodeLiteral(text, start, end, idCodes) !== ID_LENGTH) return false;
  let all = 0;
  for (let i = 0; i < ID_WORDS; i++) {
    const a = idCodes[i * 4];
    const b = idCodes[i * 4 + 1];
    const c = idCodes[i * 4 + 2];
    const d = idCodes[i * 4 + 3];
    all |= a | b | c | d;
    words[at + i] = a | (b << 8) | (c << 16) | (d << 24);
  }
  return all <= 0xff;
}

/** Whether a literal of so many characters between its quotes may stand for `most`. */
function isShort(length: number, most: number): boolean {
  return length <= most * ESCAPE_LENGTH;
}
