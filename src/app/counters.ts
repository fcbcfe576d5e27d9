// Counters in shared memory: each worker increments its own, and the main thread sums them up.
// Packets are counted here and never logged. metrics.ts lists what is counted.

import { type Counter, METRIC_WORDS } from "./metrics.ts";

/** Whole pairs of cache lines per worker, so that workers do not slow each other down. */
const COUNTS = Math.ceil(METRIC_WORDS / 16) * 16;

/** Allocates the counters of `workers` workers. */
export function allocateCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTS * Float64Array.BYTES_PER_ELEMENT);
}

/** The counters of one worker. No other thread writes to them. */
export class Counters {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    const { BYTES_PER_ELEMENT } = Float64Array;
    this.#counts = new Float64Array(buffer, worker * COUNTS * BYTES_PER_ELEMENT, METRIC_WORDS);
  }

  /** Adds `amount` to a counter. */
  add(counter: Counter, amount: number): void {
    this.#counts[counter] += amount;
  }

  /** Sets a gauge. */
  set(counter: Counter, value: number): void {
    this.#counts[counter] = value;
  }

  /** Adds a value to a histogram with these bounds. */
  observe(counter: Counter, bounds: readonly number[], value: number): void {
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.#counts[counter + bucket]++;
    this.#counts[counter + bounds.length + 1] += value;
  }
}

/** Returns the sum of one counter over all workers. */
export function sumCounter(buffer: SharedArrayBuffer, counter: Counter): number {
  return readCounter(buffer, counter).reduce((sum, count) => sum + count, 0);
}

/** What counters that only grow have gained. */
export class CounterGains {
  readonly #last = new Map<Counter, number>();

  constructor(private readonly counters: SharedArrayBuffer) {}

  /** Returns what all workers together have counted since the last call for this counter. */
  take(counter: Counter): number {
    const sum = sumCounter(this.counters, counter);
    const gain = sum - (this.#last.get(counter) ?? 0);
    this.#last.set(counter, sum);
    return gain;
  }
}

/** Returns one word of a counter as each worker counted it. `word` is for histograms. */
export function readCounter(buffer: SharedArrayBuffer, counter: Counter, word = 0): number[] {
  const counts = new Float64Array(buffer);
  const values: number[] = [];
  for (let i = counter + word; i < counts.length; i += COUNTS) values.push(counts[i]);
  return values;
}
