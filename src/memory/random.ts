// Fast random numbers for choosing peers: sfc32, Chris Doty-Humphrey's small fast counting
// generator from PractRand. Each thread has its own. Not for secrets: enough output reveals the
// state.

export class Random {
  // Elements of a typed array stay 32-bit integers. Fields are a third slower.
  readonly #state = new Int32Array(4);

  /** The same three words give the same sequence. Any words will do, even zeros. */
  constructor(seed0: number, seed1: number, seed2: number) {
    this.#state.set([seed0, seed1, seed2, 1]);
    // Mixes every bit of the seed into every bit of the state.
    for (let i = 0; i < 15; i++) this.next();
  }

  /** Seeds a generator from the system's random source. */
  static fromEntropy(): Random {
    const [seed0, seed1, seed2] = crypto.getRandomValues(new Int32Array(3));
    return new Random(seed0, seed1, seed2);
  }

  /** Returns the next 32 random bits as a signed integer. */
  next(): number {
    const state = this.#state;
    const b = state[1];
    const c = state[2];
    const counter = state[3];
    const result = (((state[0] + b) | 0) + counter) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + result) | 0;
    state[3] = (counter + 1) | 0;
    return result;
  }

  /** Returns an integer from 0 to `limit - 1`, all equally likely. `limit` is from 1 to 2 ** 31. */
  below(limit: number): number {
    // The 31-bit numbers are whole runs of `limit` numbers plus a remainder. Numbers in the
    // remainder are rejected: the end of their run exceeds 31 bits, so the sum is negative.
    for (;;) {
      const bits = this.next() >>> 1;
      const result = bits % limit;
      if (((bits - result + (limit - 1)) | 0) >= 0) return result;
    }
  }
}
