// The last hour of a tracker, for the live page: a sample every five seconds of what the counters
// have gained since the one before.

import { readCounter, sumCounter } from "../counters.ts";
import { COUNTER, type Counter, LATENCY_BOUNDS, listFaults } from "../metrics.ts";
import type { Subject } from "./subject.ts";

export const SAMPLE_SECONDS = 5;
const SAMPLES = 3600 / SAMPLE_SECONDS;

/** The columns of a sample, after its time. All up to `cpu` are per second. */
export const COLUMNS = [
  "requests",
  "responses",
  "rx_bytes",
  "tx_bytes",
  "not_served",
  "offers",
  "answers",
  "cpu",
  "latency_p50",
  "latency_p99",
  "torrents",
  "peers",
  "connections",
] as const;

export type Column = (typeof COLUMNS)[number];

/** One sample: its Unix time in seconds, then the columns. */
export type Row = readonly (number | null)[];

export class History {
  readonly #rows: Row[] = [];
  readonly #faults: Counter[];
  readonly #totals = new Map<Column, number>();
  #latency: readonly number[];
  #sampledAt: number;

  constructor(private readonly subject: Subject) {
    this.#faults = listFaults(subject.tracker).map(([, counter]) => counter);
    this.#latency = this.#readLatency();
    this.#sampledAt = subject.clock.uptimeSeconds;
    for (const [column, total] of this.#readTotals()) this.#totals.set(column, total);
  }

  /** Takes a sample every five seconds from now on. */
  keep(): void {
    setInterval(() => this.sample(), SAMPLE_SECONDS * 1000);
  }

  sample(): void {
    const { clients, clock } = this.subject;
    clients?.collect(clock.second);
    const now = clock.uptimeSeconds;
    const seconds = now - this.#sampledAt;
    if (seconds <= 0) return;
    this.#sampledAt = now;
    const values: Partial<Record<Column, number | null>> = this.#readGauges();
    for (const [column, total] of this.#readTotals()) {
      values[column] = (total - (this.#totals.get(column) ?? 0)) / seconds;
      this.#totals.set(column, total);
    }
    const latency = this.#readLatency();
    const gained = latency.map((count, bucket) => count - this.#latency[bucket]);
    this.#latency = latency;
    values.latency_p50 = quantile(gained, 0.5);
    values.latency_p99 = quantile(gained, 0.99);
    const time = Math.round(clock.wallTimeOf(now));
    this.#rows.push([time, ...COLUMNS.map((column) => values[column] ?? null)]);
    if (this.#rows.length > SAMPLES) this.#rows.shift();
  }

  /** The samples after the Unix time `since`, the oldest first. */
  after(since: number): readonly Row[] {
    return this.#rows.filter(([time]) => Number(time) > since);
  }

  /** A column of the last sample; null if there is none. */
  last(column: Column): number | null {
    return this.#rows.at(-1)?.[1 + COLUMNS.indexOf(column)] ?? null;
  }

  #readTotals(): [Column, number][] {
    const { counters, tracker } = this.subject;
    const sum = (counter: Counter): number => sumCounter(counters, counter);
    const notServed = this.#faults.reduce((total, counter) => total + sum(counter), 0);
    const totals: [Column, number][] = [
      ["requests", sum(COUNTER.requests)],
      ["responses", sum(COUNTER.responses)],
      ["rx_bytes", sum(COUNTER.bytesIn)],
      ["tx_bytes", sum(COUNTER.bytesOut)],
      ["not_served", notServed],
      ["cpu", sum(COUNTER.cpuSeconds)],
    ];
    if (tracker === "udp") return totals;
    return [...totals, ["offers", sum(COUNTER.offers)], ["answers", sum(COUNTER.answers)]];
  }

  #readGauges(): Partial<Record<Column, number>> {
    const { counters, tables, tracker } = this.subject;
    const gauges: Partial<Record<Column, number>> = {
      torrents: tables.reduce((sum, { table }) => sum + table.torrentCount, 0),
      peers: tables.reduce((sum, { table }) => sum + table.peerCount, 0),
    };
    if (tracker === "ws") gauges.connections = sumCounter(counters, COUNTER.connections);
    return gauges;
  }

  #readLatency(): number[] {
    const { counters } = this.subject;
    return Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, bucket) => {
      return readCounter(counters, COUNTER.latency, bucket).reduce((sum, count) => sum + count, 0);
    });
  }
}

/** Seconds that this fraction of the values in the buckets do not exceed; null without values. */
function quantile(buckets: readonly number[], fraction: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = total * fraction;
  for (const [bucket, count] of buckets.entries()) {
    const from = bucket === 0 ? 0 : LATENCY_BOUNDS[bucket - 1];
    const to = LATENCY_BOUNDS[bucket] ?? from;
    // Values are taken to lie evenly between the bounds, as Prometheus does.
    if (count >= left && count > 0) return from + ((to - from) * left) / count;
    left -= count;
  }
  return LATENCY_BOUNDS.at(-1)!;
}
