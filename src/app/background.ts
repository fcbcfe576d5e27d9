// The main thread's work while the workers serve: it cleans the tables and writes the statistics,
// with pauses (steps.ts).

import { tickOf } from "../memory/clock.ts";
import type { AccessList } from "../swarm/access-list.ts";
import { CleaningPass } from "../swarm/clean.ts";
import type { Table } from "../swarm/table.ts";
import type { Censuses } from "./censuses.ts";
import type { Clock } from "./clock.ts";
import { sumCounter } from "./counters.ts";
import { COUNTER } from "./metrics.ts";
import { log } from "./log.ts";
import { standardOutput } from "./output.ts";
import { createPageReturner } from "./pages.ts";
import { runInSteps } from "./steps.ts";
import { Statistics, type StatisticsOptions } from "./statistics.ts";

const FULL_TABLE_MILLISECONDS = 1000;

/** Logs once that new torrents and peers are being refused. */
export function reportFullTable(counters: SharedArrayBuffer): void {
  const timer = setInterval(() => {
    if (sumCounter(counters, COUNTER.tableFull) === 0) return;
    log.warn("limits: a table is full; new torrents or peers are being refused");
    clearInterval(timer);
  }, FULL_TABLE_MILLISECONDS);
}

/** The settings of the background work, which may change at any time. */
export interface BackgroundSettings {
  readonly config: {
    readonly cleaning: {
      /** Seconds from the end of a pass to the next one. */
      readonly interval: number;
      /** Seconds after its last announce at which a peer expires. */
      readonly max_peer_age: number;
    };
    readonly statistics: {
      /** Seconds from one report to the next; 0 for none. */
      readonly interval: number;
    };
  };
  /** Resolves at the next change. */
  readonly changed: Promise<void>;
}

/** How long the cleaning takes. */
export interface CleaningTimes {
  /** Passes over all tables. */
  passes: number;
  /** Seconds of all passes, with the pauses in between. */
  seconds: number;
  /** Seconds of the last pass. */
  lastSeconds: number;
}

/**
 * Cleans the tables forever, and returns memory that they no longer use. Keeps `times` up to date.
 */
export async function keepClean(
  settings: BackgroundSettings,
  tables: readonly Table[],
  clock: Pick<Clock, "second">,
  times: CleaningTimes = { passes: 0, seconds: 0, lastSeconds: 0 },
  access?: AccessList,
): Promise<never> {
  const cleanings = tables.map((table) => [table, createPageReturner(table.words)] as const);
  const { cleaning } = settings.config;
  for (;;) {
    await awaitInterval(() => cleaning.interval, settings);
    const start = performance.now();
    for (const [table, returnPages] of cleanings) {
      const pass = new CleaningPass(table, cleaning.max_peer_age, returnPages, access);
      await runInSteps(() => pass.step(tickOf(clock.second)));
    }
    times.passes++;
    times.lastSeconds = (performance.now() - start) / 1000;
    times.seconds += times.lastSeconds;
  }
}

/** Writes the statistics to standard output after every interval, forever. */
export async function keepStatistics(
  settings: BackgroundSettings,
  censuses: Censuses,
  counters: SharedArrayBuffer,
  options: StatisticsOptions,
): Promise<never> {
  const statistics = new Statistics(counters, options);
  let last = performance.now();
  for (;;) {
    await awaitInterval(() => settings.config.statistics.interval, settings);
    const census = await censuses.take((settings.config.statistics.interval * 1000) / 2);
    const now = performance.now();
    const lines = statistics.report((now - last) / 1000, census);
    last = now;
    standardOutput.write(`${lines.join("\n")}\n`);
  }
}

/**
 * Resolves once so many seconds have passed, whatever their number is then; never while it is 0.
 */
export async function awaitInterval(
  seconds: () => number,
  settings: Pick<BackgroundSettings, "changed">,
): Promise<void> {
  const start = performance.now();
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const forget = onChange(settings.changed, () => resolve(false));
    const interval = seconds() * 1000;
    const left = Math.ceil(Math.max(0, start + interval - performance.now()));
    if (interval > 0) void Bun.sleep(left).then(() => resolve(true));
    const isOver = await promise;
    forget();
    if (isOver) return;
  }
}

/**
 * What waits for each change. A promise keeps all reactions to it until it is settled, and that may
 * take a year, so there is one for all.
 */
const waiting = new WeakMap<Promise<void>, Set<() => void>>();

/** Calls `act` at the change, unless the returned function is called before. */
function onChange(changed: Promise<void>, act: () => void): () => void {
  const acts = waiting.get(changed) ?? new Set();
  if (!waiting.has(changed)) {
    waiting.set(changed, acts);
    void changed.then(() => acts.forEach((each) => each()));
  }
  acts.add(act);
  return () => acts.delete(act);
}
