// The sections of the comparison of WebTorrent trackers: which contestants meet under which loads,
// and the tables they end up in. Called by the runner.

import { drawBars } from "../chart.ts";
import { describeMachine, keepFile, keepMeasurements, median } from "../results.ts";
import {
  aquatic,
  bittorrentTracker,
  type Contestant,
  deflating,
  deflatingClients,
  overTls,
  twoWorkers,
} from "./contestants.ts";
import {
  atRate,
  burst,
  closedLoops,
  fiveOffers,
  held,
  type Load,
  queue,
  tenOffers,
} from "./loads.ts";
import { measure, measureHeld, type Measurement } from "./measure.ts";

export const WS_SECTIONS: readonly string[] = [
  "ws-offers",
  "ws-latency",
  "ws-memory",
  "ws-burst",
  "ws-workers",
  "ws-overload",
  "ws-deflate",
];

/** The least there can be: the connections of a burst are held that long, and then closed. */
const BURST_SECONDS = 2;

/** Runs the sections, for so many rounds, with `seconds` to a run, and prints their tables. */
export async function runWs(
  sections: readonly string[],
  rounds: number,
  seconds: number,
): Promise<void> {
  const comparison = new Comparison(rounds, seconds);
  if (sections.includes("ws-offers")) await compareOffers(comparison);
  if (sections.includes("ws-latency")) await compareLatency(comparison);
  if (sections.includes("ws-memory")) await compareMemory(comparison);
  if (sections.includes("ws-burst")) await compareBursts(comparison);
  if (sections.includes("ws-workers")) await compareWorkers(comparison);
  if (sections.includes("ws-overload")) await overload(comparison);
  if (sections.includes("ws-deflate")) await compareDeflate(comparison);
}

async function compareOffers(comparison: Comparison): Promise<void> {
  const bars: { load: Load; row: Row }[] = [];
  for (const load of closedLoops) {
    const setups = load === tenOffers ? [twoWorkers, overTls, deflatingClients, deflating] : [];
    const contestants = [aquatic, bittorrentTracker, ...setups];
    const rows = await comparison.run(contestants, load);
    printCosts(load.name, rows, bittorrentTracker, "bittorrent-tracker");
    bars.push(...rows.slice(0, 2).map((row) => ({ load, row })));
  }
  drawChart(bars);
}

async function compareLatency(comparison: Comparison): Promise<void> {
  const load = atRate("latency", (await comparison.saturationOf(bittorrentTracker)) / 2);
  const contestants = [aquatic, bittorrentTracker];
  const rows = await comparison.run(contestants, load);
  printHead(
    `${format(load.rate)} announces/s, 5 offers`,
    ["offer to answer, µs: p50", "p99", "p99.9", "announce to response, µs: p50", "p99", "p99.9"],
    ["CPU s/s"],
  );
  for (const row of rows) {
    const latencies = [row.answer, row.response].flatMap(({ p50, p99, p999 }) => [p50, p99, p999]);
    printRow(row, [...latencies.map(format), row.cpuShare.toFixed(3)]);
  }
}

async function compareMemory(comparison: Comparison): Promise<void> {
  const contestants = [aquatic, overTls, bittorrentTracker];
  const rows = await comparison.run(contestants, held, (one) => measureHeld(one, held));
  printHead(held.name, ["MB without", "MB with", "kB per connection", "to bittorrent-tracker"]);
  const perConnection = ({ rssAfter, rssBefore }: Row): number =>
    (rssAfter - rssBefore) / held.connections;
  const rival = perConnection(findRow(rows, bittorrentTracker));
  for (const row of rows) {
    const each = perConnection(row);
    printRow(row, [
      (row.rssBefore / 1e6).toFixed(1),
      (row.rssAfter / 1e6).toFixed(1),
      (each / 1000).toFixed(2),
      (each / rival).toFixed(2),
    ]);
  }
}

