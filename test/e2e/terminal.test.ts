// A tracker on a terminal: its start-up block, its status line, and its log above that.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import { type Child, type ChildOptions, startChild } from "../support/child.ts";
import { readMessages } from "../support/log.ts";
import { createNetwork } from "../support/netns.ts";
import { testWith } from "../support/requirements.ts";
import { trackerCommand } from "../support/tracker.ts";

const PORT_0 = "[network]\naddress = '127.0.0.1:0'\n";
const FAST = `${PORT_0}[statistics]\ninterval = 1\n`;
/** What tests are run with must not matter. */
const PLAIN = { NO_COLOR: "1", TERM: "xterm" };
const STATUS = /^\p{Cc}\[Kup \d:\d\d  0 req\/s  0 resp\/s  in 0 out 0 bit\/s  0 peers  0 torrents/u;

interface Terminal extends Child {
  rewriteConfig(config: string): void;
  /** What `wrap` has written to the file "$0". */
  readFile(): string;
}

/** Starts a tracker on a terminal, or what `wrap` makes of its command line. */
function startOnTerminal(
  config: string,
  options: ChildOptions & { program?: "udp" | "ws"; wrap?: string } = {},
): Terminal {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-terminal-"));
  const path = join(directory, "config.toml");
  const rewriteConfig = (text: string): void => writeFileSync(path, text);
  rewriteConfig(config);
  const { program = "udp", wrap = 'exec "$@"', ...rest } = options;
  const file = join(directory, "file");
  const argv = ["sh", "-c", wrap, file, ...trackerCommand(program), "-c", path];
  const child = startChild(argv, { terminal: true, env: PLAIN, ...rest });
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  };
  return Object.create(child, {
    rewriteConfig: { value: rewriteConfig },
    readFile: { value: () => (existsSync(file) ? readFileSync(file, "utf8") : "") },
    [Symbol.asyncDispose]: { value: dispose },
  });
}

/** Resolves once the status line is there, or again after `before`. */
function awaitStatus(tracker: Terminal, before = 0): Promise<void> {
  const isThere = (line: string): boolean => STATUS.test(line);
  return tracker.waitForOutput(() => tracker.stdout.slice(before).split("\r").some(isThere));
}

// In a network namespace, because the port of the defaults may be taken.
for (const program of ["udp", "ws"] as const) {
  const name = `aquatic-${program} says on a terminal how to serve other machines`;
  await testWith(["network namespaces"], name, async () => {
    await using network = createNetwork(["host"]);
    const { netns } = network.hosts.host;
    const command = trackerCommand(program);
    const onTerminal = { netns, terminal: true, env: PLAIN };
    await using tracker = startChild(command, onTerminal);
    await tracker.waitForLine(/^ {17}aquatic-\w+ -c aquatic-\w+.toml$/);
    const file = `aquatic-${program}.toml`;
    const [title, address] = tracker.stdout.split("\r\n");
    expect(title).toBe(`aquatic-${program} ${version}`);
    expect(address).toMatch(/^ {2}listening on {3}(ws:\/\/)?127\.0\.0\.1:3000$/);
    expect(tracker.stdout).toContain(
      "\r\n  change first   network.address, to serve other machines:\r\n" +
        `                 aquatic-${program} -p > ${file}\r\n` +
        `                 aquatic-${program} -c ${file}\r\n`,
    );
    await tracker.stop();

    // An operator with a configuration needs no hint.
    await using configured = startChild([...command, "-c", "/dev/null"], onTerminal);
    await configured.waitForLine(/listening on/);
    await configured.stop();
    expect(configured.stdout).not.toContain("to serve other machines");
  });
}

