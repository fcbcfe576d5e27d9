// One measurement: a contestant under load, its CPU time while the load is on, and its memory. The
// load tester runs on a core of its own and checks the answers.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Contestant } from "./contestants.ts";
import { ADDRESS, PORT, readRss, startLoad, startServer } from "./processes.ts";

const LOAD = resolve(import.meta.dir, "../load/udp.ts");

/** The peers of one address differ by their ports. */
const PEERS_PER_IP = 40_000;
const LEAST_IPS = 8;

/** What the load tester is told, by its own names; `seconds` is the duration. */
export interface Load {
  readonly name: string;
  readonly seconds: number;
  readonly torrents: number;
  readonly peers: number;
  /** 0: all torrents have the same number of peers. */
  readonly paretoShape: number;
  readonly peersWanted: number;
  readonly weights: readonly [connect: number, announce: number, scrape: number];
  /** Requests a second; 0: as fast as they are answered. */
  readonly rate: number;
  readonly prefill: boolean;
}

/** What came of it. Times in microseconds. */
export interface Measurement {
  readonly contestant: string;
  readonly load: string;
  readonly responsesPerSecond: number;
  /** CPU time of the contestant, all its threads, for each response. */
  readonly cpu: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly peersPerAnnounce: number;
  readonly lost: number;
  readonly errors: number;
  readonly invalid: number;
  /** Resident memory at the end, in bytes. */
  readonly rssAfter: number;
}

interface LoadReport {
  readonly seconds: number;
  readonly responses_per_second: { readonly total: number };
  readonly each_second: readonly { readonly total: number }[];
  readonly measured: {
    readonly errors: number;
    readonly invalid: number;
    readonly lost: number;
    readonly peers_per_announce: number;
    readonly latency_microseconds: {
      readonly p50: number;
      readonly p99: number;
      readonly p999: number;
      readonly max: number;
    };
  };
}

/** Runs `contestant` under `load` once. */
export async function measure(
  contestant: Contestant,
  load: Load,
  peersPerAnnounce: number,
): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-load-"));
  const config = join(directory, "load.toml");
  writeFileSync(config, describeLoad(load, contestant));
  try {
    const infoHashes = (): string => runLoad(config, "--info-hashes");
    await using server = await startServer(
      contestant.name,
      (work) => contestant.start(work, { infoHashes, peersPerAnnounce }),
      "udp",
    );
    const { report, cpuSeconds } = await loadServer(config, server.pid);
    const rssAfter = readRss(server.pid);
    // The first second is warm-up: CPU time is read from its end on.
    const responses = report.each_second.slice(1).reduce((sum, { total }) => sum + total, 0);
    const { measured } = report;
    const { p50, p99, p999, max } = measured.latency_microseconds;
    return {
      contestant: contestant.name,
      load: load.name,
      responsesPerSecond: responses / (report.each_second.length - 1),
      cpu: (cpuSeconds / responses) * 1e6,
      p50,
      p99,
      p999,
      max,
      peersPerAnnounce: measured.peers_per_announce,
      lost: measured.lost,
      errors: measured.errors,
      invalid: measured.invalid,
      rssAfter,
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function describeLoad(load: Load, { unchecked }: Contestant): string {
  const [connect, announce, scrape] = load.weights;
  const needed = Math.ceil(load.peers / load.torrents / PEERS_PER_IP);
  const clientIps = Math.min(load.peers, Math.max(LEAST_IPS, needed));
  return `
    server_address = '${ADDRESS}:${PORT}'
    duration = ${load.seconds}
    [network]
    rate = ${load.rate}
    client_ips = ${clientIps}
    [requests]
    number_of_torrents = ${load.torrents}
    number_of_peers = ${load.peers}
    torrent_selection_pareto_shape = ${load.paretoShape}
    peers_wanted = ${load.peersWanted}
    weight_connect = ${connect}
    weight_announce = ${announce}
    weight_scrape = ${scrape}
    [setup]
    prefill = ${load.prefill}
    [checks]
    ${unchecked.map((check) => `${check} = false`).join("\n")}`;
}

function runLoad(config: string, ...flags: string[]): string {
  const { stdout } = Bun.spawnSync([process.execPath, "run", LOAD, "-c", config, ...flags]);
  return stdout.toString();
}

async function loadServer(config: string, pid: number) {
  const times: number[] = [];
  const { output } = startLoad(LOAD, config, () => times.push(readCpuSeconds(pid)));
  const report = JSON.parse(await output) as LoadReport;
  return { report, cpuSeconds: times.at(-1)! - times[0] };
}

// CPU time of all threads so far, from the count in nanoseconds that the scheduler keeps.
function readCpuSeconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return sum / 1e9;
}
