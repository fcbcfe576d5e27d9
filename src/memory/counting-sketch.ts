// A count-min sketch (Cormode and Muthukrishnan): counts by key in fixed memory, whatever the
// number of keys. Each key has two counters that it shares with other keys, and its count is the
// smaller of the two. A count is therefore never too low. It is too high by what both counters got
// from other keys: a handful among millions. Nothing is looked up, evicted or resized, so a flood
// of keys cannot displace another key, and every addition can be undone exactly. Safe on any thread
// without a lock.

const CELL_BITS = 18;
const CELLS = 1 << CELL_BITS;
/** Any odd number spreads the bits. This one is 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1 | 0;

/** Words of zeroed shared memory for one sketch: 2 MiB. */
export const SKETCH_WORDS = 2 * CELLS;

/** One thread's view of the counters. */
export class CountingSketch {
  /** The sketch begins at `words[baseWord]`. */
  constructor(
    private readonly words: Int32Array,
    private readonly baseWord: number,
  ) {}

  /**
   * Adds one to the count of the key with this hash. Returns false, and adds nothing, if the count
   * has reached `max`.
   */
  add(hash: number, max: number): boolean {
    const { words } = this;
    const first = this.#first(hash);
    const second = this.#second(hash);
    const before = Math.min(Atomics.add(words, first, 1), Atomics.add(words, second, 1));
    if (before < max) return true;
    Atomics.sub(words, first, 1);
    Atomics.sub(words, second, 1);
    return false;
  }

  /** Undoes one addition. */
  remove(hash: number): void {
    Atomics.sub(this.words, this.#first(hash), 1);
    Atomics.sub(this.words, this.#second(hash), 1);
  }

  /** Returns the count of the key with this hash, or slightly more. */
  count(hash: number): number {
    const { words } = this;
    return Math.min(
      Atomics.load(words, this.#first(hash)),
      Atomics.load(words, this.#second(hash)),
    );
  }

  #first(hash: number): number {
    return this.baseWord + (hash & (CELLS - 1));
  }

  // Keys that share the first counter differ in the high bits of their hashes, so they differ here.
  #second(hash: number): number {
    return this.baseWord + CELLS + (Math.imul(hash, SPREAD) >>> (32 - CELL_BITS));
  }
}
