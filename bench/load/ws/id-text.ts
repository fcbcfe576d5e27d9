// An id as the contents of a JSON string in UTF-8: 20 characters from U+0000 to U+00FF, written as
// JSON.stringify writes them and read in whatever way they are escaped.

import { ID_BYTES } from "./ids.ts";

/** The most bytes of an id that was written here. */
export const MOST_TEXT_BYTES = ID_BYTES * 6;

/** By character: how many bytes it takes, and then those. */
const STRIDE = 8;
const WRITTEN = new Uint8Array(256 * STRIDE);
for (let character = 0; character < 256; character++) {
  const text = JSON.stringify(String.fromCharCode(character)).slice(1, -1);
  const bytes = Buffer.from(text);
  WRITTEN[character * STRIDE] = bytes.length;
  WRITTEN.set(bytes, character * STRIDE + 1);
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const SHORT_ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
/** By the character after a backslash: what it means, or 0 where it is none. */
const MEANING = new Uint8Array(256);
for (const character of '"\\/') MEANING[character.charCodeAt(0)] = character.charCodeAt(0);
for (const [letter, character] of Object.entries(SHORT_ESCAPES)) {
  MEANING[letter.charCodeAt(0)] = character.charCodeAt(0);
}

/** Writes the id at `text[at]`, every byte XORed with `mask`, and returns where it ends. */
export function writeIdText(id: Uint8Array, text: Uint8Array, at: number, mask: number): number {
  let end = at;
  for (let i = 0; i < ID_BYTES; i++) {
    const entry = id[i] * STRIDE;
    for (let left = WRITTEN[entry], from = entry + 1; left > 0; left--, from++, end++) {
      text[end] = WRITTEN[from] ^ mask;
    }
  }
  return end;
}

/** Reads the id at `text[at]` up to its quote. Returns the place of that, or -1 if it is no id. */
export function readIdText(text: Uint8Array, at: number, id: Uint8Array): number {
  let from = at;
  for (let i = 0; i < ID_BYTES; i++) {
    const byte = text[from++];
    if (byte >= 0x80) {
      const next = text[from++];
      if (byte > 0xc3 || byte < 0xc2 || (next & 0xc0) !== 0x80) return -1;
      id[i] = ((byte & 3) << 6) | (next & 0x3f);
    } else if (byte === BACKSLASH) {
      const letter = text[from++];
      if (letter === 0x75) {
        const character = readHex(text, from);
        if (character < 0 || character > 255) return -1;
        id[i] = character;
        from += 4;
      } else {
        if (MEANING[letter] === 0) return -1;
        id[i] = MEANING[letter];
      }
    } else {
      if (byte < 0x20 || byte === QUOTE) return -1;
      id[i] = byte;
    }
  }
  return text[from] === QUOTE ? from : -1;
}

function readHex(text: Uint8Array, at: number): number {
  let number = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = text[i] | 0x20;
    const isDigit = text[i] >= 0x30 && text[i] <= 0x39;
    if (!isDigit && (byte < 0x61 || byte > 0x66)) return -1;
    number = (number << 4) | (isDigit ? text[i] - 0x30 : byte - 0x57);
  }
  return number;
}
