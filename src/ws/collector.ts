// Decides when a socket worker's garbage is collected. The runtime lets a heap double first, and
// counts the reserved shared memory of the tables as part of it, so hundreds of megabytes of
// garbage would pile up, and no memory would still be in a cache when it is used again.

import { edenGC, fullGC, heapSize } from "bun:jsc";

/** Bytes of garbage between two collections of what is new. */
const MAX_NEW = 16 * 2 ** 20;

/** Bytes to which a heap may grow in any case. */
const SMALL_HEAP = 32 * 2 ** 20;

/** A heap and the ways to collect its garbage. */
export interface Heap {
  /** Collects recent garbage, mostly in less than a millisecond. */
  readonly collectNew: () => void;
  /** Collects all garbage. The time depends on what is in use. */
  readonly collectAll: () => void;
  /** Bytes of the heap, with shared memory. */
  readonly size: () => number;
}

const runtimeHeap: Heap = { collectNew: edenGC, collectAll: fullGC, size: heapSize };

export class Collector {
  /** Bytes of garbage since the last collection. */
  #turnover = 0;
  /** Bytes in use after the last full collection. */
  #inUse = 0;
  readonly #shared: number;

  /** Create this after the shared memory has been received: what there is now does not count. */
  constructor(private readonly heap: Heap = runtimeHeap) {
    this.#shared = heap.size();
  }

  /** Notes that about so many bytes are garbage soon, and collects when it is time. */
  note(bytes: number): void {
    this.#turnover += bytes;
    if (this.#turnover < MAX_NEW) return;
    this.#turnover = 0;
    const { heap } = this;
    heap.collectNew();
    // What was in use for a moment during one of those stays until a full collection.
    if (heap.size() - this.#shared < Math.max(SMALL_HEAP, 2 * this.#inUse)) return;
    heap.collectAll();
    this.#inUse = heap.size() - this.#shared;
  }
}
