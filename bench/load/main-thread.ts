// What the main threads of both load testers do alike: start the workers, wait for them, look at
// them each second, and notice that somebody has had enough.

import { WorkerPool } from "../../src/app/worker-pool.ts";

/** How often a condition is looked at that is waited for. */
const LOOK_MILLISECONDS = 20;

interface WorkersConfig {
  readonly config: { readonly workers: number };
}

/**
 * Starts the workers one by one, each with `session` and its number. Only the entry can create
 * them: in a compiled binary, every module's URL is that of the entry.
 */
export async function startWorkers(
  session: WorkersConfig,
  createWorker: () => Worker,
): Promise<void> {
  const pool = new WorkerPool();
  for (let i = 0; i < session.config.workers; i++) {
    await pool.start(`load worker ${i}`, createWorker(), { ...session, worker: i });
  }
}

/** From now on SIGINT and SIGTERM do not end the process; the result tells if one has come. */
export function catchInterrupts(): () => boolean {
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => (isInterrupted = true));
  }
  return () => isInterrupted;
}

/** Resolves when `isOver`; calls `say` each second until then. */
export async function lookUntil(isOver: () => boolean, say?: () => void): Promise<void> {
  let next = performance.now() + 1000;
  while (!isOver()) {
    await Bun.sleep(LOOK_MILLISECONDS);
    if (performance.now() < next) continue;
    next += 1000;
    say?.();
  }
}

/**
 * The seconds from `start`, a moment of `performance.now()`, until `duration` of them are over:
 * each when it has passed, by its number from 1 on, with how many seconds it took by the clock.
 */
export async function* passingSeconds(
  start: number,
  duration: number,
  isInterrupted: () => boolean,
): AsyncGenerator<{ second: number; took: number }> {
  let last = start;
  for (let second = 1; second <= duration && !isInterrupted(); second++) {
    await Bun.sleep(Math.max(0, start + second * 1000 - performance.now()));
    const now = performance.now();
    yield { second, took: (now - last) / 1000 };
    last = now;
  }
}
