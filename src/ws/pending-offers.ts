// The offers that were passed on and may be answered: once, within a minute, by whom they were
// passed to. A table of fixed size in shared memory, because offer and answer may pass through
// different workers. An offer is known by 64 bits of keyed hash; where many fall together, the
// oldest are forgotten.
//
//   stripe    [ lock ]                                       a cache line each
//   set       [ hash · hash · time ] x 5, one word unused    a cache line each

import { halfSipHash13 } from "../memory/hash.ts";
import { acquire, release } from "../memory/lock.ts";

/** Seconds for which an offer can be answered. */
export const OFFER_SECONDS = 60;

/**
 * What names an offer, as words: the info hash, the peer it was passed to, the peer that made it,
 * its offer id as `readOfferId` gives it.
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

/** Reserves room for about `most` offers; memory is used as they arrive. */
export function allocatePendingOffers(most: number, key: Int32Array): PendingOffersMemory {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(STRIPES, most / ENTRIES)));
  return { buffer: new SharedArrayBuffer((STRIPES + sets) * LINE * 4), key };
}

/** One thread's view of the table. */
export class PendingOffers {
  /** Four random words, the same for all workers. */
  readonly key: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;

  constructor(memory: PendingOffersMemory) {
    this.#words = new Int32Array(memory.buffer);
    this.key = memory.key;
    this.#mask = this.#words.length / LINE - STRIPES - 1;
  }

  /** Notes that the offer at `offer[0]` (see OFFER) has been passed on at second `now`. */
  add(offer: Int32Array, now: number): void {
    const words = this.#words;
    const { begin, first, lock, second } = this.#locate(offer);
    acquire(words, lock);
    let place = begin;
    for (let i = 0; i < ENTRIES; i++) {
      const entry = begin + i * ENTRY_WORDS;
      if (words[entry] === first && words[entry + 1] === second) {
        place = entry;
        break;
      }
      if (words[entry + 2] < words[place + 2]) place = entry;
    }
    words[place] = first;
    words[place + 1] = second;
    // A free place has the time 0, older than any.
    words[place + 2] = now + 1;
    release(words, lock);
  }

  /** Forgets that offer; true when it could still be answered at second `now`. */
  take(offer: Int32Array, now: number): boolean {
    const words = this.#words;
    const { begin, first, lock, second } = this.#locate(offer);
    let since = 0;
    acquire(words, lock);
    for (let i = 0; i < ENTRIES; i++) {
      const entry = begin + i * ENTRY_WORDS;
      if (words[entry] !== first || words[entry + 1] !== second) continue;
      since = words[entry + 2];
      words[entry + 2] = 0;
      break;
    }
    release(words, lock);
    return since !== 0 && now + 1 - since <= OFFER_SECONDS;
  }

  // The offer's hash, and the lock and the first entry of the set it belongs to.
  #locate(offer: Int32Array) {
    const first = halfSipHash13(this.key, 0, offer, 0, OFFER.words);
    const second = halfSipHash13(this.key, 2, offer, 0, OFFER.words);
    const set = first & this.#mask;
    return {
      first,
      second,
      lock: (set & (STRIPES - 1)) * LINE,
      begin: (STRIPES + set) * LINE,
    };
  }
}
