// The main thread's side of the clock. It counts by a clock that never steps, so that a correction
// of the system's time neither expires peers nor keeps them. Ages leave the process as wall time:
// they are counted back from the wall time of now, whatever it was earlier.

import { advanceClock, readClock } from "../memory/clock.ts";
import { CONTROL } from "./control.ts";

/** Often enough not to miss a second. */
const PERIOD_MILLISECONDS = 200;

/** The clock of one tracker. */
export class Clock {
  readonly #control: Int32Array;
  readonly #start = performance.now();

  /** Starts with second 0 now. */
  constructor(control: SharedArrayBuffer) {
    this.#control = new Int32Array(control);
  }

  /**
   * Advances the clock from now on. Calls `onTick` for every second, for some of them several
   * times, and for second 0 at once.
   */
  keep(onTick: (second: number) => void = () => {}): void {
    onTick(this.second);
    setInterval(() => {
      advanceClock(this.#control, CONTROL.clock, Math.floor(this.uptimeSeconds));
      onTick(this.second);
    }, PERIOD_MILLISECONDS);
  }

  /** The second that all threads see. */
  get second(): number {
    return readClock(this.#control, CONTROL.clock);
  }

  /** Seconds since the start, with fractions. */
  get uptimeSeconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** The Unix time at which the clock showed `second`, or will, in seconds with fractions. */
  wallTimeOf(second: number): number {
    return Date.now() / 1000 - (this.uptimeSeconds - second);
  }
}
