// Counts the peers of each address in a table, so that one address cannot fill it. An IPv6 host can
// use any address of its /64, so a /64 counts as one address. Callers hold the lock of some shard;
// the counters themselves need none.

import { networkWords } from "../memory/address.ts";
import { CountingSketch } from "../memory/counting-sketch.ts";
import { halfSipHash13 } from "../memory/hash.ts";
import { HEADER, type TablePlan } from "./layout.ts";

/** The counts of a table whose peers are identified by their addresses. */
export class AddressCounts {
  /** Maximum number of peers of one address. May change at any time. */
  max: number;
  readonly #sketch: CountingSketch;
  /** Words of an address that identify its network. */
  readonly #networkWords: number;

  constructor(
    private readonly words: Int32Array,
    plan: TablePlan,
  ) {
    this.#sketch = new CountingSketch(words, plan.addressCounts);
    this.max = plan.maxPeersPerAddress;
    this.#networkWords = networkWords(plan.identityBytes);
  }

  /**
   * Counts the peer at `key[keyWord]`, which begins with its address. Returns false if the address
   * has reached its limit.
   */
  add(key: Int32Array, keyWord: number): boolean {
    return this.#sketch.add(this.#hash(key, keyWord), this.max);
  }

  /** Stops counting the peer at `key[keyWord]`. */
  remove(key: Int32Array, keyWord: number): void {
    this.#sketch.remove(this.#hash(key, keyWord));
  }

  #hash(key: Int32Array, keyWord: number): number {
    return halfSipHash13(this.words, HEADER.key, key, keyWord, this.#networkWords);
  }
}
