// One buffer seen as bytes, 16-bit halves and 32-bit words, all in the machine's little-endian
// order. Datagrams are read and written through these views, never through objects.

/**
 * Three views of one buffer. An offset counts bytes, a half is a position in `halves`, and a word
 * is a position in `words`.
 */
export class Bytes {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;

  /** Views all of `buffer`, whose length must be a multiple of 4. */
  constructor(readonly buffer: ArrayBuffer | SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Allocates zeroed memory for this thread alone, rounded up to a multiple of 4 bytes. */
  static allocate(length: number): Bytes {
    return new Bytes(new ArrayBuffer((length + 3) & ~3));
  }
}

/** Reverses the bytes of a 32-bit word: converts from network order and back. Signed. */
export function swapWord(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
