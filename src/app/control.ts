// The words that the main thread shares with all workers of a tracker, each on a cache line
// of its own.

const LINE = 16;

/** Offsets of the control words. */
export const CONTROL = {
  /** Not 0: everybody stop. */
  stop: 0,
  /** Seconds since the start: see memory/clock.ts. */
  clock: LINE,
} as const;

/** The doorbell at which the worker number `worker` sleeps. */
export function doorbellWord(worker: number): number {
  return (2 + worker) * LINE;
}

/** Shared memory for the control words of so many workers, zeroed. */
export function allocateControl(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(doorbellWord(workers) * 4);
}
