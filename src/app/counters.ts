// Counts of what workers do, in shared memory: each worker adds to its own, the main thread reads
// them all for the statistics. Packets are counted here, never logged.

/** What is counted. */
export const COUNTER = {
  requests: 0,
  bytesIn: 1,
  responses: 2,
  bytesOut: 3,
  /** Times that a worker took requests off the network. */
  batches: 4,
  /** No request at all, or one that breaks the protocol. */
  malformed: 5,
  invalidConnection: 6,
  /** Refused because a table was full. */
  tableFull: 7,
  /** Dropped because the queue to or from another worker, or to a connection, was full. */
  queueFull: 8,
  /** Responses that the kernel did not take. */
  sendFailed: 9,
  /** Offers passed on. */
  offers: 10,
  /** Answers passed on. */
  answers: 11,
  /** Answers that nobody waited for. */
  lostAnswers: 12,
  /** Connections opened, less those closed. */
  connections: 13,
  /** Refused because an address had its share of the peers. */
  addressFull: 14,
  /** Refused or dropped because an address asked too often. */
  rateLimited: 15,
} as const;

export type Counter = (typeof COUNTER)[keyof typeof COUNTER];

// Four cache lines for each worker, so that none slows another down.
const COUNTERS = 32;

/** Shared memory for the counts of so many workers. */
export function allocateCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * COUNTERS * Float64Array.BYTES_PER_ELEMENT);
}

/** One worker's counts. Nobody else writes to them. */
export class Counters {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    const { BYTES_PER_ELEMENT } = Float64Array;
    this.#counts = new Float64Array(buffer, worker * COUNTERS * BYTES_PER_ELEMENT, COUNTERS);
  }

  /** Adds `amount`. */
  add(counter: Counter, amount: number): void {
    this.#counts[counter] += amount;
  }
}

/** The sum of one counter over all workers. */
export function sumCounter(buffer: SharedArrayBuffer, counter: Counter): number {
  const counts = new Float64Array(buffer);
  let sum = 0;
  for (let i: number = counter; i < counts.length; i += COUNTERS) sum += counts[i];
  return sum;
}
