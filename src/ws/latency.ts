// Measures how long responses take, of one batch in 16. A batch is what a worker handles before it
// writes: the time is from the first message of the batch, when it is in the inbox, until all that
// the batch has caused is written, or queued for clients that do not read. What waits in the
// kernel's buffers is not seen. One for each socket worker.

import type { Counters } from "../app/counters.ts";
import { COUNTER, LATENCY_BOUNDS } from "../app/metrics.ts";

/** The latency of one batch among so many is measured. */
const SAMPLED_BATCHES = 16;

export class Latency {
  #isInBatch = false;
  #batch = 0;
  /** When the batch began, if it is measured; otherwise 0. */
  #start = 0;

  constructor(private readonly counters: Counters) {}

  /** A message is about to be handled. Returns whether its batch is measured from now on. */
  begin(): boolean {
    if (this.#isInBatch) return false;
    this.#isInBatch = true;
    this.#batch = (this.#batch + 1) % SAMPLED_BATCHES;
    if (this.#batch !== 1) return false;
    this.#start = performance.now();
    return true;
  }

  /** That message gets no response, so the next message begins the batch. */
  cancel(): void {
    this.#isInBatch = false;
    this.#batch = 0;
    this.#start = 0;
  }

  /** All responses have been written. */
  end(): void {
    this.#isInBatch = false;
    if (this.#start === 0) return;
    const seconds = (performance.now() - this.#start) / 1000;
    this.#start = 0;
    this.counters.observe(COUNTER.latency, LATENCY_BOUNDS, seconds);
  }
}
