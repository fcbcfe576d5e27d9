// Counts by key, for more keys than there is room for: each key has two counters, which it shares
// with others, and its count is at most the smaller of them. So a count is never too small; it is too
// large by as much as both counters got from other keys, a handful among millions. Nothing has to be
// found, evicted or grown: many keys cannot push another one out, and what is added can be taken back
// exactly (a count-min sketch, Cormode and Muthukrishnan). Any thread calls it; no lock is needed.

const CELL_BITS = 18;
const CELLS = 1 << CELL_BITS;
/** Any odd number spreads the bits; this is 2^32 over the golden ratio. */
const SPREAD = 0x9e3779b1 | 0;

/** Words of zeroed shared memory that a sketch takes: 2 MiB. */
export const SKETCH_WORDS = 2 * CELLS;

/** One thread's view of the counters. */
export class CountingSketch {
  /** The sketch is in `words` from `offset` on. */
  constructor(
    private readonly words: Int32Array,
    private readonly baseWord: number,
  ) {}

  /** Adds one for the key with this hash, unless its count is `max` already: false then. */
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

  /** Takes back one that was added. */
  remove(hash: number): void {
    Atomics.sub(this.words, this.#first(hash), 1);
    Atomics.sub(this.words, this.#second(hash), 1);
  }

  /** The count of the key with this hash, or somewhat more. */
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

  // Keys that share the first counter differ in the high bits of their hashes, and so here.
  #second(hash: number): number {
    return this.baseWord + CELLS + (Math.imul(hash, SPREAD) >>> (32 - CELL_BITS));
  }
}
