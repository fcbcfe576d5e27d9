// Takes censuses for everything that reports about swarms: the statistics, the metrics and the
// pages. They share the last one while it is fresh, because a walk over all torrents has a cost.

import { Census } from "../swarm/census.ts";
import type { Table } from "../swarm/table.ts";
import { runInSteps } from "./steps.ts";

/** At a glance, a census is as good as a new one for this long … */
const FRESH_MILLISECONDS = 4000;
/** … or for so many times as long as it took. */
const FRESH_FACTOR = 20;

/** The censuses of a tracker's tables. */
export class Censuses {
  #last: Census | undefined;
  #takenAt = -Infinity;
  #duration = 0;
  #running: Promise<Census> | undefined;

  constructor(private readonly tables: readonly Table[]) {}

  /** Returns the last census if it is not older than that, otherwise a new one. */
  async take(maxAgeMilliseconds: number): Promise<Census> {
    const isFresh = performance.now() - this.#takenAt <= maxAgeMilliseconds;
    if (this.#last !== undefined && isFresh) return this.#last;
    this.#running ??= this.#walk();
    return this.#running;
  }

  /** Returns the last census at once, if there is one, and sees to a new one if it is not fresh. */
  async glance(): Promise<Census> {
    const next = this.take(Math.max(FRESH_MILLISECONDS, this.#duration * FRESH_FACTOR));
    return this.#last ?? next;
  }

  async #walk(): Promise<Census> {
    const start = performance.now();
    const census = new Census(this.tables);
    await runInSteps(() => census.step());
    this.#takenAt = performance.now();
    this.#duration = this.#takenAt - start;
    this.#last = census;
    this.#running = undefined;
    return census;
  }
}
