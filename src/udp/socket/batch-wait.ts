// How long a socket worker waits after a batch that was not full, so that the next wake-up serves
// several requests. Waking up costs more than a request does. Each mmsg backend has one.

/** Over how long the rate of requests is measured. */
const WINDOW_MILLISECONDS = 2;

/**
 * Requests that must be expected during a wait. With fewer, a wait delays responses and saves next
 * to nothing.
 */
const MIN_GATHERED = 2;

/** Decides on the waits of one worker. */
export class BatchWait {
  #windowStart = 0;
  #received = 0;
  #perMicrosecond = 0;

  constructor(
    /** Microseconds that a wait may take; 0 for no waits. */
    private readonly max: number,
    /** Datagrams of a full batch. A wait gathers no more, so the receive buffer need not grow. */
    private readonly slots: number,
  ) {}

  /** Counts the datagrams of a batch. */
  count(datagrams: number): void {
    this.#received += datagrams;
  }

  /** Returns the microseconds to wait at `now`, in milliseconds; 0 if requests are too rare. */
  next(now: number): number {
    const elapsed = now - this.#windowStart;
    if (elapsed >= WINDOW_MILLISECONDS) {
      this.#perMicrosecond = this.#received / (elapsed * 1000);
      this.#windowStart = now;
      this.#received = 0;
    }
    const rate = this.#perMicrosecond;
    if (rate * this.max < MIN_GATHERED) return 0;
    return Math.min(this.max, this.slots / rate);
  }
}
