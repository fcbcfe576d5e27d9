// What a load worker counts, in memory that it shares with the main thread: only the worker writes,
// the main thread sums the workers up while they run. The setup, the measurement and what comes in
// after it are counted apart.

import { addHistogram, HISTOGRAM_LENGTH } from "../histogram.ts";

/** Kinds of request and of the response that belongs to it, in the order of BEP 15's actions. */
export const KINDS = ["connect", "announce", "scrape"] as const;
export const CONNECT = 0;
export const ANNOUNCE = 1;
export const SCRAPE = 2;

/** What can be wrong with a response that is no error message; the first that is found counts. */
export const FAULTS = [
  /** Answers nothing that was asked, or something that has been answered. */
  "unknown transaction",
  /** Another kind of response than the request asks for. */
  "wrong action",
  /** Too short for its kind, or not of the one length it can have. */
  "wrong length",
  /** Peers that are not of 6 bytes for IPv4, of 18 for IPv6. */
  "wrong stride",
  "too many peers",
  /** Not from a second to a day. */
  "implausible interval",
  /** More seeders or leechers than the torrent can have, or fewer than it must. */
  "implausible counts",
  "requester among the peers",
  "duplicate peer",
  /** A peer that never announced for this torrent. */
  "stranger among the peers",
  /** Fewer peers than were wanted, although there are enough. */
  "too few peers",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Offsets in a tally. */
export const TALLY = {
  /** By kind. */
  sent: 0,
  /** By kind; right in every respect. */
  responses: 3,
  /** Error responses: see error-table.ts. */
  errors: 6,
  /** By fault. */
  invalid: 7,
  /** Not answered in time. */
  lost: 7 + FAULTS.length,
  /** Answered after that. */
  late: 8 + FAULTS.length,
  /** ICMP said that nobody listens. */
  refused: 9 + FAULTS.length,
  /** The kernel did not take the request, which was given up. */
  notSent: 10 + FAULTS.length,
  /** Peers in announce responses. */
  peers: 11 + FAULTS.length,
  bytesIn: 12 + FAULTS.length,
  bytesOut: 13 + FAULTS.length,
  /** Requests that were due when the measurement ended but not yet sent. */
  overdue: 14 + FAULTS.length,
  /** Latencies in microseconds. */
  latency: 15 + FAULTS.length,
} as const;

const TALLY_LENGTH = TALLY.latency + HISTOGRAM_LENGTH;

/** Shared memory for `parts` tallies of each of so many workers. */
export function allocateTallies(workers: number, parts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * parts * TALLY_LENGTH * Float64Array.BYTES_PER_ELEMENT);
}

/** Where the tally of a worker's part begins. */
export function tallyOffset(worker: number, part: number, parts: number): number {
  return (worker * parts + part) * TALLY_LENGTH;
}

/** The sum of one part of all workers. */
export function sumTallies(
  memory: SharedArrayBuffer,
  workers: number,
  part: number,
  parts: number,
): Float64Array {
  const all = new Float64Array(memory);
  const sum = new Float64Array(TALLY_LENGTH);
  for (let worker = 0; worker < workers; worker++) {
    const at = tallyOffset(worker, part, parts);
    for (let i = 0; i < TALLY.latency; i++) sum[i] += all[at + i];
    addHistogram(sum.subarray(TALLY.latency), all, at + TALLY.latency);
  }
  return sum;
}
