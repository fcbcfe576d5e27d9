// How many files the system lets this process have open: each connection is one. The runtime raises
// its soft limit to the hard one when it starts.

import { openLibc } from "./libc.ts";

/** From the system's headers: Linux, and macOS. */
const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;

/** The most files that may be open; undefined where that is not known. */
export function readFileLimit(): number | undefined {
  const libc = openLibc({ getrlimit: { args: ["i32", "ptr"], returns: "i32" } });
  const limits = new BigUint64Array(2);
  if (libc?.getrlimit(RLIMIT_NOFILE, limits) !== 0) return undefined;
  return Number(limits[0]);
}
