// The processes of a comparison: a contestant pinned to one core, the load tester to the next, and
// what the kernel tells of the contestant. Called by the measurements, on this machine only.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const ADDRESS = "127.0.0.1";
export const PORT = 3900;

export const REPOSITORY = resolve(import.meta.dir, "../..");

/** The core that every contestant is pinned to. The load has the next. */
const SERVER_CORE = "0";
export const LOAD_CORE = "1";

/** Resident memory is stable when it has kept within a share of itself for that long. */
const STABLE_MILLISECONDS = 2000;
const STABLE_SHARE = 0.002;
const MOST_STABLE_WAIT_SECONDS = 60;

/** A contestant that has no port by then has failed. */
const MOST_START_SECONDS = 20;

/** A running contestant. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
}

/** A running load tester. */
export interface LoadRun {
  /** Resolves to what it printed; rejects if it failed. */
  readonly output: Promise<string>;
  /** Ends it early: it reports on what there was. */
  readonly stop: () => void;
}

/** Starts the command line that `start` gives for a directory; resolves when it has its port. */
export async function startServer(
  name: string,
  start: (directory: string) => string[],
  protocol: "udp" | "ws",
): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-bench-"));
  const argv = start(directory);
  const child = Bun.spawn(["taskset", "-c", SERVER_CORE, ...argv], {
    cwd: directory,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), 2000);
    await child.exited;
    clearTimeout(kill);
    rmSync(directory, { recursive: true });
  };
  const giveUpAt = performance.now() + MOST_START_SECONDS * 1000;
  while (!(await isBound(protocol))) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      const problem = child.exitCode === null ? "has no port" : `ended with code ${child.exitCode}`;
      await stop();
      throw new Error(`${name} ${problem}: ${argv.join(" ")}`);
    }
    await Bun.sleep(20);
  }
  return { pid: child.pid, [Symbol.asyncDispose]: stop };
}

/**
 * Runs a protocol's load tester, and calls `onSecond` at the end of each second that it measures.
 */
export function startLoad(protocol: "udp" | "ws", config: string, onSecond: () => void): LoadRun {
  const argv = [process.execPath, "run", loadTester(protocol), "-c", config, "--json"];
  const child = Bun.spawn(["taskset", "-c", LOAD_CORE, ...argv], {
    stdin: "ignore",
    stderr: "pipe",
  });
  const printed = child.stdout.text();
  const follow = async (): Promise<string> => {
    // The load tester writes a line at the end of each second.
    let log = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += chunk;
      if (/\d+ of \d+ s: /.test(chunk)) onSecond();
    }
    if ((await child.exited) !== 0) throw new Error(`the load tester failed: ${log}`);
    return printed;
  };
  return { output: follow(), stop: () => child.kill("SIGTERM") };
}

/** The info hashes, in hexadecimal, that a load for UDP asks for. */
export function listInfoHashes(config: string): string {
  const argv = [process.execPath, "run", loadTester("udp"), "-c", config, "--info-hashes"];
  return Bun.spawnSync(argv).stdout.toString();
}

/** Resident memory in bytes: as it is, or the most there has been. */
export function readRss(pid: number, field: "VmRSS" | "VmHWM" = "VmRSS"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) * 1024;
}

/** Resolves to the resident memory when that has been stable, or could not be. */
export async function awaitStableRss(pid: number): Promise<number> {
  const giveUpAt = performance.now() + MOST_STABLE_WAIT_SECONDS * 1000;
  let reference = readRss(pid);
  let since = performance.now();
  for (;;) {
    await Bun.sleep(100);
    const now = performance.now();
    const rss = readRss(pid);
    if (Math.abs(rss - reference) > reference * STABLE_SHARE) {
      reference = rss;
      since = now;
    }
    if (now - since >= STABLE_MILLISECONDS || now >= giveUpAt) return rss;
  }
}

/** CPU time of all threads so far, from the nanoseconds that the scheduler counts. */
export function readCpuSeconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return sum / 1e9;
}

function loadTester(protocol: "udp" | "ws"): string {
  return join(REPOSITORY, `bench/load/${protocol}.ts`);
}

// The kernel's lists of sockets, of both families: some trackers serve IPv4 through a socket for
// IPv6. Local addresses are in hexadecimal, and state 0A is a listener.
async function isBound(protocol: "udp" | "ws"): Promise<boolean> {
  const port = PORT.toString(16).toUpperCase().padStart(4, "0");
  const [list, state] = protocol === "ws" ? ["tcp", "0A"] : ["udp", "07"];
  const bound = new RegExp(`^ *\\d+: \\w+:${port} \\w+:\\w+ ${state} `, "m");
  for (const name of [list, `${list}6`]) {
    const path = `/proc/net/${name}`;
    if (existsSync(path) && bound.test(await Bun.file(path).text())) return true;
  }
  return false;
}
