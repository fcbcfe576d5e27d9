// One stretch of memory seen as bytes, 16-bit halves and 32-bit words, all in the machine's
// little-endian order. Datagrams are read and written through these views, never through objects.

/** Three views over one buffer. Offsets into it are bytes unless a name says otherwise. */
export class Bytes {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;

  /** Views the whole of `buffer`, whose length must be a multiple of 4. */
  constructor(readonly buffer: ArrayBuffer | SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Memory of this thread alone, of at least `length` bytes, zeroed. */
  static allocate(length: number): Bytes {
    return new Bytes(new ArrayBuffer((length + 3) & ~3));
  }
}

/** A 32-bit word with its bytes in reverse order: network order to ours, and back. Signed. */
export function swapWord(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
