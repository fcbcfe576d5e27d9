// JSON string literals, with their quotes, in UTF-8 (RFC 8259, 7). The message is an Inbox: behind
// it are quotes that stop every scan.

import type { Inbox } from "./inbox.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;

/** By the character behind a backslash: the character that both mean, 0 if none. */
const ESCAPES = new Uint8Array(256);
for (const [name, meaning] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  ESCAPES[name.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** By the character of a hexadecimal digit: its value plus one, 0 for other characters. */
const HEX = new Uint8Array(256);
for (let i = 0; i < 22; i++) HEX["0123456789abcdefABCDEF".charCodeAt(i)] = i < 16 ? i + 1 : i - 5;

/**
 * Returns the end of the literal that begins with the quote at `start`, or -1 if there is none: it
 * does not end, or contains a control character or an invalid escape.
 */
export function scanLiteral(inbox: Inbox, start: number): number {
  if (inbox.hasControl) return scanEachByte(inbox, start);
  const { bytes, words } = inbox;
  for (let i = start + 1; ;) {
    i = findMark(bytes, words, i);
    if (bytes[i] === QUOTE) return i < inbox.length ? i + 1 : -1;
    i = skipEscape(bytes, i);
    if (i < 0) return -1;
  }
}

// The first quote or backslash from `at` on. There is one behind the message.
function findMark(bytes: Uint8Array, words: Int32Array, at: number): number {
  let i = at;
  let byte = bytes[i];
  for (const aligned = (i + 3) & ~3; i < aligned; byte = bytes[++i]) {
    if (byte === QUOTE || byte === BACKSLASH) return i;
  }
  // Four bytes at a time. The high bit of the lowest byte that is zero is set, and perhaps others.
  // To compute which one it is would take longer than to look.
  for (let word = i >> 2; ; word++) {
    const quotes = words[word] ^ QUOTES;
    const backslashes = words[word] ^ BACKSLASHES;
    const zeros = ((quotes - ONES) & ~quotes) | ((backslashes - ONES) & ~backslashes);
    if ((zeros & HIGH_BITS) === 0) continue;
    i = word << 2;
    byte = bytes[i];
    while (byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++i];
    return i;
  }
}

// Returns the end of the escape whose backslash is at `at`; -1 if it is invalid.
function skipEscape(bytes: Uint8Array, at: number): number {
  const name = bytes[at + 1];
  if (ESCAPES[name] !== 0) return at + 2;
  if (name !== LETTER_U) return -1;
  for (let i = at + 2; i < at + 6; i++) if (HEX[bytes[i]] === 0) return -1;
  return at + 6;
}

function scanEachByte(inbox: Inbox, start: number): number {
  const { bytes, length } = inbox;
  for (let i = start + 1; i < length;) {
    const byte = bytes[i];
    if (byte === QUOTE) return i + 1;
    if (byte < 0x20) return -1;
    i = byte === BACKSLASH ? skipEscape(bytes, i) : i + 1;
    if (i < 0) return -1;
  }
  return -1;
}

/**
 * Decodes the literal at `bytes[start]` to before `end`, which `scanLiteral` accepted, in valid
 * UTF-8. Writes its UTF-16 code units to `codes` and returns how many there are, or -1 if `codes`
 * has no room for them.
 */
export function decodeLiteral(
  bytes: Uint8Array,
  start: number,
  end: number,
  codes: Uint16Array,
): number {
  let count = 0;
  for (let i = start + 1; i < end - 1;) {
    if (count === codes.length) return -1;
    const byte = bytes[i];
    if (byte === BACKSLASH) {
      const name = bytes[i + 1];
      codes[count++] = name === LETTER_U ? readHex(bytes, i + 2) : ESCAPES[name];
      i += name === LETTER_U ? 6 : 2;
    } else if (byte < 0x80) {
      codes[count++] = byte;
      i++;
    } else if (byte < 0xe0) {
      codes[count++] = ((byte & 0x1f) << 6) | (bytes[i + 1] & 0x3f);
      i += 2;
    } else if (byte < 0xf0) {
      codes[count++] = ((byte & 0x0f) << 12) | (tail(bytes, i + 1) << 6) | tail(bytes, i + 2);
      i += 3;
    } else {
      if (count + 2 > codes.length) return -1;
      const low = (tail(bytes, i + 1) << 12) | (tail(bytes, i + 2) << 6) | tail(bytes, i + 3);
      const point = (((byte & 0x07) << 18) | low) - 0x10000;
      codes[count++] = 0xd800 | (point >> 10);
      codes[count++] = 0xdc00 | (point & 0x3ff);
      i += 4;
    }
  }
  return count;
}

// The six bits of a byte of a character that is not its first.
function tail(bytes: Uint8Array, at: number): number {
  return bytes[at] & 0x3f;
}

function readHex(bytes: Uint8Array, at: number): number {
  let code = 0;
  for (let i = at; i < at + 4; i++) code = (code << 4) | (HEX[bytes[i]] - 1);
  return code;
}

/**
 * Decodes a literal of exactly `count` characters from U+0000 to U+00FF, one byte each, to
 * `output`. Returns false if the literal is none. The arguments are those of `decodeLiteral`.
 */
export function decodeBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  count: number,
): boolean {
  let i = start + 1;
  for (let k = 0; k < count; k++) {
    if (i >= end - 1) return false;
    const byte = bytes[i];
    if (byte === BACKSLASH) {
      const name = bytes[i + 1];
      const code = name === LETTER_U ? readHex(bytes, i + 2) : ESCAPES[name];
      if (code > 0xff) return false;
      output[k] = code;
      i += name === LETTER_U ? 6 : 2;
    } else if (byte < 0x80) {
      output[k] = byte;
      i++;
    } else {
      // U+0080 to U+00FF are two bytes, of which the first is 0xC2 or 0xC3.
      if (byte > 0xc3) return false;
      output[k] = ((byte & 0x03) << 6) | (bytes[i + 1] & 0x3f);
      i += 2;
    }
  }
  return i === end - 1;
}
