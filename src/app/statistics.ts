// The statistics for operators: lines on standard output at each interval, one of which appears
// only if something was dropped or refused. Written by the main thread.

import type { Census } from "../swarm/census.ts";
import { CounterGains, sumCounter } from "./counters.ts";
import { COUNTER, type Counter } from "./metrics.ts";

/** The percentiles of sizes of swarms that are reported: names and fractions. */
export const PERCENTILES = [
  ["min", 0],
  ["p50", 0.5],
  ["p75", 0.75],
  ["p90", 0.9],
  ["p99", 0.99],
  ["p99.9", 0.999],
  ["max", 1],
] as const;

/** What a tracker reports in addition to the common lines. */
export interface StatisticsOptions {
  /** Reasons for requests that were not served: reported in a line if any occurred. */
  readonly faults: readonly (readonly [name: string, counter: Counter])[];
  /** Returns one more line. `rate` is per second since the last report, `sum` is since start-up. */
  readonly describe?: (
    rate: (counter: Counter) => number,
    sum: (counter: Counter) => number,
  ) => string;
}

/** Turns counters that only grow into lines about the time since the last report. */
export class Statistics {
  readonly #gains: CounterGains;

  constructor(
    private readonly counters: SharedArrayBuffer,
    private readonly options: StatisticsOptions,
  ) {
    this.#gains = new CounterGains(counters);
  }

  /** Returns the lines for the `seconds` since the last call. */
  report(seconds: number, census: Census): string[] {
    const rate = (counter: Counter): number => this.#gains.take(counter) / seconds;
    const requests = rate(COUNTER.requests);
    const batches = rate(COUNTER.batches);
    const lines = [
      `requests/s: ${requests.toFixed(2)}, responses/s: ${rate(COUNTER.responses).toFixed(2)}, ` +
        `requests per batch: ${(batches > 0 ? requests / batches : 0).toFixed(2)}`,
      `bandwidth: ${megabits(rate(COUNTER.bytesIn))} Mbit/s in, ` +
        `${megabits(rate(COUNTER.bytesOut))} Mbit/s out`,
      describeSwarms(census),
    ];
    const { describe } = this.options;
    if (describe !== undefined) {
      lines.push(describe(rate, (counter) => sumCounter(this.counters, counter)));
    }
    const faults = this.options.faults.map(
      ([name, counter]) => [name, this.#gains.take(counter)] as const,
    );
    if (faults.some(([, count]) => count > 0)) {
      const list = faults.map(([name, count]) => `${name} ${count}`).join(", ");
      lines.push(`not served: ${list}`);
    }
    return lines;
  }
}

function megabits(bytes: number): string {
  return ((bytes * 8) / 1e6).toFixed(2);
}

function describeSwarms(census: Census): string {
  const sizes = PERCENTILES.map(([name, fraction]) => {
    return `${name} ${census.percentile(fraction)}`;
  });
  return `peers per torrent: ${sizes.join(", ")}`;
}
