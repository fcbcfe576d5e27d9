// The C library of the system, glibc or musl, for the few calls that the runtime has no function
// for. Opened by whoever needs some of it, on any thread.

import { dlopen, type FFIFunction, type Library } from "bun:ffi";

// glibc first: where both are installed, Bun for glibc is the one that runs, and where musl is the
// system's own, that name either is missing or leads to musl.
const LINUX_NAMES = [
  "libc.so.6",
  `/lib/ld-musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];
const NAMES = process.platform === "darwin" ? ["libSystem.B.dylib"] : LINUX_NAMES;

/** Opens these functions; undefined on a system whose C library is not found or lacks one. */
export function openLibc<const Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Library<Functions>["symbols"] | undefined {
  for (const name of NAMES) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      continue;
    }
  }
  return undefined;
}
