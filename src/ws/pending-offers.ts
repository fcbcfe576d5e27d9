// The offers that were relayed and may be answered: once, within a minute, by the peer that
// received them. A table of fixed size in shared memory, because an offer and its answer may pass
// through different workers. An offer is identified by a keyed hash of 64 bits. Where too many fall
// into one set, the oldest are forgotten.
//
//   stripe    [ lock ]                                       a cache line each
//   set       [ hash · hash · time ] x 5, one word unused    a cache line each

import { halfSipHash13Wide } from "../memory/hash.ts";
import { acquire, release } from "../memory/lock.ts";

/** Seconds for which an offer can be answered. */
export const OFFER_SECONDS = 60;

/**
 * What identifies an offer, as words: the info hash, the peer that received it, the peer that made
 * it, and its ID as `readOfferId` writes it.
 */
export const OFFER = { infoHash: 0, answerer: 5, offerer: 10, id: 15, words: 20 } as const;

const LINE = 16;
const STRIPES = 64;
const ENTRY_WORDS = 3;
const ENTRIES = 5;

/** What a worker needs to view the table. */
export interface PendingOffersMemory {
  readonly buffer: SharedArrayBuffer;
  /** Four random words. */
  readonly key: Int32Array;
}

/** Reserves room for about `count` offers. The memory is used as they arrive. */
export function allocatePendingOffers(count: number, key: Int32Array): PendingOffersMemory {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(STRIPES, count / ENTRIES)));
  return { buffer: new SharedArrayBuffer((STRIPES + sets) * LINE * 4), key };
}

/** One thread's view of the table. */
export class PendingOffers {
  /** Four random words, the same for all workers. */
  readonly key: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #hash = new Int32Array(2);

  constructor(memory: PendingOffersMemory) {
    this.#words = new Int32Array(memory.buffer);
    this.key = memory.key;
    this.#mask = this.#words.length / LINE - STRIPES - 1;
  }

  /** Notes that the offer in `offer` (see OFFER) has been relayed at second `now`. */
  add(offer: Int32Array, now: number): void {
    const words = this.#words;
    halfSipHash13Wide(this.key, 0, offer, 0, OFFER.words, this.#hash);
    const first = this.#hash[0];
    const second = this.#hash[1];
    const set = first & this.#mask;
    const lock = (set & (STRIPES - 1)) * LINE;
    const begin = (STRIPES + set) * LINE;
    acquire(words, lock);
    let chosen = begin;
    for (let entry = begin; entry < begin + ENTRIES * ENTRY_WORDS; entry += ENTRY_WORDS) {
      if (words[entry] === first && words[entry + 1] === second) {
        chosen = entry;
        break;
      }
      if (words[entry + 2] < words[chosen + 2]) chosen = entry;
    }
    words[chosen] = first;
    words[chosen + 1] = second;
    // A free entry has the time 0, older than any.
    words[chosen + 2] = now + 1;
    release(words, lock);
  }

  /** Forgets that offer. Returns true if it could still be answered at second `now`. */
  take(offer: Int32Array, now: number): boolean {
    const words = this.#words;
    halfSipHash13Wide(this.key, 0, offer, 0, OFFER.words, this.#hash);
    const first = this.#hash[0];
    const second = this.#hash[1];
    const set = first & this.#mask;
    const lock = (set & (STRIPES - 1)) * LINE;
    const begin = (STRIPES + set) * LINE;
    let since = 0;
    acquire(words, lock);
    for (let entry = begin; entry < begin + ENTRIES * ENTRY_WORDS; entry += ENTRY_WORDS) {
      if (words[entry] !== first || words[entry + 1] !== second) continue;
      since = words[entry + 2];
      words[entry + 2] = 0;
      break;
    }
    release(words, lock);
    return since !== 0 && now + 1 - since <= OFFER_SECONDS;
  }
}
