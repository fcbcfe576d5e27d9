// The directory in which a tracker keeps what should survive a restart. It is opened at the start
// and works after the process has changed its root directory and its user, who must be allowed to
// write there. A file in it is replaced as a whole: a crash leaves the old one or the new one.

import { CString, type Pointer, ptr } from "bun:ffi";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { checkResult, hasErrno, openLibc } from "./libc.ts";
import { StartupError } from "./startup-error.ts";

// From the system's headers, for Linux on x64 and arm64.
const O_RDONLY = 0;
const O_WRONLY_CREATE_TRUNCATE = 0o1 | 0o100 | 0o1000;
const O_CLOEXEC = 0o2000000;
const PRIVATE_MODE = 0o600;
const ENOENT = 2;
const LOCK_EXCLUSIVE_NONBLOCKING = 2 | 4;

const libc =
  process.platform === "linux" && hasErrno
    ? openLibc({
        flock: { args: ["i32", "i32"], returns: "i32" },
        openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
        renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
        strerror: { args: ["i32"], returns: "ptr" },
      })
    : undefined;

/** Opens the directory at `path`, set by `key`. Throws a StartupError. */
export function openStateDirectory(path: string, key: string): number {
  if (libc === undefined) throw new StartupError(`${key}: needs Linux`);
  try {
    return openSync(`${path}/`, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: "does not exist",
      EACCES: "cannot be opened: permission denied",
      ENOTDIR: "is not a directory",
    };
    const reason = reasons[code ?? ""] ?? `cannot be opened (${code})`;
    throw new StartupError(`${key}: ${JSON.stringify(path)} ${reason}`);
  }
}

/**
 * Takes the directory for this process, until it ends. Returns false if another process has it.
 */
export function lockState(directory: number): boolean {
  return libc!.flock(directory, LOCK_EXCLUSIVE_NONBLOCKING) === 0;
}

/** Opens a file to read it; undefined if there is none. Throws a StateError. */
export function openState(directory: number, name: string): number | undefined {
  const fd = checkResult(libc!.openat(directory, text(name), O_RDONLY | O_CLOEXEC, 0));
  if (fd >= 0) return fd;
  if (fd === -ENOENT) return undefined;
  throw new StateError(name, -fd);
}

/**
 * Replaces a file by what `write` writes to a new one, once the disk has it. Throws a StateError,
 * or whatever `write` throws; the old file is there then.
 */
export function replaceState(
  directory: number,
  name: string,
  write: (fd: number) => void,
  mode = PRIVATE_MODE,
): void {
  const temporary = `${name}.new`;
  const flags = O_WRONLY_CREATE_TRUNCATE | O_CLOEXEC;
  const fd = checkResult(libc!.openat(directory, text(temporary), flags, mode));
  if (fd < 0) throw new StateError(temporary, -fd);
  try {
    write(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameState(directory, temporary, name);
}

/** Renames a file, over another one if there is one, and brings that to the disk. */
export function renameState(directory: number, from: string, to: string): void {
  const result = checkResult(libc!.renameat(directory, text(from), directory, text(to)));
  if (result < 0) throw new StateError(from, -result);
  fsyncSync(directory);
}

/** The system refused something: the name of the file, and why. */
export class StateError extends Error {
  override name = "StateError";

  constructor(file: string, code: number) {
    const reason = new CString(libc!.strerror(code) as Pointer);
    super(`${file}: ${reason.toString()}`);
  }
}

// ---------------------------------------------------------------------------------------------

function text(name: string): Pointer {
  return ptr(Buffer.from(`${name}\0`));
}