async function compareBursts(comparison: Comparison): Promise<void> {
  const contestants = [aquatic, overTls, bittorrentTracker];
  for (const load of [burst, queue]) {
    const rows = await comparison.run(contestants, load, (one) =>
      measure(one, load, BURST_SECONDS),
    );
    printHead(`${load.name}, one announce each`, [
      "seconds",
      "to bittorrent-tracker",
      "refused in all rounds",
      "peak MB",
    ]);
    const rival = findRow(rows, bittorrentTracker).burstSeconds;
    for (const row of rows) {
      const { burstSeconds, refused, rssPeak } = row;
      const ratio = (burstSeconds / rival).toFixed(2);
      printRow(row, [burstSeconds.toFixed(3), ratio, format(refused), (rssPeak / 1e6).toFixed(1)]);
    }
  }
}

async function compareWorkers(comparison: Comparison): Promise<void> {
  const load = atRate("two workers", (await comparison.saturationOf(aquatic)) / 2);
  const contestants = [aquatic, twoWorkers];
  const rows = await comparison.run(contestants, load);
  printCosts(`${format(load.rate)} announces/s asked, 5 offers`, rows, aquatic, "one worker");
}

async function overload(comparison: Comparison): Promise<void> {
  const saturation = await comparison.saturationOf(aquatic);
  const load = atRate("overload", saturation * 2);
  const rows = await comparison.run([aquatic], load);
  printHead(
    `${format(load.rate)} announces/s asked, 5 offers`,
    ["announces/s", "to saturation", "answers/s", "CPU s/s", "peak MB"],
    ["responses missing in all rounds", "load tester's CPU s/s"],
  );
  for (const row of rows) {
    printRow(row, [
      format(row.announcesPerSecond),
      (row.announcesPerSecond / saturation).toFixed(2),
      format(row.answersPerSecond),
      row.cpuShare.toFixed(2),
      (row.rssPeak / 1e6).toFixed(1),
      format(row.missing),
      row.loadCpuShare.toFixed(2),
    ]);
  }
}

// A quarter of what it takes without: inflating must not bring it to its limit.
async function compareDeflate(comparison: Comparison): Promise<void> {
  const load = atRate("deflate", (await comparison.saturationOf(aquatic)) / 4);
  const contestants = [aquatic, deflatingClients, deflating];
  const rows = await comparison.run(contestants, load);
  printCosts(`${format(load.rate)} announces/s asked, 5 offers`, rows, aquatic, "no deflate");
}

/** Medians over the rounds, but sums of what is counted, with the names and units of a measurement. */
type Row = Omit<Measurement, "load" | "rate">;

/** All that has been measured. */
class Comparison {
  readonly #all: Measurement[] = [];

  constructor(
    private readonly rounds: number,
    readonly seconds: number,
  ) {}

  // In turn, so that what else the machine does meets all of them.
  async run(
    contestants: readonly Contestant[],
    load: Load,
    measureOnce = (contestant: Contestant) => measure(contestant, load, this.seconds),
  ): Promise<Row[]> {
    const runs = contestants.map((): Measurement[] => []);
    for (let round = 0; round < this.rounds; round++) {
      for (const [index, contestant] of contestants.entries()) {
        const run = await measureOnce(contestant);
        runs[index].push(run);
        this.#keep(run);
      }
    }
    return runs.map(summarize);
  }

  /** Announces a second of five offers each, in a closed loop. */
  async saturationOf(contestant: Contestant): Promise<number> {
    const isSought = (run: Measurement): boolean =>
      run.contestant === contestant.name && run.load === fiveOffers.name;
    if (!this.#all.some(isSought)) {
      await this.run([contestant], fiveOffers);
    }
    return median(this.#all.filter(isSought).map((run) => run.announcesPerSecond));
  }

  #keep(run: Measurement): void {
    this.#all.push(run);
    const measurements = this.#all.filter((other) => other.load === run.load);
    keepMeasurements("ws", run.load, this.rounds, measurements);
    const { announcesPerSecond, contestant, cpu, cpuShare, load, loadCpuShare, trouble } = run;
    console.error(
      `${load}: ${contestant}: ${Math.round(announcesPerSecond)}/s, ${cpu.toFixed(1)} µs` +
        `, CPU ${cpuShare.toFixed(2)}, of the load ${loadCpuShare.toFixed(2)}` +
        `, ${describeTrouble(trouble) || "no trouble"}`,
    );
  }
}

