// What came of a run: sums up what the workers counted, as numbers for `--json` and as text. Called
// by the entry on the main thread, for each line of progress and at the end.

import { PART, PARTS } from "../control.ts";
import { type Durations, HISTOGRAM_LENGTH, summarizeDurations } from "../histogram.ts";
import {
  type CpuTime,
  describeCounts,
  describeCpuTime,
  describeDurations,
} from "../report-parts.ts";
import type { LoadConfig } from "./config.ts";
import { type Session, TABLE, viewErrors } from "./session.ts";
import { FAULTS, sumTallies, TALLY } from "./tally.ts";

/** Counts of one part of a run, or their difference per second. */
export interface Flow {
  /** Responses to announces, right in every respect. */
  readonly announces: number;
  /** Offers that were received. */
  readonly offers: number;
  /** Answers that were received, each by the peer that had made the offer. */
  readonly answers: number;
}

/** Counts of one part of a run. */
export interface PartReport {
  readonly announces_sent: number;
  readonly responses: number;
  readonly offers_sent: number;
  readonly offers_received: number;
  readonly offers_between_seeders: number;
  readonly answers_sent: number;
  readonly answers_received: number;
  /** Answers to announces that lie too far back. */
  readonly late_answers: number;
  readonly answer_timeouts: number;
  /** Messages with a failure reason. */
  readonly failures: number;
  readonly failures_by_message: Record<string, number>;
  readonly invalid: number;
  readonly invalid_by_fault: Record<string, number>;
  readonly not_sent: number;
  readonly lost: number;
  readonly opened: number;
  readonly deflated: number;
  readonly refused: number;
  readonly refused_by_reason: Record<string, number>;
  readonly closed: number;
  readonly closed_by_reason: Record<string, number>;
  readonly churned: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly response_latency_microseconds: Durations;
  readonly answer_latency_microseconds: Durations;
}

export interface Report {
  readonly seconds: number;
  readonly announces_per_second: number;
  readonly offers_per_second: number;
  readonly answers_per_second: number;
  readonly bytes_in_per_second: number;
  readonly bytes_out_per_second: number;
  readonly measured: PartReport;
  readonly each_second: readonly Flow[];
  readonly cpu: CpuTime;
  /** `burst_seconds`: from the first handshake to the response to the last first announce. */
  readonly setup: PartReport & { readonly burst_seconds: number };
  readonly config: LoadConfig;
}

/** Sums up one part, as far as it has come. */
export function reportPart(session: Session, part: number): PartReport {
  const { workers } = session.config;
  const sum = sumTallies(session.tallies, workers, part, PARTS);
  const texts = (table: number): Record<string, number> => {
    const counts = new Map<string, number>();
    for (let worker = 0; worker < workers; worker++) {
      viewErrors(session, worker, part, table).addTo(counts);
    }
    return Object.fromEntries(counts);
  };
  const latency = (at: number): Durations =>
    summarizeDurations(sum.subarray(at, at + HISTOGRAM_LENGTH));
  const faults = FAULTS.map((fault, index) => [fault, sum[TALLY.invalid + index]] as const);
  return {
    announces_sent: sum[TALLY.announces],
    responses: sum[TALLY.responses],
    offers_sent: sum[TALLY.offersSent],
    offers_received: sum[TALLY.offers],
    offers_between_seeders: sum[TALLY.offersBetweenSeeders],
    answers_sent: sum[TALLY.answersSent],
    answers_received: sum[TALLY.answers],
    late_answers: sum[TALLY.lateAnswers],
    answer_timeouts: sum[TALLY.answerTimeouts],
    failures: sum[TALLY.failures],
    failures_by_message: texts(TABLE.failures),
    invalid: faults.reduce((total, [, count]) => total + count, 0),
    invalid_by_fault: Object.fromEntries(faults.filter(([, count]) => count > 0)),
    not_sent: sum[TALLY.notSent],
    lost: sum[TALLY.lost],
    opened: sum[TALLY.opened],
    deflated: sum[TALLY.deflated],
    refused: sum[TALLY.refused],
    refused_by_reason: texts(TABLE.refusals),
    closed: sum[TALLY.closed],
    closed_by_reason: texts(TABLE.closes),
    churned: sum[TALLY.churned],
    bytes_in: sum[TALLY.bytesIn],
    bytes_out: sum[TALLY.bytesOut],
    response_latency_microseconds: latency(TALLY.responseLatency),
    answer_latency_microseconds: latency(TALLY.answerLatency),
  };
}

