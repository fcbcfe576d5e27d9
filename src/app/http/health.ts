// Whether every worker is alive: each shows life once a second, even without work.

import { readCounter } from "../counters.ts";
import { COUNTER } from "../metrics.ts";
import type { Subject } from "./subject.ts";

/** A worker that has shown no life for longer is stuck. */
const MAX_SILENCE_SECONDS = 5;

export interface WorkerHealth {
  readonly name: string;
  /** Seconds since the worker last showed life. */
  readonly silentSeconds: number;
  readonly isAlive: boolean;
}

/** The health of each worker, by its number. */
export function checkWorkers({
  clock,
  counters,
  workers,
}: Pick<Subject, "clock" | "counters" | "workers">): WorkerHealth[] {
  const seen = readCounter(counters, COUNTER.lastSeen);
  return workers.map((name, worker) => {
    const silentSeconds = Math.max(0, clock.second - seen[worker]);
    return { name, silentSeconds, isAlive: silentSeconds <= MAX_SILENCE_SECONDS };
  });
}
