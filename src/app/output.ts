// Writes lines to standard output and standard error without waiting for their readers. A full pipe
// would otherwise block the main thread, and with it the clock, the cleaning and the signals. A
// line that does not fit is lost, and the next one reports how many were. Main thread only.

import { constants, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { ptr } from "bun:ffi";
import { openLibc } from "./libc.ts";

// From poll.h: the same on Linux and macOS.
const POLLOUT = 4;

/** A pipe that is ready accepts this many bytes at once: PIPE_BUF on Linux, less on macOS. */
const MAX_WRITE_BYTES = process.platform === "linux" ? 4096 : 512;

const calls = openLibc({ poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });

/** One of the two streams. */
export class Output {
  /** What is written in front of the next line if lines were lost. */
  describeLoss = (lines: number): string => `${lines} lines were lost because nobody read them\n`;
  #lost = 0;
  readonly #fd: number;
  readonly #pollfd: Int32Array;
  readonly #revents: Uint16Array;

  constructor(fd: number) {
    this.#fd = openTerminal(fd) ?? fd;
    // struct pollfd: fd, then events and revents of 16 bits each.
    this.#pollfd = new Int32Array([this.#fd, POLLOUT]);
    this.#revents = new Uint16Array(this.#pollfd.buffer);
  }

  /**
   * Writes whole lines and returns true, or returns false and loses them; a long text may be lost
   * in part.
   */
  write(text: string): boolean {
    const note = this.#lost > 0 ? this.describeLoss(this.#lost) : "";
    const bytes = Buffer.from(note + text);
    if (!this.#writeAll(bytes)) {
      this.#lost += text.split("\n").length - 1;
      return false;
    }
    this.#lost = 0;
    return true;
  }

  #writeAll(bytes: Buffer): boolean {
    for (let start = 0; start < bytes.length; start += MAX_WRITE_BYTES) {
      if (!this.#isReady()) return false;
      try {
        const length = Math.min(MAX_WRITE_BYTES, bytes.length - start);
        if (writeSync(this.#fd, bytes, start, length) < length) return false;
      } catch {
        // The reader is gone (EPIPE), or the descriptor is non-blocking and full (EAGAIN).
        return false;
      }
    }
    return true;
  }

  #isReady(): boolean {
    if (calls === undefined) return true;
    this.#revents[3] = 0;
    return calls.poll(ptr(this.#pollfd), 1, 0) === 1 && (this.#revents[3] & POLLOUT) !== 0;
  }
}

/**
 * Opens the terminal behind `fd` once more, to write without waiting: one that was stopped (Ctrl-S)
 * or hangs accepts less than `poll` promises, and `fd` itself is shared with the shell. Returns
 * undefined if it is no terminal, or on systems where this cannot be done.
 */
function openTerminal(fd: number): number | undefined {
  if (process.platform !== "linux" || !Bun.isMainThread || !isatty(fd)) return undefined;
  try {
    const { O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

export const standardOutput = new Output(1);
export const standardError = new Output(2);
