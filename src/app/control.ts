// The words that the main thread shares with all workers of a tracker, each on a cache line of its
// own.

const LINE = 16;

/** Positions of the control words. */
export const CONTROL = {
  /** Not 0: all workers stop. */
  stop: 0,
  /** Seconds since start-up, see memory/clock.ts. */
  clock: LINE,
  /** Not 0: workers may serve. Before that, they have bound their sockets, perhaps as root. */
  serving: 2 * LINE,
  /** Grows after every change of the live configuration, see live-config.ts. */
  generation: 3 * LINE,
} as const;

/** The word of the doorbell at which worker number `worker` sleeps. */
export function doorbellWord(worker: number): number {
  return (4 + worker) * LINE;
}

/** Lets the workers serve. */
export function startServing(control: Int32Array): void {
  Atomics.store(control, CONTROL.serving, 1);
  Atomics.notify(control, CONTROL.serving);
}

/** Blocks a worker that is ready, including its event loop, until it may serve. */
export function awaitServing(control: Int32Array): void {
  while (Atomics.load(control, CONTROL.serving) === 0) Atomics.wait(control, CONTROL.serving, 0);
}

/** Allocates the control words for `workers` workers, zeroed. */
export function allocateControl(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(doorbellWord(workers) * 4);
}
