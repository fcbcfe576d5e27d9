// Counters in shared memory: each worker increments its own, and the main thread sums them up.
// Packets are counted here and never logged. metrics.ts lists what is counted.

import { type Counter, METRIC_COUNT } from "./metrics.ts";

/** Whole pairs of cache lines per worker, so that workers do not slow each other down. */
const COUNTS = Math.ceil(METRIC_COUNT / 16) * 16;

/** Allocates the counters of `workers` workers. */
export function allocateCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTS * Float64Array.BYTES_PER_ELEMENT);
}

/** The counters of one worker. No other thread writes to them. */
export class Counters {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    const { BYTES_PER_ELEMENT } = Float64Array;
    this.#counts = new Float64Array(buffer, worker * COUNTS * BYTES_PER_ELEMENT, METRIC_COUNT);
  }

  /** Adds `amount` to a counter. */
  add(counter: Counter, amount: number): void {
    this.#counts[counter] += amount;
  }
}

/** Returns the sum of one counter over all workers. */
export function sumCounter(buffer: SharedArrayBuffer, counter: Counter): number {
  const counts = new Float64Array(buffer);
  let sum = 0;
  for (let i: number = counter; i < counts.length; i += COUNTS) sum += counts[i];
  return sum;
}
