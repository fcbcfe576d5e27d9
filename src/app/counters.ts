// Counts of what workers do, in shared memory: each worker adds to its own, the main thread reads
// them all. Packets are counted here, never logged. What is counted stands in metrics.ts.

import { type Counter, METRIC_COUNT } from "./metrics.ts";

/** Whole pairs of cache lines for each worker, so that none slows another down. */
const COUNTS = Math.ceil(METRIC_COUNT / 16) * 16;

/** Shared memory for the counts of so many workers. */
export function allocateCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTS * Float64Array.BYTES_PER_ELEMENT);
}

/** One worker's counts. Nobody else writes to them. */
export class Counters {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    const { BYTES_PER_ELEMENT } = Float64Array;
    this.#counts = new Float64Array(buffer, worker * COUNTS * BYTES_PER_ELEMENT, METRIC_COUNT);
  }

  /** Adds `amount`. */
  add(counter: Counter, amount: number): void {
    this.#counts[counter] += amount;
  }
}

/** The sum of one counter over all workers. */
export function sumCounter(buffer: SharedArrayBuffer, counter: Counter): number {
  const counts = new Float64Array(buffer);
  let sum = 0;
  for (let i: number = counter; i < counts.length; i += COUNTS) sum += counts[i];
  return sum;
}
