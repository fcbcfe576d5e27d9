// Root directories with a few files, and programs that run in them. Needs root.

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Returns what the program writes to standard output. Throws if it fails. */
export function run(...argv: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** Makes a root directory of these files, see `copyInto`, and one user. */
export function makeRoot(root: string, files: Readonly<Record<string, string>>): void {
  for (const path of ["empty", "etc", "proc"]) mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), "nobody:x:65534:65534::/:/none\n");
  copyInto(root, files);
}

/** Copies files of this system into a root directory, each by its path in that. */
export function copyInto(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(source, join(root, path));
  }
}

/** The shared libraries that a program of this system loads, as `copyInto` takes them. */
export function listLibraries(program: string): Record<string, string> {
  // Lines such as "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)".
  const paths = [...run("ldd", program).matchAll(/(\/\S+) \(/g)].map(([, path]) => path);
  return Object.fromEntries(paths.map((path) => [path, path]));
}

/**
 * The command that runs a program in a root directory, where /proc is mounted: glibc reads it.
 */
export function inRoot(root: string, ...argv: string[]): string[] {
  const script = 'mount -t proc proc "$1/proc" && exec chroot "$@"';
  return ["unshare", "--mount", "sh", "-c", script, "sh", root, ...argv];
}
