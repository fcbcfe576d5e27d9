// JSON string literals, quotes and all, in texts that the reader has found to be well formed.

const QUOTE = 34;
const BACKSLASH = 92;
const LETTER_U = 117;

/** By the code of a character behind a backslash, the code of what both mean. */
const ESCAPES = new Uint8Array(128);
for (const [name, meaning] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  ESCAPES[name.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** By the code of a hexadecimal digit, its value and one. */
const HEX = new Uint8Array(128);
for (let i = 0; i < 22; i++) HEX["0123456789abcdefABCDEF".charCodeAt(i)] = i < 16 ? i + 1 : i - 5;

/**
 * Decodes the literal from the quote at `start` to behind the one before `end`. Writes its UTF-16
 * codes to `codes` and returns how many there are; -1 when they are more than `codes` has room for.
 */
export function decodeLiteral(
  text: string,
  start: number,
  end: number,
  codes: Uint16Array,
): number {
  let count = 0;
  for (let i = start + 1; i < end - 1; count++) {
    if (count === codes.length) return -1;
    let code = text.charCodeAt(i++);
    if (code === BACKSLASH) {
      code = text.charCodeAt(i++);
      if (code === LETTER_U) {
        code = 0;
        for (const digitsEnd = i + 4; i < digitsEnd; i++) {
          code = (code << 4) | (HEX[text.charCodeAt(i)] - 1);
        }
      } else {
        code = ESCAPES[code];
      }
    }
    codes[count] = code;
  }
  return count;
}

/**
 * The end of the literal that begins with the quote at `start`, every character of it looked at;
 * -1 when JSON has no such literal: it does not end, or holds a control character or an escape that
 * is none.
 */
export function scanLiteral(text: string, start: number): number {
  const { length } = text;
  for (let i = start + 1; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code < 32) return -1;
    if (code !== BACKSLASH) continue;
    // Looking for a character behind the last is slow.
    if (++i === length) return -1;
    const escape = text.charCodeAt(i);
    if (escape !== LETTER_U) {
      if (escape > 127 || ESCAPES[escape] === 0) return -1;
      continue;
    }
    if (i + 4 >= length) return -1;
    for (const digitsEnd = i + 4; i < digitsEnd;) {
      const digit = text.charCodeAt(++i);
      if (digit > 127 || HEX[digit] === 0) return -1;
    }
  }
  return -1;
}
