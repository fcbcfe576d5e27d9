// Opens files that a reload reads again. A process that has changed its root directory no longer
// finds them by their paths, so their directories are opened before. Within a directory, a name is
// looked up anew each time: a file may be replaced by renaming, and a relative link is followed. An
// absolute link, or another directory, is looked up below the new root. The file itself must be
// readable for the user that the tracker has become.

import { ptr } from "bun:ffi";
import { closeSync, openSync, readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { checkResult, hasErrno, openLibc } from "./libc.ts";

// From the system's headers, for Linux on x64 and arm64.
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;

const ERROR_CODES: Readonly<Record<number, string>> = {
  2: "ENOENT",
  13: "EACCES",
  21: "EISDIR",
  40: "ELOOP",
};

const libc =
  process.platform === "linux" && hasErrno
    ? openLibc({ openat: { args: ["i32", "ptr", "i32"], returns: "i32" } })
    : undefined;

const startDirectory = process.cwd();

const directories = new Map<string, number>();

/** Keeps the directories of these files open. A directory that cannot be opened is left out. */
export function keepDirectories(paths: readonly string[]): void {
  for (const path of paths) {
    const directory = dirname(resolve(startDirectory, path));
    if (path === "" || directories.has(directory)) continue;
    try {
      directories.set(directory, openSync(directory, "r"));
    } catch {
      continue;
    }
  }
}

/** Opens a file to read it. Throws the system's error, like `openSync`. */
export function openKept(path: string): number {
  // Relative paths count from the directory that the tracker was started in.
  const absolute = resolve(startDirectory, path);
  const directory = directories.get(dirname(absolute));
  if (directory === undefined || libc === undefined) return openSync(absolute, "r");
  const name = Buffer.from(`${basename(absolute)}\0`);
  const fd = checkResult(libc.openat(directory, ptr(name), O_RDONLY | O_CLOEXEC));
  if (fd >= 0) return fd;
  const known = ERROR_CODES[-fd] ?? `error ${-fd}`;
  throw Object.assign(new Error(`${known}: open '${path}'`), { code: known });
}

/** Reads the whole of a file. */
export function readKept(path: string): Buffer {
  const fd = openKept(path);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
