// The tracker's clock with fractions of seconds, as the link worker needs it. The shared word has
// whole seconds; how far the current one has come is known by when the word was seen to advance.

import { CONTROL } from "../../app/control.ts";
import { readClock } from "../../memory/clock.ts";

export class FineClock {
  /** The clock less this thread's time, in seconds: the most that was seen. */
  #offset = -Infinity;

  constructor(
    private readonly control: Int32Array,
    private readonly milliseconds: () => number = () => performance.now(),
  ) {}

  /** The second that all threads see. */
  get second(): number {
    return readClock(this.control, CONTROL.clock);
  }

  /**
   * The clock with fractions. The more often this is called, the better: each call looks whether
   * the second has just begun.
   */
  read(): number {
    const seconds = this.milliseconds() / 1000;
    this.#offset = Math.max(this.#offset, this.second - seconds);
    return seconds + this.#offset;
  }
}
