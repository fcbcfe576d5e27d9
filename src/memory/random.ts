// Fast random numbers for picking peers: sfc32, Chris Doty-Humphrey's small fast counting
// generator from PractRand. Each thread has its own. Not for secrets: who sees enough numbers can
// tell the next.

export class Random {
  // Words of a typed array stay 32-bit integers; fields are a third slower.
  readonly #state = new Int32Array(4);

  /** The same three 32-bit words give the same numbers; any words will do, zeros too. */
  constructor(seed0: number, seed1: number, seed2: number) {
    this.#state.set([seed0, seed1, seed2, 1]);
    // Until every bit of the seed has reached every bit of the state.
    for (let i = 0; i < 15; i++) this.next();
  }

  /** Seeded by the system's random source. */
  static fromEntropy(): Random {
    const [seed0, seed1, seed2] = crypto.getRandomValues(new Int32Array(3));
    return new Random(seed0, seed1, seed2);
  }

  /** The next 32 random bits, as a signed integer. */
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

  /** An integer from 0 to `limit - 1`, each exactly as likely; `limit` from 1 to 2 ** 31. */
  below(limit: number): number {
    // 31 bits hold so many whole runs of `limit` numbers and a rest. Numbers out of the rest are
    // thrown away: there the run's last number would not fit into 31 bits, and the sum turns
    // negative.
    for (;;) {
      const bits = this.next() >>> 1;
      const result = bits % limit;
      if (((bits - result + (limit - 1)) | 0) >= 0) return result;
    }
  }
}
