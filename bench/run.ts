// Compares aquatic-udp with opentracker and with the floor under both, and aquatic-ws with
// bittorrent-tracker, on this machine: every contestant in turn, several rounds, medians. Each is
// pinned to core 0, the load to core 1. Prints the README's tables; writes what it measured, and
// charts, to bench/results.
//
// usage: bun run bench [--rounds N] [--seconds N] [SECTION]...
//
// for UDP: busy, wide, memory, flat, cleaning; for WebTorrent: ws, or of that ws-offers,
// ws-latency, ws-memory, ws-burst, ws-workers, ws-overload, ws-deflate. Without any, all. --seconds
// is for WebTorrent, 5 if not given: of each run, the first is warm-up.

import { parseArgs } from "node:util";
import { drawBars } from "./compare/chart.ts";
import {
  aquatic,
  cleaningAquatic,
  type Contestant,
  floor,
  opentracker,
} from "./compare/contestants.ts";
import { busy, deep, few, oneSwarm, whileCleaning, wide } from "./compare/loads.ts";
import { type Load, measure, type Measurement } from "./compare/measure.ts";
import { describeMachine, keepFile, keepMeasurements, median } from "./compare/results.ts";
import { runWs, WS_SECTIONS } from "./compare/ws/sections.ts";

const SECTIONS = ["busy", "wide", "memory", "flat", "cleaning", "ws", ...WS_SECTIONS];

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
  },
  allowPositionals: true,
});
const rounds = readCount("rounds", 1);
const seconds = readCount("seconds", 2);
const sections = positionals.length > 0 ? positionals : SECTIONS;
for (const section of sections) {
  if (SECTIONS.includes(section)) continue;
  throw new Error(`no section ${section}: there are ${SECTIONS.join(", ")}`);
}

const inline = aquatic(1, 0);
const all: Measurement[] = [];

if (sections.includes("busy")) {
  const others = [
    aquatic(1, 1),
    aquatic(2, 0),
    aquatic(1, 0, "bun"),
    opentracker(0),
    opentracker(1),
  ];
  const rows = await compare([floor, inline, ...others], busy, rounds);
  printTable(busy, rows);
  drawChart(rows);
}
if (sections.includes("wide")) {
  printTable(wide, await compare([floor, inline, opentracker(0)], wide, rounds));
}
if (sections.includes("memory")) {
  const contestants = [inline, opentracker(0)];
  const runs = Math.min(rounds, 2);
  const bare = await compare(contestants, few, runs);
  console.log("\n| resident memory added | bytes each |\n|---|--:|");
  for (const [load, what, count] of [
    [wide, "by a torrent of two peers", wide.torrents],
    [deep, "by a peer in a swarm of 20,000", deep.peers],
  ] as const) {
    const rows = await compare(contestants, { ...load, seconds: 2 }, runs);
    for (const [index, { contestant, rss }] of rows.entries()) {
      const added = (rss - bare[index].rss) / count;
      console.log(`| ${contestant}: ${what} | ${added.toFixed(1)} |`);
    }
  }
}
if (sections.includes("flat")) {
  console.log("\n| one swarm, 9 peers wanted | CPU µs per response |\n|---|--:|");
  for (const peers of [10, 1000, 100_000, 1_000_000]) {
    const [row] = await compare([inline], oneSwarm(peers), rounds);
    console.log(`| ${peers.toLocaleString("en")} peers | ${row.cpu.toFixed(2)} |`);
  }
}
if (sections.includes("cleaning")) {
  const saturation = all.find(
    ({ contestant, load }) => contestant === inline.name && load === wide.name,
  );
  const rate = Math.round((saturation?.responsesPerSecond ?? 200_000) / 2);
  console.log("\n| while 2,000,000 peers expire | requests/s | p50 µs | p99 | p99.9 | max |");
  console.log("|---|--:|--:|--:|--:|--:|");
  for (let round = 0; round < Math.min(rounds, 2); round++) {
    const row = await measureAndKeep(cleaningAquatic, whileCleaning(rate));
    console.log(
      `| round ${round + 1} | ${Math.round(row.responsesPerSecond)} | ${row.p50} | ${row.p99} | ` +
        `${row.p999} | ${row.max} |`,
    );
  }
}

