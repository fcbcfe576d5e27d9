// How often an address may ask: a bucket of tokens for each IPv4 address or IPv6 /64. Only requests
// with a valid connection id take one, so no sender can spend the tokens of a forged source. Called by
// the handler of a socket worker.

import { halfSipHash13 } from "../memory/hash.ts";
import { TokenBuckets } from "../memory/token-buckets.ts";

/** Seconds' worth of requests that an address may send at once, such as a client that starts. */
const BURST_SECONDS = 40;

/** The limit of one tracker, as one worker sees it. */
export class RequestLimit {
  readonly #buckets: TokenBuckets;

  constructor(
    tokens: Int32Array,
    /** Two random words. */
    private readonly key: Int32Array,
    /** Requests a second. */
    rate: number,
  ) {
    this.#buckets = new TokenBuckets(tokens, rate, rate * BURST_SECONDS);
  }

  /** Counts a request from the network of `count` words at `address[at]`. Returns one of TOKEN. */
  take(address: Int32Array, addressWord: number, addressWords: number, now: number): number {
    return this.#buckets.take(halfSipHash13(this.key, 0, address, addressWord, addressWords), now);
  }
}
