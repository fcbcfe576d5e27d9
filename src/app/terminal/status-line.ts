// The last line on a terminal, which is drawn again in place instead of scrolling. The log writes
// its lines above it. Main thread only.

import { type Output, standardOutput } from "../output.ts";
import { isForeground } from "./job.ts";

/** To the start of the line, and erase it. */
const CLEAR = "\r\x1b[K";

export class StatusLine {
  #text = "";

  constructor(
    private readonly output: Pick<Output, "write">,
    private readonly isOurs: () => boolean = () => true,
  ) {}

  /**
   * Shows a text that fits the width of the terminal, without line feeds, instead of the last one.
   */
  draw(text: string): void {
    this.#text = text;
    // The terminal of a job in the background belongs to the shell's prompt.
    if (text !== "" && this.isOurs()) this.output.write(`${CLEAR}${text}`);
  }

  /** Removes the line. */
  erase(): void {
    if (this.#text !== "" && this.isOurs()) this.output.write(CLEAR);
    this.#text = "";
  }

  /** Leaves the line where it is, and the cursor below it. */
  end(): void {
    if (this.#text !== "" && this.isOurs()) this.output.write(`${CLEAR}${this.#text}\n`);
    this.#text = "";
  }

  /** Lets `write` write whole lines to the terminal, which appear above the status line. */
  writeAbove(write: () => void): void {
    const text = this.#text;
    this.erase();
    write();
    this.draw(text);
  }
}

/** The status line of the process, on standard output. Nothing is drawn unless it is a terminal. */
export const statusLine = new StatusLine(standardOutput, isForeground);
