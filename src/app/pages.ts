// Returns free memory of a table to the system after a spike. The cleaning calls this on the main
// thread. Linux only: elsewhere the memory stays with the process.

import { ptr, type Pointer } from "bun:ffi";
import type { ReturnPages } from "../swarm/clean.ts";
import { openLibc } from "./libc.ts";

// From asm-generic/mman-common.h.
const MADV_DONTNEED = 4;

const libc =
  process.platform === "linux"
    ? openLibc({
        getpagesize: { args: [], returns: "i32" },
        madvise: { args: ["ptr", "usize", "i32"], returns: "i32" },
      })
    : undefined;

/**
 * Returns a function that gives regions of these words back to the system, in whole pages. The
 * pages then read as zeros and take memory again once they are written.
 */
export function createPageReturner(words: Int32Array): ReturnPages {
  if (libc === undefined) return () => {};
  const { madvise } = libc;
  const address = ptr(words);
  const pageBytes = libc.getpagesize();
  return (word, count) => {
    const start = Math.ceil((address + word * 4) / pageBytes) * pageBytes;
    const end = Math.floor((address + (word + count) * 4) / pageBytes) * pageBytes;
    if (end > start) madvise(start as Pointer, end - start, MADV_DONTNEED);
  };
}
