// Drops privileges for real, in child processes. Checks what the threads report, what the kernel
// reports for each of them, and every way to fail.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type PrivilegeSettings, resolvePrivileges } from "../../src/app/privileges.ts";
import { startChild } from "../support/child.ts";
import type { Identity } from "./fixtures/drop-privileges.ts";

const FIXTURE = join(import.meta.dir, "fixtures/drop-privileges.ts");

// On a CI machine these tests run, and fail, without root.
const isSkipped = process.getuid?.() !== 0 && !process.env.CI;
const describeAsRoot = isSkipped ? describe.skip : describe;
const suffix = isSkipped ? " (skipped: needs root)" : "";

let directory: string;
let outside: string;
beforeAll(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), "aquatic-privileges-"));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "inside"), "");
  outside = `${directory}-outside`;
  writeFileSync(outside, "");
});
afterAll(() => {
  rmSync(directory, { recursive: true });
  rmSync(outside);
});

interface StartOptions {
  prefix?: string[];
  paths?: string[];
  uid?: number;
  cwd?: string;
}

function start(settings: Partial<PrivilegeSettings>, options: StartOptions = {}) {
  const all = { drop_privileges: true, chroot_path: directory, user: "nobody", ...settings };
  const { prefix = [], paths = [], uid, cwd } = options;
  const args = [
    JSON.stringify(all),
    JSON.stringify(paths),
    ...(uid === undefined ? [] : [`${uid}`]),
  ];
  return startChild([...prefix, process.execPath, FIXTURE, ...args], { cwd });
}

/**
 * Starts the fixture. Returns what its threads report and what the kernel reports for all of them.
 */
async function dropped(settings: Partial<PrivilegeSettings>, options: StartOptions = {}) {
  await using child = start(settings, options);
  const [line] = await child.waitForLine(/^\{.*\}$/);
  const process = `/proc/${child.pid}`;
  const threads = readdirSync(`${process}/task`).flatMap((thread) => {
    const status = readIfThere(`${process}/task/${thread}/status`);
    const numbers = (key: string) =>
      (new RegExp(`^${key}:(.*)$`, "m").exec(status)?.[1].match(/\d+/g) ?? []).map(Number);
    return status === ""
      ? []
      : [{ uids: numbers("Uid"), gids: numbers("Gid"), groups: numbers("Groups") }];
  });
  return {
    ...(JSON.parse(line) as { main: Identity; worker: Identity }),
    threads,
    root: readlinkSync(`${process}/root`),
    directory: readlinkSync(`${process}/cwd`),
  };
}

/** The text of a file, or nothing: a helper thread of the runtime may just have ended. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** Starts the fixture, expects it to fail, and returns its stderr. */
async function failed(settings: Partial<PrivilegeSettings>, options: StartOptions = {}) {
  await using child = start(settings, options);
  const code = await child.exited;
  expect({ code, stdout: child.stdout }).toEqual({ code: 1, stdout: "" });
  return child.stderr.trimEnd();
}

/** What the system's own `id` reports for a user. */
function lookUp(user: string) {
  const id = (...args: string[]) => {
    const { stdout } = Bun.spawnSync(["id", ...args, user]);
    return stdout.toString().trim().split(" ").map(Number);
  };
  return { uid: id("-u")[0], gid: id("-g")[0], groups: id("-G").toSorted((a, b) => a - b) };
}

test("nothing happens if drop_privileges is false", () => {
  const settings = { drop_privileges: false, chroot_path: "/nonesuch", user: "nonesuch" };
  expect(resolvePrivileges(settings)).toBeUndefined();
});