test("the status line is updated in place, and left with the cursor below it", async () => {
  await using tracker = startOnTerminal(PORT_0);
  const countDrawn = (): number => tracker.stdout.split("\x1b[Kup 0:").length - 1;
  await tracker.waitForOutput(() => countDrawn() >= 3);
  const { stdout } = tracker;
  const afterBlock = stdout.slice(stdout.lastIndexOf("\r\n") + 2);
  const updates = afterBlock.split("\r").slice(1);
  expect(updates.length).toBeGreaterThanOrEqual(3);
  for (const update of updates.slice(0, -1)) expect(update).toMatch(STATUS);
  tracker.type("\x03");
  expect(await tracker.exited).toBe(0);
  expect(tracker.stdout).toMatch(/\r\p{Cc}\[Kup .* torrents\r\n$/u);
  expect(tracker.stdout).not.toContain("requests per batch");
});

test("aquatic-ws shows its connections", async () => {
  await using tracker = startOnTerminal(PORT_0, { program: "ws" });
  await tracker.waitForLine(/^\p{Cc}\[Kup .* {2}0 connections {2}0 peers {2}0 torrents$/u);
  expect(tracker.stdout).toMatch(
    /^aquatic-ws .*\r\n {2}listening on {3}ws:\/\/127\.0\.0\.1:\d+\r\n/,
  );
});

test("lines of the log appear above the status line", async () => {
  await using tracker = startOnTerminal(PORT_0);
  await awaitStatus(tracker);
  process.kill(tracker.pid, "SIGHUP");
  const message = "aquatic-udp: the configuration has been reloaded: nothing has changed";
  await tracker.waitForOutput(() => tracker.stdout.includes(`${message}\r\n\r\x1b[Kup 0:`));
  expect(tracker.stdout).toContain(`\r\x1b[K${message}`);
  expect(tracker.stdout).not.toContain("level=");
});

test("is as narrow as the terminal", async () => {
  await using tracker = startOnTerminal(PORT_0, { columns: 40 });
  await tracker.waitForLine(/^\p{Cc}\[Kup 0:\d\d {2}0 req\/s {2}0 resp\/s$/u);
  for (const line of tracker.stdout.split(/\r\n?/)) {
    expect(line.replace("\x1b[K", "").length).toBeLessThanOrEqual(40);
  }
  const before = tracker.stdout.length;
  tracker.type("", 100);
  await awaitStatus(tracker, before);
});

test("statistics.interval = 0 removes it, by a reload too", async () => {
  await using tracker = startOnTerminal(PORT_0);
  await awaitStatus(tracker);
  tracker.rewriteConfig(`${PORT_0}[statistics]\ninterval = 0\n`);
  process.kill(tracker.pid, "SIGHUP");
  // The line of the log comes first, with another status below it.
  await tracker.waitForOutput(() => {
    const { stdout } = tracker;
    return stdout.includes("changed\r\n\r\x1b[Kup") && stdout.endsWith("\r\x1b[K");
  });
  expect(await tracker.stop()).toBe(0);
  expect(tracker.stdout).toEndWith("\r\x1b[K");
});

describe("colours", () => {
  const configBroken = `${PORT_0}typo = 1\n`;
  test.each([
    [{ TERM: "xterm", NO_COLOR: "" }, true],
    [{ TERM: "xterm", NO_COLOR: "1" }, false],
    [{ TERM: "dumb", NO_COLOR: "" }, false],
  ])("with %j: %p", async (env, isColoured) => {
    await using tracker = startOnTerminal(FAST, { env });
    await tracker.waitForLine(/req\/s|requests\/s/);
    tracker.rewriteConfig(configBroken);
    process.kill(tracker.pid, "SIGHUP");
    await tracker.waitForLine(/the configuration stays as it was/);
    expect(tracker.stdout.includes("\x1b[31maquatic-udp: the configuration stays")).toBe(
      isColoured,
    );
    expect(tracker.stdout.includes(`\x1b[1maquatic-udp ${version}\x1b[0m`)).toBe(isColoured);
    expect(/\p{Cc}\[\d+m/u.test(tracker.stdout)).toBe(isColoured);
  });
});

test("on a terminal that cannot move its cursor, statistics are lines", async () => {
  await using tracker = startOnTerminal(FAST, { env: { ...PLAIN, TERM: "dumb" } });
  await tracker.waitForLine(/^\n?peers per torrent: min 0/);
  expect(tracker.stdout).toStartWith(`aquatic-udp ${version}\r\n  listening on   127.0.0.1:`);
  expect(tracker.stdout).not.toContain("\x1b");
  expect(tracker.stdout).toContain("requests/s: 0.00, responses/s: 0.00, requests per batch: 0.00");
});

describe("if only one stream is a terminal, the other one has the lines of a pipe:", () => {
  test("standard error", async () => {
    await using tracker = startOnTerminal(FAST, { wrap: 'exec "$@" 2> "$0"' });
    await awaitStatus(tracker);
    expect(tracker.stdout).not.toContain("listening on");
    expect(readMessages(tracker.readFile())).toEqual([
      expect.stringMatching(/^listening on 127\.0\.0\.1:\d+$/),
    ]);
  });

  test("standard output", async () => {
    await using tracker = startOnTerminal(FAST, { wrap: 'exec "$@" > "$0"' });
    await tracker.waitForLine(/listening on/);
    while (!tracker.readFile().includes("\npeers per torrent: ")) await Bun.sleep(20);
    expect(await tracker.stop()).toBe(0);
    expect(tracker.readFile()).toStartWith("requests/s: 0.00, responses/s: 0.00, ");
    expect(tracker.readFile()).not.toContain("\x1b");
    expect(tracker.stdout).toMatch(/ arrive\r\n$/);
  });
});

test("serves on while the terminal is stopped, and says which lines were lost", async () => {
  const config = `${PORT_0}[statistics]\nhttp_address = '127.0.0.1:0'\n`;
  await using tracker = startOnTerminal(config);
  const [, pages] = await tracker.waitForLine(/statistics on +(http:\S+)$/);
  await awaitStatus(tracker);
  const readUptime = async (): Promise<number> => {
    const text = await (await fetch(`${pages}metrics`)).text();
    return Number(/^aquatic_uptime_seconds (\d+)/m.exec(text)![1]);
  };
  // A line each time: the terminal stops and goes on some time after the key.
  const logUntil = async (isEnough: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isEnough())) {
      process.kill(tracker.pid, "SIGHUP");
      await Bun.sleep(50);
    }
  };
  // Ctrl-S and Ctrl-Q.
  tracker.type("\x13");
  const stoppedAt = await readUptime();
  await logUntil(async () => (await readUptime()) >= stoppedAt + 2);
  tracker.type("\x11");
  const note = /aquatic-udp: \d+ lines were lost because nobody read them\r\n/;
  await logUntil(() => note.test(tracker.stdout));
  expect(await tracker.stop()).toBe(0);
});

test("stops at a signal while the terminal is stopped", async () => {
  await using tracker = startOnTerminal(PORT_0);
  await awaitStatus(tracker);
  tracker.type("\x13");
  expect(await tracker.stop()).toBe(0);
});

test("a job in the background draws no status, and is not stopped by a terminal that wants that", async () => {
  const wrap = 'stty tostop; set -m; "$@" & echo "job $!"; wait';
  await using shell = startOnTerminal(FAST, { wrap });
  const pid = Number((await shell.waitForLine(/^\n?job (\d+)$/))[1]);
  using _ = { [Symbol.dispose]: () => endJob(pid) };
  await shell.waitForLine(/listening on/);
  process.kill(pid, "SIGHUP");
  await shell.waitForLine(/nothing has changed/);
  expect(shell.stdout).not.toContain("\x1b");
  process.kill(pid, "SIGTERM");
  expect(await shell.exited).toBe(0);
});

/** A shell that is killed leaves its jobs behind. */
function endJob(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended, as it should.
  }
}
