// Long work of the main thread, in steps of a quarter millisecond: workers on the same core get
// their turn, the clock advances and signals are handled in between.

import { setTimeout } from "node:timers/promises";

const STEP_MILLISECONDS = 0.25;
const PAUSE_MILLISECONDS = 1;

/** Repeats `step` until it returns true. Timers and signals run in between. */
export async function runInSteps(step: () => boolean): Promise<void> {
  let until = performance.now() + STEP_MILLISECONDS;
  while (!step()) {
    if (performance.now() < until) continue;
    await setTimeout(PAUSE_MILLISECONDS);
    until = performance.now() + STEP_MILLISECONDS;
  }
}
