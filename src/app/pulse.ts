// A worker's signs of life: once in each second of the clock in which it runs at all, it notes the
// second and its CPU time among its counters. The page /health and the metrics read them.

import type { Counters } from "./counters.ts";
import { COUNTER } from "./metrics.ts";

/** Longest time for which a worker sleeps without a sign of life. */
export const MAX_SILENCE_MILLISECONDS = 1000;

/** The pulse of one worker. */
export class Pulse {
  #second = -1;

  constructor(private readonly counters: Counters) {}

  /** Shows life at second `now` of the clock. Costs a comparison unless the second is new. */
  beat(now: number): void {
    if (now !== this.#second) this.#note(now);
  }

  #note(now: number): void {
    this.#second = now;
    const { system, user } = process.threadCpuUsage();
    this.counters.set(COUNTER.cpuSeconds, (system + user) / 1e6);
    this.counters.set(COUNTER.lastSeen, now);
  }
}
