// When a socket worker's garbage is collected. The runtime lets a heap double before it looks for
// garbage, and counts the shared memory of the tables as part of it, reserved as it is: hundreds of
// megabytes of texts would pile up first, none of them still in a cache when it is used again.

import { edenGC, fullGC, heapSize } from "bun:jsc";

/** Characters of messages, in and out, between two collections of what is new. */
const MOST_NEW = 16 * 2 ** 20;

/** Bytes to which a heap may grow, however little of it was in use. */
const SMALL_HEAP = 32 * 2 ** 20;

/** Ways to collect garbage, and what there is to collect. */
export interface Heap {
  /** Collects what has become garbage since the last time: under a millisecond, mostly. */
  readonly collectNew: () => void;
  /** Collects all: as long as it takes to look at what is in use. */
  readonly collectAll: () => void;
  /** Bytes, shared memory included. */
  readonly size: () => number;
}

const runtimeHeap: Heap = { collectNew: edenGC, collectAll: fullGC, size: heapSize };

export class Collector {
  /** Characters since the last collection. */
  #turnover = 0;
  /** Bytes in use after the last collection of all. */
  #inUse = 0;
  readonly #shared: number;

  /** To be made when the shared memory has been received, which counts for nothing from then on. */
  constructor(private readonly heap: Heap = runtimeHeap) {
    this.#shared = heap.size();
  }

  /** Notes characters that were received or are about to be sent; collects when it is time to. */
  note(characters: number): void {
    this.#turnover += characters;
    if (this.#turnover < MOST_NEW) return;
    this.#turnover = 0;
    const { heap } = this;
    heap.collectNew();
    // What was in use at one of those, for a moment, stays until all is collected.
    if (heap.size() - this.#shared < Math.max(SMALL_HEAP, 2 * this.#inUse)) return;
    heap.collectAll();
    this.#inUse = heap.size() - this.#shared;
  }
}
