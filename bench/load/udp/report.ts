// What came of a run: sums up what the workers counted, as numbers for `--json` and as text. Called
// by the entry on the main thread, for each line of progress and at the end.

import { PART, PARTS } from "../control.ts";
import { ErrorTable } from "../error-table.ts";
import { type Durations, summarizeDurations } from "../histogram.ts";
import {
  type CpuTime,
  describeCounts,
  describeCpuTime,
  describeDurations,
} from "../report-parts.ts";
import type { LoadConfig } from "./config.ts";
import type { Session } from "./session.ts";
import { ANNOUNCE, CONNECT, FAULTS, KINDS, SCRAPE, sumTallies, TALLY } from "./tally.ts";

export interface ByKind {
  readonly connect: number;
  readonly announce: number;
  readonly scrape: number;
  readonly total: number;
}

/** Counts of one part of a run. */
export interface PartReport {
  readonly requests: ByKind;
  /** Responses that were right in every respect. Nothing else counts as throughput. */
  readonly responses: ByKind;
  /** Error responses. */
  readonly errors: number;
  readonly errors_by_message: Record<string, number>;
  /** Wrong responses. */
  readonly invalid: number;
  readonly invalid_by_fault: Record<string, number>;
  readonly lost: number;
  readonly late: number;
  readonly refused: number;
  readonly not_sent: number;
  readonly overdue: number;
  readonly peers_per_announce: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly latency_microseconds: Durations;
}

export interface Report {
  readonly seconds: number;
  readonly responses_per_second: ByKind;
  readonly measured: PartReport;
  /** Right responses of each second. */
  readonly each_second: readonly ByKind[];
  readonly cpu: CpuTime & { readonly user_microseconds_per_response: number };
  readonly setup: PartReport & { readonly seconds: number };
  readonly config: LoadConfig;
}

/** Sums up one part, as far as it has come. */
export function reportPart(session: Session, part: number): PartReport {
  const { workers } = session.config;
  const sum = sumTallies(session.tallies, workers, part, PARTS);
  const messages = new Map<string, number>();
  for (let worker = 0; worker < workers; worker++) {
    new ErrorTable(session.errors, worker * PARTS + part).addTo(messages);
  }
  const faults = FAULTS.map((fault, index) => [fault, sum[TALLY.invalid + index]] as const);
  const announces = sum[TALLY.responses + ANNOUNCE];
  return {
    requests: byKind(sum, TALLY.sent),
    responses: byKind(sum, TALLY.responses),
    errors: sum[TALLY.errors],
    errors_by_message: Object.fromEntries(messages),
    invalid: faults.reduce((total, [, count]) => total + count, 0),
    invalid_by_fault: Object.fromEntries(faults.filter(([, count]) => count > 0)),
    lost: sum[TALLY.lost],
    late: sum[TALLY.late],
    refused: sum[TALLY.refused],
    not_sent: sum[TALLY.notSent],
    overdue: sum[TALLY.overdue],
    peers_per_announce: announces > 0 ? sum[TALLY.peers] / announces : 0,
    bytes_in: sum[TALLY.bytesIn],
    bytes_out: sum[TALLY.bytesOut],
    latency_microseconds: summarizeDurations(sum.subarray(TALLY.latency)),
  };
}

/** The difference of two counts, per second. */
export function ratesBetween(before: ByKind, after: ByKind, seconds: number): ByKind {
  return {
    connect: (after.connect - before.connect) / seconds,
    announce: (after.announce - before.announce) / seconds,
    scrape: (after.scrape - before.scrape) / seconds,
    total: (after.total - before.total) / seconds,
  };
}

export const NO_RESPONSES: ByKind = { connect: 0, announce: 0, scrape: 0, total: 0 };

/** Puts the figures of a finished run together. */
export function makeReport(
  session: Session,
  seconds: number,
  setupSeconds: number,
  cpu: CpuTime,
  eachSecond: readonly ByKind[],
): Report {
  const measured = reportPart(session, PART.measured);
  // What was asked in time and answered, or not, after it: not throughput, but neither unknown.
  const after = reportPart(session, PART.after);
  const { total } = measured.responses;
  return {
    seconds,
    responses_per_second: ratesBetween(NO_RESPONSES, measured.responses, seconds),
    measured: { ...measured, lost: measured.lost + after.lost, late: measured.late + after.late },
    each_second: eachSecond,
    cpu: {
      ...cpu,
      user_microseconds_per_response: total > 0 ? (cpu.user / total) * 1e6 : 0,
    },
    setup: { ...reportPart(session, PART.setup), seconds: setupSeconds },
    config: session.config,
  };
}

/** The report as lines for a terminal. */
export function describeReport(report: Report): string {
  const { measured, responses_per_second: rates } = report;
  const lines = [
    `responses/s: ${describeKinds(rates)}`,
    `latency in microseconds: ${describeDurations(measured.latency_microseconds)}`,
    `requests: ${measured.requests.total}, lost ${measured.lost}, late ${measured.late}, ` +
      `refused ${measured.refused}, not sent ${measured.not_sent}, overdue ${measured.overdue}`,
    `peers per announce: ${measured.peers_per_announce.toFixed(2)}`,
    `error responses: ${measured.errors}${describeCounts(measured.errors_by_message)}`,
    `invalid responses: ${measured.invalid}${describeCounts(measured.invalid_by_fault)}`,
    `${describeCpuTime(report.cpu, report.config.workers)}, ` +
      `${report.cpu.user_microseconds_per_response.toFixed(2)} microseconds user per response`,
  ];
  return lines.join("\n");
}

/** One line about a second. */
export function describeKinds(rates: ByKind): string {
  const { total, connect, announce, scrape } = rates;
  const figures = [total, connect, announce, scrape].map((rate) => Math.round(rate));
  return `${figures[0]} (connect ${figures[1]}, announce ${figures[2]}, scrape ${figures[3]})`;
}

function byKind(sum: Float64Array, at: number): ByKind {
  const total = KINDS.reduce((count, _, kind) => count + sum[at + kind], 0);
  return {
    connect: sum[at + CONNECT],
    announce: sum[at + ANNOUNCE],
    scrape: sum[at + SCRAPE],
    total,
  };
}
