// Rate limits by key. Each key has a bucket of tokens that fills at a steady rate and holds one
// burst. Buckets have fixed positions in two rows, chosen by the key's hash. Keys with the same
// bucket share its tokens, so a key has the tokens of the fuller of its two buckets. Nothing is
// looked up, evicted or resized, so a flood of keys cannot reset another key's bucket. Time is in
// whole seconds. Threads may overwrite each other's change in the same instant; one token more or
// less does not matter.
//
//   bucket    [ second of the last change | tokens left ]

const BUCKET_BITS = 17;
const BUCKETS = 1 << BUCKET_BITS;
const BUCKET_WORDS = 2;
/** Any odd number spreads the bits. This one is 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1 | 0;

/** Words of zeroed shared memory for the buckets: 2 MiB. */
export const TOKEN_BUCKET_WORDS = 2 * BUCKETS * BUCKET_WORDS;

/** Results of `take`. */
export const TOKEN = {
  /** A token was taken. */
  taken: 0,
  /** There was no token. */
  none: 1,
  /** There was no token, and a whole second's worth of attempts has failed in this second. */
  flood: 2,
} as const;

/** One thread's view of the buckets. */
export class TokenBuckets {
  constructor(
    private readonly words: Int32Array,
    /** Tokens added each second. May change at any time. */
    public rate: number,
    /** Maximum number of tokens in a bucket. May change at any time. */
    public burst: number,
  ) {}

  /** Takes a token for the key with this hash at second `now`. Returns one of TOKEN. */
  take(hash: number, now: number): number {
    const first = (hash & (BUCKETS - 1)) * BUCKET_WORDS;
    const second = (BUCKETS + (Math.imul(hash, SPREAD) >>> (32 - BUCKET_BITS))) * BUCKET_WORDS;
    const left = Math.max(this.#take(first, now), this.#take(second, now));
    if (left > 0) return TOKEN.taken;
    return left > -this.rate ? TOKEN.none : TOKEN.flood;
  }

  // Returns the tokens before this attempt: 0 or less if the bucket was empty.
  #take(bucket: number, now: number): number {
    const { words, rate } = this;
    // An unused bucket has second 0 and is full, so seconds count from 1 here.
    const since = now + 1 - words[bucket];
    let left = words[bucket + 1];
    if (since !== 0) {
      // New tokens clear the failed attempts.
      left =
        words[bucket] === 0 ? this.burst : Math.min(this.burst, Math.max(left, 0) + since * rate);
      words[bucket] = now + 1;
    }
    if (left > -rate) words[bucket + 1] = left - 1;
    return left;
  }
}
