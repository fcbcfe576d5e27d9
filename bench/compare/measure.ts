// One measurement: a contestant under load, its CPU time while the load is on, and its memory. The
// load tester runs on a core of its own and checks every answer.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import type { Report as UdpReport } from "../load/udp/report.ts";
import type { Report as WsReport } from "../load/ws/report.ts";
import type { Contestant, Settings } from "./contestants.ts";
import type { Load } from "./loads.ts";
import {
  ADDRESS,
  awaitStableRss,
  listInfoHashes,
  PORT,
  readCpuSeconds,
  readRss,
  startLoad,
  startServer,
} from "./processes.ts";

/** Longer than any wait for memory: the load tester is stopped when that is over. */
const HOLD_SECONDS = 3600;

/** Numbers by what they are. Times in microseconds, memory in bytes. */
type Figures = Readonly<Record<string, number>>;

/** What came of one run. */
export interface Run {
  readonly figures: Figures;
  /** What did not go as it should, by what it is. Empty when all did. */
  readonly trouble: Readonly<Record<string, number>>;
}

/** Runs `contestant` under `load` once, for so many seconds, the first of which is warm-up. */
export function measure(contestant: Contestant, load: Load, seconds: number): Promise<Run> {
  return withServer(contestant, load, load.seconds ?? seconds, async (pid, config) => {
    const rssBefore = readRss(pid);
    const readings: { at: number; cpu: number }[] = [];
    const run = startLoad(load.protocol, config, () => {
      readings.push({ at: performance.now(), cpu: readCpuSeconds(pid) });
    });
    const output = await run.output;
    const first = readings[0];
    const last = readings.at(-1)!;
    const cpuShare = (last.cpu - first.cpu) / ((last.at - first.at) / 1000);
    const rssAfter = readRss(pid);
    const more = (await contestant.inspect?.()) ?? {};
    const resources = { cpuShare, rssBefore, rssAfter, rssPeak: peakOf(pid) };
    const { figures, trouble } = summarize(load, output, resources);
    return { figures: { ...figures, ...more }, trouble };
  });
}

/** Opens and holds the connections of `load` until the memory they take no longer changes. */
export function measureHeld(contestant: Contestant, load: Load): Promise<Run> {
  return withServer(contestant, load, HOLD_SECONDS, async (pid, config) => {
    const rssBefore = await awaitStableRss(pid);
    const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>();
    const run = startLoad(load.protocol, config, hold);
    await Promise.race([isHeld, run.output]);
    // While they are held: the report comes when they are gone.
    const rssAfter = await awaitStableRss(pid);
    run.stop();
    const output = await run.output;
    return summarize(load, output, { cpuShare: 0, rssBefore, rssAfter, rssPeak: peakOf(pid) });
  });
}

function peakOf(pid: number): number {
  return readRss(pid, "VmHWM");
}

async function withServer(
  contestant: Contestant,
  load: Load,
  seconds: number,
  run: (pid: number, config: string) => Promise<Run>,
): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-load-"));
  const config = join(directory, "load.toml");
  writeFileSync(config, describeLoad(contestant, load, seconds));
  const preparation = {
    infoHashes: () => listInfoHashes(config),
    peersPerAnnounce: load.peersPerAnnounce ?? 1,
  };
  try {
    await using _beside = await contestant.beside?.();
    await using server = await startServer(
      contestant.name,
      (work) => contestant.start(work, preparation),
      load.protocol,
    );
    return await run(server.pid, config);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function describeLoad(contestant: Contestant, load: Load, seconds: number): string {
  const scheme = contestant.isTls ? "wss" : "ws";
  return stringify({
    ...(load.protocol === "udp"
      ? { server_address: `${ADDRESS}:${PORT}` }
      : { server_url: `${scheme}://${ADDRESS}:${PORT}` }),
    duration: seconds,
    ...mergeSettings(load.settings, contestant.settings ?? {}),
  });
}

function mergeSettings(a: Settings, b: Settings): Settings {
  const sections = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(sections.map((name) => [name, { ...a[name], ...b[name] }]));
}

// --- what the load testers say -------------------------------------------------------------------

interface Resources {
  /** CPU time of the tracker, all its threads, in seconds each second. */
  readonly cpuShare: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly rssPeak: number;
}

function summarize(load: Load, output: string, resources: Resources): Run {
  const of = load.protocol === "udp" ? summarizeUdp : summarizeWs;
  const { figures, trouble } = of(JSON.parse(output) as never);
  const { rate } = figures;
  const cpu = rate > 0 ? (resources.cpuShare / rate) * 1e6 : 0;
  return { figures: { rate, cpu, ...resources, ...figures }, trouble };
}

function summarizeUdp(report: UdpReport): Run {
  const { measured } = report;
  const { max, p50, p99, p999 } = measured.latency_microseconds;
  return {
    figures: {
      rate: meanOf(report.each_second.map(({ total }) => total)),
      loadCpuShare: report.cpu.share,
      p50,
      p99,
      p999,
      max,
      peersPerAnnounce: measured.peers_per_announce,
    },
    trouble: listTrouble([
      ["invalid", measured.invalid_by_fault],
      ["failed", measured.errors_by_message],
      ["", { "requests lost": measured.lost, "requests not sent": measured.not_sent }],
    ]),
  };
}

function summarizeWs(report: WsReport): Run {
  const { each_second: seconds, measured, setup } = report;
  const { answer_latency_microseconds: answer, response_latency_microseconds: response } = measured;
  return {
    figures: {
      rate: meanOf(seconds.map(({ announces }) => announces)),
      offers: meanOf(seconds.map(({ offers }) => offers)),
      answers: meanOf(seconds.map(({ answers }) => answers)),
      loadCpuShare: report.cpu.share,
      responseP50: response.p50,
      responseP99: response.p99,
      responseP999: response.p999,
      answerP50: answer.p50,
      answerP99: answer.p99,
      answerP999: answer.p999,
      // From the first handshake to the response to the last first announce.
      burstSeconds: setup.burst_seconds,
      refused: setup.refused,
      deflated: setup.deflated,
    },
    trouble: listTrouble([
      ...[setup, measured].flatMap((part): [string, Readonly<Record<string, number>>][] => [
        ["invalid", part.invalid_by_fault],
        ["failed", part.failures_by_message],
        ["closed", part.closed_by_reason],
        ["refused", part.refused_by_reason],
      ]),
      [
        "",
        {
          "responses missing": measured.lost,
          "announces held back": measured.not_sent,
          "waits for answers given up": measured.answer_timeouts,
        },
      ],
    ]),
  };
}

// Of all seconds but the first, which is warm-up.
function meanOf(seconds: readonly number[]): number {
  const rest = seconds.slice(1);
  return rest.reduce((sum, count) => sum + count, 0) / Math.max(1, rest.length);
}

function listTrouble(
  parts: readonly (readonly [kind: string, counts: Readonly<Record<string, number>>])[],
): Record<string, number> {
  const trouble: Record<string, number> = {};
  for (const [kind, counts] of parts) {
    for (const [what, count] of Object.entries(counts)) {
      const name = kind === "" ? what : `${kind} (${what})`;
      if (count > 0) trouble[name] = (trouble[name] ?? 0) + count;
    }
  }
  return trouble;
}
