// Limits the request rate of each address: a bucket of tokens for each IPv4 address or IPv6 /64.
// Only requests with a valid connection id take a token, so a sender with a forged source cannot
// use up another address's tokens. The handler of a socket worker calls this.

import { mixWords } from "../memory/hash.ts";
import { TOKEN, TokenBuckets } from "../memory/token-buckets.ts";

/**
 * Seconds' worth of requests that an address may send at once, for example when a client starts.
 */
const BURST_SECONDS = 40;

/** The limit of one tracker, as one worker sees it. */
export class RequestLimit {
  readonly #buckets: TokenBuckets;

  constructor(
    tokens: Int32Array,
    /** Two random words. */
    private readonly key: Int32Array,
    /** Requests per second; 0 for no limit. */
    rate: number,
  ) {
    this.#buckets = new TokenBuckets(tokens, rate, rate * BURST_SECONDS);
  }

  /** Changes the requests per second. */
  setRate(rate: number): void {
    this.#buckets.rate = rate;
    this.#buckets.burst = rate * BURST_SECONDS;
  }

  /**
   * Counts a request from the network of `addressWords` words at `address[addressWord]`. Returns
   * one of TOKEN.
   */
  take(address: Int32Array, addressWord: number, addressWords: number, now: number): number {
    if (this.#buckets.rate === 0) return TOKEN.taken;
    return this.#buckets.take(mixWords(this.key, 0, address, addressWord, addressWords), now);
  }
}
