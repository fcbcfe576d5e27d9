// Job control of the shell that started the tracker on a terminal: whether the tracker is in the
// foreground, and what happens when it writes in the background. Main thread only.

import { openLibc } from "../libc.ts";

// From <signal.h>, the same on Linux and macOS.
const SIGTTOU = 22;
const SIG_IGN = 1n;

const libc = openLibc({
  getpgrp: { args: [], returns: "i32" },
  signal: { args: ["i32", "u64"], returns: "u64" },
  tcgetpgrp: { args: ["i32"], returns: "i32" },
});

/** Whether keys of the terminal on standard output would reach this process. */
export function isForeground(): boolean {
  const group = libc?.tcgetpgrp(1) ?? -1;
  // Negative for a terminal that no shell controls jobs on, as in a container.
  return group < 0 || group === libc?.getpgrp();
}

/** After `stty tostop`, a line of the log would stop a tracker in the background. It is written. */
export function writeInBackground(): void {
  libc?.signal(SIGTTOU, SIG_IGN);
}