function summarize(runs: readonly Measurement[]): Row {
  const middle = (value: (run: Measurement) => number): number => median(runs.map(value));
  const latency = (of: "answer" | "response"): Row["answer"] => ({
    p50: middle((run) => run[of].p50),
    p99: middle((run) => run[of].p99),
    p999: middle((run) => run[of].p999),
    max: middle((run) => run[of].max),
  });
  return {
    contestant: runs[0].contestant,
    announcesPerSecond: middle((run) => run.announcesPerSecond),
    offersPerSecond: middle((run) => run.offersPerSecond),
    answersPerSecond: middle((run) => run.answersPerSecond),
    cpuShare: middle((run) => run.cpuShare),
    cpu: middle((run) => run.cpu),
    loadCpuShare: middle((run) => run.loadCpuShare),
    response: latency("response"),
    answer: latency("answer"),
    burstSeconds: middle((run) => run.burstSeconds),
    rssBefore: middle((run) => run.rssBefore),
    rssAfter: middle((run) => run.rssAfter),
    rssPeak: middle((run) => run.rssPeak),
    refused: runs.reduce((sum, { refused }) => sum + refused, 0),
    missing: runs.reduce((sum, { missing }) => sum + missing, 0),
    trouble: sumTrouble(runs),
  };
}

// Of all rounds: what went wrong in one of them is to be seen.
function sumTrouble(runs: readonly Measurement[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { trouble } of runs) {
    for (const [name, count] of Object.entries(trouble)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

// --- what is printed and drawn -------------------------------------------------------------------

function printCosts(title: string, rows: Row[], rival: Contestant, rivalName: string): void {
  printHead(title, [
    "announces/s",
    `to ${rivalName}`,
    "CPU s/s",
    "CPU µs per announce",
    `to ${rivalName}`,
    "load tester's CPU s/s",
  ]);
  const other = findRow(rows, rival);
  for (const row of rows) {
    printRow(row, [
      format(row.announcesPerSecond),
      (row.announcesPerSecond / other.announcesPerSecond).toFixed(2),
      row.cpuShare.toFixed(2),
      row.cpu.toFixed(1),
      (row.cpu / other.cpu).toFixed(2),
      row.loadCpuShare.toFixed(2),
    ]);
  }
}

function printHead(title: string, ...columns: string[][]): void {
  const names = columns.flat();
  console.log(`\n| ${[title, ...names, "trouble in all rounds"].join(" | ")} |`);
  console.log(`|---|${"--:|".repeat(names.length)}---|`);
}

function printRow({ contestant, trouble }: Row, cells: string[]): void {
  console.log(`| ${[contestant, ...cells, describeTrouble(trouble) || "none"].join(" | ")} |`);
}

function drawChart(bars: readonly { load: Load; row: Row }[]): void {
  const { machine, commit } = describeMachine();
  const subtitle = `announces/s and CPU time for each, one core; ${machine}, ${commit}`;
  // Without offers there are so many that all other bars would be dots.
  const withOffers = bars.filter(({ load }) => load.offers > 0);
  const drawn = withOffers.map(({ load, row }) => ({
    label: row.contestant === aquatic.name ? `${load.name}: ${row.contestant}` : row.contestant,
    value: row.announcesPerSecond,
    text: `${format(row.announcesPerSecond)}/s, ${row.cpu.toFixed(0)} µs`,
    isOurs: row.contestant === aquatic.name,
  }));
  const title = "WebTorrent: announces whose offers are all answered";
  keepFile("ws.svg", drawBars(title, subtitle, drawn, 340));
}

function findRow(rows: readonly Row[], { name }: Contestant): Row {
  return rows.find((row) => row.contestant === name)!;
}

function describeTrouble(trouble: Readonly<Record<string, number>>): string {
  const list = Object.entries(trouble).map(([name, count]) => `${name}: ${format(count)}`);
  return list.join(", ");
}

function format(count: number): string {
  return Math.round(count).toLocaleString("en");
}