describeAsRoot(`dropping privileges${suffix}`, () => {
  test("changes the user, groups, root and directory of every thread", async () => {
    const nobody = lookUp("nobody");
    const paths = ["/inside", "inside", outside, directory, "/etc/passwd"];
    const report = await dropped({}, { paths });
    const expected = { ...nobody, visible: ["/inside", "inside"] };
    expect(report.main).toEqual(expected);
    expect(report.worker).toEqual(expected);
    expect(report.root).toBe(directory);
    expect(report.directory).toBe(directory);
    expectThreads(report.threads, nobody);
  });

  test("accepts a chroot_path of / and still changes the user", async () => {
    const nobody = lookUp("nobody");
    const report = await dropped({ chroot_path: "/" }, { paths: [outside] });
    expect(report.main).toEqual({ ...nobody, visible: [outside] });
    expect(report.worker).toEqual(report.main);
    expect(report.root).toBe("/");
    expect(report.directory).toBe("/");
    expectThreads(report.threads, nobody);
  });

  test("resolves a relative chroot_path against the working directory", async () => {
    const cwd = realpathSync(tmpdir());
    const report = await dropped({ chroot_path: relative(cwd, directory) }, { cwd });
    expect(report.root).toBe(directory);
  });

  test("sets all groups of the user, however many", async () => {
    // Users in a mount namespace of the test: `many` is in 150 additional groups.
    const account = join(directory, "passwd");
    const group = join(directory, "group");
    writeFileSync(account, "root:x:0:0::/root:/bin/sh\nmany:x:4321:5000::/:/bin/false\n");
    const ids = Array.from({ length: 150 }, (_, i) => 6000 + i);
    writeFileSync(group, ids.map((id) => `group${id}:x:${id}:many\n`).join(""));
    const mount = `mount --bind '${account}' /etc/passwd && mount --bind '${group}' /etc/group`;
    const prefix = ["unshare", "--mount", "sh", "-c", `${mount} && exec "$@"`, "sh"];

    const report = await dropped({ user: "many" }, { prefix });
    const many = { uid: 4321, gid: 5000, groups: [5000, ...ids] };
    expect(report.main).toMatchObject(many);
    expect(report.worker).toMatchObject(many);
    expectThreads(report.threads, many);
  });

  test("refuses an unknown user", async () => {
    expect(await failed({ user: "nonesuch" })).toBe('privileges.user: there is no user "nonesuch"');
    expect(await failed({ user: "nobody\0x\n" })).toBe(
      'privileges.user: there is no user "nobody\\u0000x\\n"',
    );
  });

  test("refuses root as the user", async () => {
    expect(await failed({ user: "root" })).toMatch(/^privileges\.user: "root" is root itself/);
  });

  test("refuses a chroot_path that is not a directory", async () => {
    const failure = (path: string) => failed({ chroot_path: path });
    const key = "privileges.chroot_path:";
    expect(await failure(`${outside}-x`)).toBe(`${key} "${outside}-x" does not exist`);
    expect(await failure("")).toBe(`${key} "" does not exist`);
    expect(await failure(outside)).toBe(`${key} "${outside}" is not a directory`);
    expect(await failure(`${outside}/x`)).toBe(
      `${key} "${outside}/x" is not a usable path (ENOTDIR)`,
    );
  });

  test("refuses to run without root", async () => {
    expect(await failed({}, { uid: 4321 })).toBe(
      "privileges.drop_privileges: only root has privileges to drop",
    );
  });

  // Without one of its capabilities, as in a container, root fails at that step.
  const steps = [
    ["sys_chroot", "privileges.chroot_path: chroot to "],
    ["setgid", "privileges.user: setgroups("],
    ["setuid", "privileges.user: setuid("],
  ];
  for (const [capability, message] of steps) {
    test(`reports the kernel's reason without the capability ${capability}`, async () => {
      const drop = `-${capability}`;
      const prefix = ["setpriv", "--bounding-set", drop, "--inh-caps", drop];
      const failure = await failed({}, { prefix });
      expect(failure).toStartWith(message);
      expect(failure).toEndWith(": Operation not permitted");
    });
  }

  test("fails if the process could become root again", async () => {
    // With this securebit, changing the user keeps all capabilities.
    const prefix = ["setpriv", "--securebits", "+no_setuid_fixup"];
    expect(await failed({}, { prefix })).toBe(
      "privileges.user: the process can become root again after the drop",
    );
  });
});

interface Account {
  uid: number;
  gid: number;
  groups: number[];
}

/** Real, effective, saved and file system ids of every thread. */
function expectThreads(threads: object[], { uid, gid, groups }: Account): void {
  // At least the main thread and the worker.
  expect(threads.length).toBeGreaterThan(1);
  for (const thread of threads) {
    expect(thread).toEqual({ uids: [uid, uid, uid, uid], gids: [gid, gid, gid, gid], groups });
  }
}
