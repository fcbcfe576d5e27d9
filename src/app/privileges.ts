// Drops root privileges once every socket is bound, as `[privileges]` configures: changes the root
// directory and the user of all threads at once. The entries call this on the main thread.

import { CString, type Library, type Pointer, ptr, read } from "bun:ffi";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { checkResult, hasErrno, openLibc } from "./libc.ts";
import { StartupError } from "./startup-error.ts";

/** The section `[privileges]` of a configuration. */
export interface PrivilegeSettings {
  readonly drop_privileges: boolean;
  readonly chroot_path: string;
  readonly user: string;
}

/** The last step, for when every worker has bound its sockets. */
export interface PrivilegeDrop {
  /**
   * Changes the root and working directories, the groups and the user of the whole process. Throws
   * a StartupError if a step fails or if the process could become root again; the process must end
   * then.
   */
  drop(): void;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
  /** All groups of the user, including `gid`. */
  readonly groups: Uint32Array;
}

/**
 * Checks the settings and looks up the user while the system's files are still accessible. Returns
 * undefined if no privileges are to be dropped. Throws a StartupError that names the key if the
 * process is not root or the user or directory does not exist.
 */
export function resolvePrivileges(settings: PrivilegeSettings): PrivilegeDrop | undefined {
  if (!settings.drop_privileges) return undefined;
  if (process.geteuid?.() !== 0) {
    throw new StartupError("privileges.drop_privileges: only root has privileges to drop");
  }
  const root = resolveRoot(settings.chroot_path);
  const libc = hasErrno ? openLibc(FUNCTIONS) : undefined;
  if (libc === undefined) {
    throw new StartupError("privileges.drop_privileges: requires the C library of a Linux system");
  }
  const account = findAccount(libc, settings.user);
  return { drop: () => dropPrivileges(libc, root, account) };
}

function resolveRoot(path: string): string {
  const fail = (reason: string) =>
    new StartupError(`privileges.chroot_path: ${JSON.stringify(path)} ${reason}`);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fail(code === "ENOENT" ? "does not exist" : `is not a usable path (${code})`);
  }
  if (!isDirectory) throw fail("is not a directory");
  return resolve(path);
}

// ---------------------------------------------------------------------------------------------

const FUNCTIONS = {
  chdir: { args: ["ptr"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
  getgrouplist: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  getpwnam: { args: ["ptr"], returns: "ptr" },
  setgid: { args: ["u32"], returns: "i32" },
  setgroups: { args: ["usize", "ptr"], returns: "i32" },
  setuid: { args: ["u32"], returns: "i32" },
  strerror: { args: ["i32"], returns: "ptr" },
} as const;

type Libc = Library<typeof FUNCTIONS>["symbols"];

/** Asks the C library, which also knows users from LDAP and other sources. */
function findAccount(libc: Libc, user: string): Account {
  const quoted = JSON.stringify(user);
  const name = toCString(user);
  const record = user.includes("\0") ? null : libc.getpwnam(name);
  if (record === null) throw new StartupError(`privileges.user: there is no user ${quoted}`);

  // struct passwd of glibc and musl on 64 bits: two pointers, then the ids.
  const uid = read.u32(record, 16);
  const gid = read.u32(record, 20);
  if (uid === 0) {
    throw new StartupError(
      `privileges.user: ${quoted} is root itself, so nothing would be dropped`,
    );
  }

  const count = new Int32Array([64]);
  for (;;) {
    const groups = new Uint32Array(count[0]);
    const found = libc.getgrouplist(name, gid, ptr(groups), ptr(count));
    // If there are more groups than room, it returns -1 and stores their number in `count`.
    if (found >= 0) return { uid, gid, groups: groups.subarray(0, found) };
  }
}

function dropPrivileges(libc: Libc, root: string, { uid, gid, groups }: Account): void {
  const attempt = (step: string, call: () => number) => {
    const result = checkResult(call());
    if (result === 0) return;
    const reason = new CString(libc.strerror(-result) as Pointer);
    throw new StartupError(`${step}: ${reason.toString()}`);
  };

  const path = toCString(root);
  attempt(`privileges.chroot_path: chroot to ${JSON.stringify(root)}`, () => libc.chroot(path));
  // Otherwise the working directory stays outside the new root, and offers a way out.
  attempt("privileges.chroot_path: chdir to /", () => libc.chdir(toCString("/")));
  const list = groups.join(", ");
  attempt(`privileges.user: setgroups(${list})`, () => libc.setgroups(groups.length, ptr(groups)));
  attempt(`privileges.user: setgid(${gid})`, () => libc.setgid(gid));
  // The C library changes every thread of the process, including the workers.
  attempt(`privileges.user: setuid(${uid})`, () => libc.setuid(uid));

  if (libc.setuid(0) === 0) {
    throw new StartupError("privileges.user: the process can become root again after the drop");
  }
}

function toCString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
