// The tracker's clock as a socket worker reads it.

import { CONTROL } from "../app/control.ts";
import { readClock } from "../memory/clock.ts";

export class TrackerClock {
  constructor(private readonly control: Int32Array) {}

  /** Seconds since the tracker started. */
  get now(): number {
    return readClock(this.control, CONTROL.clock);
  }
}
