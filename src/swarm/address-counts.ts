// How many peers of a table each address has, so that one of them cannot take the whole table. An
// IPv6 host has a whole /64 to choose addresses from, so all of that counts as one. Called with the
// lock of any shard held; the counters need none.

import { networkWords } from "../memory/address.ts";
import { CountingSketch } from "../memory/counting-sketch.ts";
import { halfSipHash13 } from "../memory/hash.ts";
import { HEADER, type TablePlan } from "./layout.ts";

/** The counts of one table of peers that are known by their addresses. */
export class AddressCounts {
  readonly #sketch: CountingSketch;
  readonly #max: number;
  /** Words of an address that count. */
  readonly #networkWords: number;

  constructor(
    private readonly words: Int32Array,
    plan: TablePlan,
  ) {
    this.#sketch = new CountingSketch(words, plan.addressCounts);
    this.#max = plan.maxPeersPerAddress;
    this.#networkWords = networkWords(plan.identityBytes);
  }

  /** Counts the peer at `key[at]`, which begins with its address; false when that has enough. */
  add(key: Int32Array, keyWord: number): boolean {
    return this.#sketch.add(this.#hash(key, keyWord), this.#max);
  }

  /** Counts the peer at `key[at]` no more. */
  remove(key: Int32Array, keyWord: number): void {
    this.#sketch.remove(this.#hash(key, keyWord));
  }

  #hash(key: Int32Array, keyWord: number): number {
    return halfSipHash13(this.words, HEADER.key, key, keyWord, this.#networkWords);
  }
}
