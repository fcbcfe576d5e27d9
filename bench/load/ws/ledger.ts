// Where a load worker counts: in the tally and the tables of the part of the run that it is in.

import { PART, PARTS } from "../control.ts";
import { recordDuration } from "../histogram.ts";
import { viewErrors, type WorkerSession } from "./session.ts";
import { TALLY, viewTally } from "./tally.ts";

export class Ledger {
  part: number = PART.setup;
  #tally: Float64Array;

  constructor(private readonly session: WorkerSession) {
    this.#tally = this.#view();
  }

  /** From now on, all counts for `part`. */
  enter(part: number): void {
    this.part = part;
    this.#tally = this.#view();
  }

  /** Adds to the count at `at`, one of TALLY. */
  add(at: number, more: number): void {
    this.#tally[at] += more;
  }

  count(at: number): void {
    this.#tally[at]++;
  }

  /** `fault`: its index. */
  countFault(fault: number): void {
    this.#tally[TALLY.invalid + fault]++;
  }

  /** Counts a text in a table, one of TABLE. */
  countText(table: number, text: string): void {
    const { session } = this;
    const bytes = Buffer.from(text);
    viewErrors(session, session.worker, this.part, table).count(bytes, 0, bytes.length);
  }

  /** Adds a latency in milliseconds to the histogram at `at`. */
  record(at: number, milliseconds: number): void {
    recordDuration(this.#tally, at, Math.max(0, Math.round(milliseconds * 1000)));
  }

  #view(): Float64Array {
    return viewTally(this.session.tallies, this.session.worker, this.part, PARTS);
  }
}