const wsSections = sections.includes("ws")
  ? WS_SECTIONS
  : WS_SECTIONS.filter((name) => sections.includes(name));
await runWs(wsSections, rounds, seconds);

/** Medians over the rounds. */
interface Row {
  readonly contestant: string;
  readonly responsesPerSecond: number;
  readonly cpu: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Resident memory at the end, in bytes. */
  readonly rss: number;
  readonly lost: number;
  readonly errors: number;
  readonly invalid: number;
}

// In turn, so that what else the machine does meets all of them.
async function compare(contestants: Contestant[], load: Load, count: number): Promise<Row[]> {
  const runs = new Map<string, Measurement[]>();
  for (let round = 0; round < count; round++) {
    for (const contestant of contestants) {
      const measurement = await measureAndKeep(contestant, load);
      const others = runs.get(contestant.name) ?? [];
      runs.set(contestant.name, [...others, measurement]);
    }
  }
  return [...runs].map(([contestant, measurements]) => {
    const middle = (value: (run: Measurement) => number): number => median(measurements.map(value));
    return {
      contestant,
      responsesPerSecond: middle((run) => run.responsesPerSecond),
      cpu: middle((run) => run.cpu),
      p50: middle((run) => run.p50),
      p99: middle((run) => run.p99),
      p999: middle((run) => run.p999),
      rss: middle((run) => run.rssAfter),
      lost: middle((run) => run.lost),
      errors: middle((run) => run.errors),
      invalid: middle((run) => run.invalid),
    };
  });
}

async function measureAndKeep(contestant: Contestant, load: Load): Promise<Measurement> {
  // The floor keeps nothing, and its announces have as many peers as the real ones had.
  const ofOurs = all.findLast((run) => run.contestant === inline.name && run.load === load.name);
  const peers = ofOurs?.peersPerAnnounce ?? (load === busy ? 22 : 1);
  const isFloor = contestant === floor;
  const run = await measure(contestant, isFloor ? { ...load, prefill: false } : load, peers);
  all.push(run);
  const measurements = all.filter((other) => other.load === load.name);
  keepMeasurements("udp", load.name, rounds, measurements);
  const { cpu, responsesPerSecond } = run;
  console.error(
    `${load.name}: ${contestant.name}: ${Math.round(responsesPerSecond)}/s, ${cpu.toFixed(2)} µs` +
      `, p99 ${run.p99} µs, lost ${run.lost}, errors ${run.errors}, invalid ${run.invalid}`,
  );
  return run;
}

function printTable(load: Load, rows: Row[]): void {
  const bare = rows.find((row) => row.contestant === floor.name)!;
  const rival = rows.find((row) => row.contestant.startsWith("opentracker"))!;
  console.log(
    `\n| ${load.name} | responses/s | CPU µs per response | to the floor | to opentracker |`,
  );
  console.log("|---|--:|--:|--:|--:|");
  for (const row of rows) {
    console.log(
      `| ${row.contestant} | ${Math.round(row.responsesPerSecond).toLocaleString("en")} | ` +
        `${row.cpu.toFixed(2)} | ${(row.cpu / bare.cpu).toFixed(2)} | ` +
        `${(row.cpu / rival.cpu).toFixed(2)} |`,
    );
  }
}

function drawChart(rows: Row[]): void {
  const bars = rows.map((row) => ({
    label: row.contestant,
    value: row.cpu,
    text: `${row.cpu.toFixed(2)} µs, ${Math.round(row.responsesPerSecond / 1000)}k/s`,
    isOurs: row.contestant.startsWith("aquatic"),
  }));
  const { machine, commit } = describeMachine();
  const subtitle = `CPU time per response and responses/s, one core; ${machine}, ${commit}`;
  keepFile("udp.svg", drawBars(`UDP: ${busy.name}`, subtitle, bars));
}

function readCount(name: "rounds" | "seconds", least: number): number {
  const count = Number(values[name]);
  if (Number.isInteger(count) && count >= least) return count;
  throw new Error(`--${name}: a whole number from ${least} on`);
}
