// Drops privileges for real, in child processes: what the threads say of themselves, what the
// kernel says of each of them, and every way to fail.

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

// On a CI machine these run, and fail, without root.
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

/** Starts the fixture and gives what its threads tell, and what the kernel tells of all of them. */
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

/** A file's text, or nothing: a helper thread of the runtime may just have ended. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** Starts the fixture, expects it to fail, and gives what it wrote to stderr. */
async function failed(settings: Partial<PrivilegeSettings>, options: StartOptions = {}) {
  await using child = start(settings, options);
  const code = await child.exited;
  expect({ code, stdout: child.stdout }).toEqual({ code: 1, stdout: "" });
  return child.stderr.trimEnd();
}

/** What the system's own `id` says of a user. */
function lookUp(user: string) {
  const id = (...args: string[]) => {
    const { stdout } = Bun.spawnSync(["id", ...args, user]);
    return stdout.toString().trim().split(" ").map(Number);
  };
  return { uid: id("-u")[0], gid: id("-g")[0], groups: id("-G").toSorted((a, b) => a - b) };
}

test("nothing is resolved when drop_privileges is false", () => {
  const settings = { drop_privileges: false, chroot_path: "/nonesuch", user: "nonesuch" };
  expect(resolvePrivileges(settings)).toBeUndefined();
});

describeAsRoot(`dropping privileges${suffix}`, () => {
  test("changes user, groups, root and directory of every thread", async () => {
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

  test("takes a chroot_path of / and still changes the user", async () => {
    const nobody = lookUp("nobody");
    const report = await dropped({ chroot_path: "/" }, { paths: [outside] });
    expect(report.main).toEqual({ ...nobody, visible: [outside] });
    expect(report.worker).toEqual(report.main);
    expect(report.root).toBe("/");
    expect(report.directory).toBe("/");
    expectThreads(report.threads, nobody);
  });

  test("takes a relative chroot_path from the working directory", async () => {
    const cwd = realpathSync(tmpdir());
    const report = await dropped({ chroot_path: relative(cwd, directory) }, { cwd });
    expect(report.root).toBe(directory);
  });

  test("takes all groups of the user, however many", async () => {
    // Users of a mount namespace of the test's own: `many` is in 150 groups beside its first.
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

  test("refuses a chroot_path that is no directory", async () => {
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

  // Root without one of its capabilities, as in a container, fails at that step.
  const steps = [
    ["sys_chroot", "privileges.chroot_path: chroot to "],
    ["setgid", "privileges.user: setgroups("],
    ["setuid", "privileges.user: setuid("],
  ];
  for (const [capability, message] of steps) {
    test(`gives the kernel's reason without the capability ${capability}`, async () => {
      const drop = `-${capability}`;
      const prefix = ["setpriv", "--bounding-set", drop, "--inh-caps", drop];
      const failure = await failed({}, { prefix });
      expect(failure).toStartWith(message);
      expect(failure).toEndWith(": Operation not permitted");
    });
  }

  test("fails when root could be had back", async () => {
    // With this bit of the kernel's, a change of the user takes no capability away.
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

/** Real, effective, saved and file system ids, of every thread there is. */
function expectThreads(threads: object[], { uid, gid, groups }: Account): void {
  // The main thread and the worker at least.
  expect(threads.length).toBeGreaterThan(1);
  for (const thread of threads) {
    expect(thread).toEqual({ uids: [uid, uid, uid, uid], gids: [gid, gid, gid, gid], groups });
  }
}
