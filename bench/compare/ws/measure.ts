// One measurement: a WebTorrent tracker under load, its CPU time while the load is on, and its
// memory. The load tester runs on a core of its own and checks every message.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../load/ws/report.ts";
import { ADDRESS, PORT, readRss, REPOSITORY, startLoad, startServer } from "../processes.ts";
import type { Contestant } from "./contestants.ts";
import type { Load } from "./loads.ts";

const ENTRY = join(REPOSITORY, "bench/load/ws.ts");

/** The scheduler's ticks, in which /proc counts CPU time: USER_HZ, the same on every Linux. */
const TICKS_PER_SECOND = 100;

/** Opening all connections may take that long. */
const SETUP_SECONDS = 120;

/** Answers come later than the load tester's default where many connections wait their turn. */
const ANSWER_TIMEOUT_MILLISECONDS = 5000;

/** Resident memory is stable when it has kept within a share of itself for that long. */
const STABLE_MILLISECONDS = 2000;
const STABLE_SHARE = 0.002;
const MOST_STABLE_WAIT_SECONDS = 60;

/** Longer than any wait for memory: the load tester is stopped when that is over. */
const HOLD_SECONDS = 3600;

/** Times in microseconds, memory in bytes. */
export interface Measurement {
  readonly contestant: string;
  readonly load: string;
  readonly rate: number;
  readonly announcesPerSecond: number;
  readonly offersPerSecond: number;
  readonly answersPerSecond: number;
  /** CPU time of the tracker, all its threads: seconds a second, and for each announce. */
  readonly cpuShare: number;
  readonly cpu: number;
  /** CPU time of the load tester, seconds a second. */
  readonly loadCpuShare: number;
  readonly response: Latency;
  readonly answer: Latency;
  /** From the first handshake to the response to the last first announce. */
  readonly burstSeconds: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly rssPeak: number;
  /** Connections in the setup, and responses. */
  readonly refused: number;
  readonly missing: number;
  /** What did not go as it should, by what it is. Empty when all did. */
  readonly trouble: Readonly<Record<string, number>>;
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Runs `contestant` under `load` once, for so many seconds, the first of which is warm-up. */
export function measure(contestant: Contestant, load: Load, seconds: number): Promise<Measurement> {
  return withServer(contestant, load, seconds, async (pid, config) => {
    const rssBefore = readRss(pid);
    const readings: { at: number; cpu: number }[] = [];
    const run = startLoad(ENTRY, config, () => {
      readings.push({ at: performance.now(), cpu: readCpuSeconds(pid) });
    });
    const report = JSON.parse(await run.output) as Report;
    const first = readings[0];
    const last = readings.at(-1)!;
    const cpuShare = (last.cpu - first.cpu) / ((last.at - first.at) / 1000);
    return summarize(contestant, load, report, cpuShare, rssBefore, pid);
  });
}

/** Opens and holds the connections of `load` until the memory they take no longer changes. */
export function measureHeld(contestant: Contestant, load: Load): Promise<Measurement> {
  return withServer(contestant, load, HOLD_SECONDS, async (pid, config) => {
    const rssBefore = await awaitStableRss(pid);
    const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>();
    const run = startLoad(ENTRY, config, hold);
    await Promise.race([isHeld, run.output]);
    await awaitStableRss(pid);
    const cpuBefore = readCpuSeconds(pid);
    const before = performance.now();
    await Bun.sleep(1000);
    const cpuShare = (readCpuSeconds(pid) - cpuBefore) / ((performance.now() - before) / 1000);
    // While they are held: `summarize` comes when they are gone.
    const rssAfter = readRss(pid);
    run.stop();
    const report = JSON.parse(await run.output) as Report;
    return { ...summarize(contestant, load, report, cpuShare, rssBefore, pid), rssAfter };
  });
}

async function withServer(
  contestant: Contestant,
  load: Load,
  seconds: number,
  run: (pid: number, config: string) => Promise<Measurement>,
): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-load-"));
  const config = join(directory, "load.toml");
  writeFileSync(config, describeLoad(contestant, load, seconds));
  try {
    await using server = await startServer(contestant.name, contestant.start, "tcp");
    return await run(server.pid, config);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function describeLoad(contestant: Contestant, load: Load, seconds: number): string {
  return `
    server_url = '${contestant.scheme}://${ADDRESS}:${PORT}'
    duration = ${seconds}
    [network]
    connections = ${load.connections}
    connect_concurrency = ${load.concurrency}
    rate = ${load.rate}
    deflate_share = ${Number(contestant.deflate)}
    answer_timeout_milliseconds = ${ANSWER_TIMEOUT_MILLISECONDS}
    [requests]
    repeat = ${load.repeat}
    number_of_torrents = ${load.torrents}
    announces_at_once = ${load.atOnce}
    offers = ${load.offers}
    sdp_size = '${load.sdpSize}'
    [setup]
    timeout = ${SETUP_SECONDS}`;
}

function summarize(
  contestant: Contestant,
  load: Load,
  report: Report,
  cpuShare: number,
  rssBefore: number,
  pid: number,
): Measurement {
  const { each_second: eachSecond, measured, setup } = report;
  const rates = eachSecond.slice(1);
  const mean = (flow: "announces" | "offers" | "answers"): number =>
    rates.reduce((sum, second) => sum + second[flow], 0) / Math.max(1, rates.length);
  const announcesPerSecond = mean("announces");
  return {
    contestant: contestant.name,
    load: load.name,
    rate: load.rate,
    announcesPerSecond,
    offersPerSecond: mean("offers"),
    answersPerSecond: mean("answers"),
    cpuShare,
    cpu: announcesPerSecond > 0 ? (cpuShare / announcesPerSecond) * 1e6 : 0,
    loadCpuShare: (report.cpu.user + report.cpu.system) / report.seconds,
    response: latencyOf(measured.response_latency_microseconds),
    answer: latencyOf(measured.answer_latency_microseconds),
    burstSeconds: setup.burst_seconds,
    rssBefore,
    rssAfter: readRss(pid),
    rssPeak: readRss(pid, "VmHWM"),
    refused: setup.refused,
    missing: measured.lost,
    trouble: listTrouble(contestant, report),
  };
}

function latencyOf({ p50, p99, p999, max }: Latency): Latency {
  return { p50, p99, p999, max };
}

function listTrouble({ deflate }: Contestant, { measured, setup }: Report): Record<string, number> {
  const trouble: Record<string, number> = {};
  const note = (name: string, count: number): void => {
    if (count > 0) trouble[name] = (trouble[name] ?? 0) + count;
  };
  for (const part of [setup, measured]) {
    for (const [fault, count] of Object.entries(part.invalid_by_fault)) {
      note(`invalid (${fault})`, count);
    }
    for (const [text, count] of Object.entries(part.failures_by_message)) {
      note(`failed (${text})`, count);
    }
    for (const [reason, count] of Object.entries(part.closed_by_reason)) {
      note(`closed (${reason})`, count);
    }
    for (const [reason, count] of Object.entries(part.refused_by_reason)) {
      note(`refused (${reason})`, count);
    }
  }
  note("responses missing", measured.lost);
  note("announces held back", measured.not_sent);
  note("waits for answers given up", measured.answer_timeouts);
  if (deflate) note("connections that would not deflate", setup.opened - setup.deflated);
  return trouble;
}

// Resolves when it has been stable, or could not be.
async function awaitStableRss(pid: number): Promise<number> {
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

// CPU time so far of the whole process, threads that have ended included: fields 14 and 15, counted
// from behind the name, which may have spaces.
function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
