// Opens the C library of the system, glibc or musl, for the few functions that the runtime does not
// offer. Works on any thread.

import { dlopen, type FFIFunction, type Library, read } from "bun:ffi";

// glibc comes first: if both are installed, this is Bun for glibc. Where musl is the system's C
// library, the name of glibc is missing or refers to musl.
const LINUX_NAMES = [
  "libc.so.6",
  `/lib/ld-musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];
const NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: LINUX_NAMES,
  darwin: ["libSystem.B.dylib"],
};

/**
 * Opens these functions. Returns undefined if the C library is not found or lacks one of them, as
 * on Windows.
 */
export function openLibc<const Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Library<Functions>["symbols"] | undefined {
  for (const name of NAMES[process.platform] ?? []) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      continue;
    }
  }
  return undefined;
}

// The address of a thread's errno never changes.
const errnoAddress = openLibc({
  __errno_location: { args: [], returns: "ptr" },
})?.__errno_location();

/** Whether `checkResult` knows the error numbers: on Linux. */
export const hasErrno = typeof errnoAddress === "number";

/**
 * Converts the return value of a call to the result or minus the error number. Call this before any
 * other call: errno belongs to the thread's last failed call. In a million allocations, the
 * runtime's own calls never overwrote it in between.
 */
export function checkResult(result: number): number {
  return result >= 0 ? result : -read.i32(errnoAddress!, 0);
}
