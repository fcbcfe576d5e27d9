// Info hashes, peer ids and offer ids as WebTorrent clients write them: strings of 20 characters,
// one for each byte, U+0000 to U+00FF.

/** Words of an id. */
export const ID_WORDS = 5;

const ID_LENGTH = 20;

const scratch = new Int32Array(ID_WORDS);

/** Whether `text` is an id. */
export function isId(text: unknown): text is string {
  return readId(text, scratch, 0);
}

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

/** Copies an id. A view of it would cost more than the copy. */
export function copyId(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let i = 0; i < ID_WORDS; i++) to[toAt + i] = from[fromAt + i];
}