export function flowOf(part: PartReport): Flow {
  return {
    announces: part.responses,
    offers: part.offers_received,
    answers: part.answers_received,
  };
}

export const NO_FLOW: Flow = { announces: 0, offers: 0, answers: 0 };

/** The difference of two counts, per second. */
export function ratesBetween(before: Flow, after: Flow, seconds: number): Flow {
  return {
    announces: (after.announces - before.announces) / seconds,
    offers: (after.offers - before.offers) / seconds,
    answers: (after.answers - before.answers) / seconds,
  };
}

/** Puts the figures of a finished run together; `measured` as it was when the time was over. */
export function makeReport(
  session: Session,
  measured: PartReport,
  seconds: number,
  cpu: CpuTime,
  eachSecond: readonly Flow[],
): Report {
  const { announces, answers, offers } = ratesBetween(NO_FLOW, flowOf(measured), seconds);
  const after = reportPart(session, PART.after);
  // The workers notice a little later that the time is over.
  const { invalid, invalid_by_fault } = reportPart(session, PART.measured);
  const burst = Math.max(...new Float64Array(session.bursts)) / 1000;
  return {
    seconds,
    announces_per_second: announces,
    offers_per_second: offers,
    answers_per_second: answers,
    bytes_in_per_second: measured.bytes_in / seconds,
    bytes_out_per_second: measured.bytes_out / seconds,
    // What was asked in time and never answered, or answered wrongly, after it.
    measured: {
      ...measured,
      lost: after.lost,
      invalid: invalid + after.invalid,
      invalid_by_fault: sumCounts(invalid_by_fault, after.invalid_by_fault),
    },
    each_second: eachSecond,
    cpu,
    setup: { ...reportPart(session, PART.setup), burst_seconds: burst },
    config: session.config,
  };
}

/** The report as lines for a terminal. */
export function describeReport(report: Report): string {
  const { cpu, measured, setup } = report;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
  const burst = setup.burst_seconds.toFixed(3);
  const lines = [
    `setup: ${setup.opened} connections opened in ${burst} s, ${setup.responses} announced, ` +
      `compressed ${setup.deflated}, refused ${setup.refused}` +
      describeCounts(setup.refused_by_reason),
    `announces/s: ${Math.round(report.announces_per_second)}, ` +
      `offers/s: ${Math.round(report.offers_per_second)}, ` +
      `answers/s: ${Math.round(report.answers_per_second)}`,
    `announce to response in microseconds: ` +
      describeDurations(measured.response_latency_microseconds),
    `offer to answer in microseconds: ${describeDurations(measured.answer_latency_microseconds)}`,
    `announces: ${measured.announces_sent}, answered ${measured.responses}, ` +
      `lost ${measured.lost}, not sent ${measured.not_sent}`,
    `offers: sent ${measured.offers_sent}, received ${measured.offers_received} ` +
      `(between seeders ${measured.offers_between_seeders})`,
    `answers: sent ${measured.answers_sent}, received ${measured.answers_received}, ` +
      `late ${measured.late_answers}, no longer waited for ${measured.answer_timeouts} times`,
    `megabytes/s: in ${megabytes(report.bytes_in_per_second)}, ` +
      `out ${megabytes(report.bytes_out_per_second)}`,
    `failures: ${setup.failures + measured.failures}` +
      describeCounts(sumCounts(setup.failures_by_message, measured.failures_by_message)),
    `invalid messages: ${setup.invalid + measured.invalid}` +
      describeCounts(sumCounts(setup.invalid_by_fault, measured.invalid_by_fault)),
    `connections: closed by the tracker ${setup.closed + measured.closed}` +
      describeCounts(sumCounts(setup.closed_by_reason, measured.closed_by_reason)) +
      `, churned ${measured.churned}, opened again ${measured.opened}, ` +
      `refused ${measured.refused}${describeCounts(measured.refused_by_reason)}`,
    describeCpuTime(cpu, report.config.workers),
  ];
  return lines.join("\n");
}

/** One line about a second. */
export function describeFlow({ announces, answers, offers }: Flow): string {
  const figures = [announces, offers, answers].map((rate) => Math.round(rate));
  return `announces/s ${figures[0]}, offers/s ${figures[1]}, answers/s ${figures[2]}`;
}

function sumCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
