// Random numbers that can be drawn again: the sequence of one 32-bit seed (splitmix32, the
// finalizer of MurmurHash3 over a Weyl sequence). What is drawn can thus be prefetched first,
// without a second copy of the decision: if the memory has changed in between, the second draw is
// just as random. Each thread has its own. Not for secrets.

/** Any odd number would do. This one is 2^32 divided by the golden ratio. */
const WEYL = 0x9e3779b9 | 0;

export class Draws {
  // An element of a typed array stays a 32-bit integer.
  readonly #state = new Int32Array(1);

  /** Starts the sequence of `seed`. */
  restart(seed: number): void {
    this.#state[0] = seed;
  }

  /** Returns the next 32 random bits as a signed integer. */
  next(): number {
    const state = (this.#state[0] + WEYL) | 0;
    this.#state[0] = state;
    let bits = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  }

  /** As `Random.below`; 0 if `limit` is 0. */
  below(limit: number): number {
    // See Random.below.
    for (;;) {
      const bits = this.next() >>> 1;
      const result = (bits % limit) | 0;
      if (((bits - result + (limit - 1)) | 0) >= 0 || limit <= 0) return result;
    }
  }
}
