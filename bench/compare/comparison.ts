// Runs contestants under a load, in turn and for several rounds, and sums the rounds up. Each
// section has one of these, which writes its file in bench/results.

import type { Contestant } from "./contestants.ts";
import type { Load } from "./loads.ts";
import { measure, type Run } from "./measure.ts";
import { keepSummary } from "./results.ts";

export interface Options {
  readonly rounds: number;
  /** Of each run of a load that does not say how long it takes. */
  readonly seconds: number;
  /** The starts of the names of those that take part; empty: all. */
  readonly only: readonly string[];
  /** Whether bench/results is written. */
  readonly keepsResults: boolean;
}

/** The rounds of one figure. */
interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What a contestant did under a load, over all rounds. */
export interface Row {
  readonly contestant: string;
  readonly isOurs: boolean;
  readonly figures: Readonly<Record<string, Spread>>;
  /** The median of `cpu` to that of others, by their names. */
  readonly cpuTo: Readonly<Record<string, number>>;
  readonly trouble: Readonly<Record<string, number>>;
}

type Measure = (contestant: Contestant, load: Load, seconds: number) => Promise<Run>;

/** Rows of closed loops that other sections take their rates from, by load and contestant. */
const rates = new Map<string, number>();

export class Comparison {
  readonly #summaries: object[] = [];

  constructor(
    private readonly section: string,
    private readonly options: Options,
  ) {}

  /** In turn, so that what else the machine does meets all of them. */
  async run(
    contestants: readonly Contestant[],
    load: Load,
    measureOnce: Measure = measure,
  ): Promise<Row[]> {
    const { only, rounds, seconds } = this.options;
    const taking = contestants.filter(
      ({ name }) => only.length === 0 || only.some((start) => name.startsWith(start)),
    );
    const runs = taking.map((): Run[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, contestant] of taking.entries()) {
        const run = await measureOnce(contestant, load, seconds);
        runs[index].push(run);
        say(load, contestant, run);
      }
    }
    const rows = addRatios(taking.map(({ isOurs, name }, i) => sumUp(name, isOurs, runs[i])));
    for (const { contestant, figures } of rows) {
      rates.set(`${load.name}: ${contestant}`, figures.rate.median);
    }
    this.#keep(load, rows);
    return rows;
  }

  /** What a contestant does under a load each second. */
  async rateOf(contestant: Contestant, load: Load): Promise<number> {
    const key = `${load.name}: ${contestant.name}`;
    if (!rates.has(key)) await new Comparison("", this.options).run([contestant], load);
    return rates.get(key) ?? 0;
  }

  #keep(load: Load, rows: readonly Row[]): void {
    const { keepsResults, rounds, seconds } = this.options;
    if (!keepsResults || this.section === "") return;
    const results = rows.map(({ contestant, cpuTo, figures, trouble }) => ({
      contestant,
      ...figures,
      cpuTo,
      trouble,
    }));
    const duration = load.seconds ?? seconds;
    this.#summaries.push({ load: load.name, settings: load.settings, duration, results });
    keepSummary(this.section, { rounds, loads: this.#summaries });
  }
}

function sumUp(contestant: string, isOurs: boolean | undefined, runs: readonly Run[]): Row {
  const figures: Record<string, Spread> = {};
  for (const name of Object.keys(runs[0]?.figures ?? {})) {
    const values = runs.map((run) => run.figures[name]);
    figures[name] = {
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
    };
  }
  // Of all rounds: what went wrong in one of them is to be seen.
  const trouble: Record<string, number> = {};
  for (const run of runs) {
    for (const [name, count] of Object.entries(run.trouble)) {
      trouble[name] = (trouble[name] ?? 0) + count;
    }
  }
  return { contestant, isOurs: isOurs === true, figures, cpuTo: {}, trouble };
}

function addRatios(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const others = rows.filter((other) => other !== row && other.figures.cpu.median > 0);
    const ratios = others.map(
      ({ contestant, figures }) =>
        [contestant, row.figures.cpu.median / figures.cpu.median] as const,
    );
    return { ...row, cpuTo: Object.fromEntries(ratios) };
  });
}

function say(load: Load, contestant: Contestant, { figures, trouble }: Run): void {
  const { cpu, cpuShare, loadCpuShare, rate } = figures;
  console.error(
    `${load.name}: ${contestant.name}: ${Math.round(rate)}/s, ${cpu.toFixed(2)} µs` +
      `, CPU ${cpuShare.toFixed(2)}, of the load tester ${loadCpuShare.toFixed(2)}` +
      `, ${describeTrouble(trouble) || "no trouble"}`,
  );
}

export function describeTrouble(trouble: Readonly<Record<string, number>>): string {
  const list = Object.entries(trouble).map(
    ([name, count]) => `${name}: ${count.toLocaleString("en")}`,
  );
  return list.join(", ");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
