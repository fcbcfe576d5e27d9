// Limits how often something may be done for each of many keys: a bucket of tokens for a key fills at
// a steady rate and holds a burst. Buckets have a fixed place each, by the key's hash, in two rows;
// keys that share one share its tokens, so a key has what is left in the fuller of its two. Nothing
// is found, evicted or grown, so many keys cannot reset another one's bucket. Time is whole seconds.
// Threads may overwrite each other's change at the same moment: a token more or less does not matter.
//
//   bucket    [ second of the last change | tokens left ]

const BUCKET_BITS = 17;
const BUCKETS = 1 << BUCKET_BITS;
const BUCKET_WORDS = 2;
/** Any odd number spreads the bits; this is 2^32 over the golden ratio. */
const SPREAD = 0x9e3779b1 | 0;

/** Words of zeroed shared memory for the buckets: 2 MiB. */
export const TOKEN_BUCKET_WORDS = 2 * BUCKETS * BUCKET_WORDS;

/** What `take` returns. */
export const TOKEN = {
  /** There was a token, and it is gone. */
  taken: 0,
  /** There was none. */
  none: 1,
  /** There was none, and as many tries as tokens come in a second have failed in this second. */
  flood: 2,
} as const;

/** One thread's view of the buckets. */
export class TokenBuckets {
  constructor(
    private readonly words: Int32Array,
    /** Tokens that come each second. */
    private readonly rate: number,
    /** Tokens that a bucket holds. */
    private readonly burst: number,
  ) {}

  /** Takes a token for the key with this hash, at second `now`. Returns one of TOKEN. */
  take(hash: number, now: number): number {
    const first = (hash & (BUCKETS - 1)) * BUCKET_WORDS;
    const second = (BUCKETS + (Math.imul(hash, SPREAD) >>> (32 - BUCKET_BITS))) * BUCKET_WORDS;
    const left = Math.max(this.#take(first, now), this.#take(second, now));
    if (left > 0) return TOKEN.taken;
    return left > -this.rate ? TOKEN.none : TOKEN.flood;
  }

  // Returns the tokens that were left, 0 or less when one was already wanted in vain.
  #take(bucket: number, now: number): number {
    const { words, rate } = this;
    // A bucket that was never used has the second 0, and is full. Seconds count from 1 here.
    const since = now + 1 - words[bucket];
    let left = words[bucket + 1];
    if (since !== 0) {
      // Failures are forgotten as soon as tokens come.
      left =
        words[bucket] === 0 ? this.burst : Math.min(this.burst, Math.max(left, 0) + since * rate);
      words[bucket] = now + 1;
    }
    if (left > -rate) words[bucket + 1] = left - 1;
    return left;
  }
}
