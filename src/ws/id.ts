// Info hashes, peer ids and offer ids as WebTorrent clients write them: strings of 20 characters,
// one for each byte, U+0000 to U+00FF.

/** Words of an id. */
export const ID_WORDS = 5;

const ID_LENGTH = 20;
/** The longest JSON literal of an id: between quotes, each character as an escape of six. */
const LONGEST_LITERAL = 2 + 6 * ID_LENGTH;

const BACKSLASH = 92;

/** Writes the 20 bytes of an id to `words` from `at` on; false when `text` is none. */
export function readId(text: unknown, words: Int32Array, at: number): text is string {
  if (typeof text !== "string" || text.length !== ID_LENGTH) return false;
  let all = 0;
  for (let i = 0; i < ID_WORDS; i++) {
    const a = text.charCodeAt(i * 4);
    const b = text.charCodeAt(i * 4 + 1);
    const c = text.charCodeAt(i * 4 + 2);
    const d = text.charCodeAt(i * 4 + 3);
    all |= a | b | c | d;
    words[at + i] = a | (b << 8) | (c << 16) | (d << 24);
  }
  return all <= 0xff;
}

/**
 * The same for an id that stands in a JSON text, from the quote at `start` to behind the one before
 * `end`, each of its characters for itself or escaped.
 */
export function readIdLiteral(
  text: string,
  start: number,
  end: number,
  words: Int32Array,
  at: number,
): boolean {
  const length = end - start;
  if (length !== ID_LENGTH + 2) {
    if (length < ID_LENGTH + 2 || length > LONGEST_LITERAL) return false;
    return readId(JSON.parse(text.slice(start, end)), words, at);
  }
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

/** Copies an id. A view of it would cost more than the copy. */
export function copyId(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let i = 0; i < ID_WORDS; i++) to[toAt + i] = from[fromAt + i];
}
