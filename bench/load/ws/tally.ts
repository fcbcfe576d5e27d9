// What a load worker counts, in memory that it shares with the main thread: only the worker writes,
// the main thread sums the workers up while they run. The setup, the measurement and what comes in
// after it are counted apart.

import { addHistogram, HISTOGRAM_LENGTH } from "../histogram.ts";

/** What can be wrong with what a tracker sends; the first that is found counts. */
export const FAULTS = [
  "not JSON",
  /** No response, offer or answer. */
  "unknown message",
  "binary message",
  /** An id that is none of the load tester's. */
  "malformed id",
  /** An offer or answer whose SDP is not what was sent under its offer id. */
  "damaged SDP",
  /** Of a torrent that the connection is not in. */
  "foreign torrent",
  /** An offer or answer of a peer that is not in the torrent. */
  "stranger",
  "own offer",
  /** An offer that its sender has not made, or an answer to one that was not made here. */
  "unknown offer",
  /** A second answer to an offer. */
  "answered twice",
  /** More answers than were announces. */
  "unexpected response",
  /** Not from a second to a day. */
  "implausible interval",
  /** More seeders or leechers than the torrent can have, or fewer than it must. */
  "implausible counts",
  "frame too long",
  "masked frame",
  "reserved bits",
  "unknown opcode",
  "bad fragments",
  "bad compression",
] as const;

export type Fault = (typeof FAULTS)[number];

const COUNTS = [
  /** Announces sent, and those that were answered. */
  "announces",
  "responses",
  "offersSent",
  /** Offers and answers that came as they were sent. */
  "offers",
  "offersBetweenSeeders",
  "answersSent",
  "answers",
  /** Answers to offers of announces that lie so long back that nothing is known of them. */
  "lateAnswers",
  /** Times that answers were no longer waited for. */
  "answerTimeouts",
  /** Messages with a `failure reason`. */
  "failures",
  /** Announces that were due, but not sent: too many were not answered yet. */
  "notSent",
  /** Announces that were not answered when all was over. */
  "lost",
  "opened",
  "refused",
  /** Connections that compression was agreed for. */
  "deflated",
  /** Connections that the tracker closed. */
  "closed",
  "churned",
  "bytesIn",
  "bytesOut",
] as const;

export type Count = (typeof COUNTS)[number];

/** Offsets in a tally. */
export const TALLY = {
  ...(Object.fromEntries(COUNTS.map((name, index) => [name, index])) as Record<Count, number>),
  /** By fault. */
  invalid: COUNTS.length,
  /** From announce to response, and from offer to answer, in microseconds. */
  responseLatency: COUNTS.length + FAULTS.length,
  answerLatency: COUNTS.length + FAULTS.length + HISTOGRAM_LENGTH,
};

const TALLY_LENGTH = TALLY.answerLatency + HISTOGRAM_LENGTH;

/** Shared memory for `parts` tallies of each of so many workers. */
export function allocateTallies(workers: number, parts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * parts * TALLY_LENGTH * Float64Array.BYTES_PER_ELEMENT);
}

/** The tally of a worker's part. */
export function viewTally(
  memory: SharedArrayBuffer,
  worker: number,
  part: number,
  parts: number,
): Float64Array {
  const index = worker * parts + part;
  const bytes = index * TALLY_LENGTH * Float64Array.BYTES_PER_ELEMENT;
  return new Float64Array(memory, bytes, TALLY_LENGTH);
}

/** The sum of one part of all workers. */
export function sumTallies(
  memory: SharedArrayBuffer,
  workers: number,
  part: number,
  parts: number,
): Float64Array {
  const sum = new Float64Array(TALLY_LENGTH);
  for (let worker = 0; worker < workers; worker++) {
    const tally = viewTally(memory, worker, part, parts);
    for (let i = 0; i < TALLY.responseLatency; i++) sum[i] += tally[i];
    for (const at of [TALLY.responseLatency, TALLY.answerLatency]) {
      addHistogram(sum.subarray(at, at + HISTOGRAM_LENGTH), tally, at);
    }
  }
  return sum;
}
