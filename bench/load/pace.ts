// When requests are due. Closed loop: whenever there is room for one. Open loop: at an even rate
// that does not care for the answers, so that a slow tracker is asked no less.

/** The moments of one worker's requests, in milliseconds. */
export interface Pace {
  /** How many requests are due at `now`. */
  dueBy(now: number): number;
  /** When the next of them was due. */
  nextDue(now: number): number;
  /** The next request was made. */
  advance(): void;
  /** How long to wait for answers before the next request is due, `most` at most. */
  microsecondsToNext(now: number, most: number): number;
}

export const CLOSED_LOOP: Pace = {
  dueBy: () => Infinity,
  nextDue: (now) => now,
  advance: () => {},
  microsecondsToNext: (_now, most) => most,
};

/** No requests at all. */
export const SILENCE: Pace = { ...CLOSED_LOOP, dueBy: () => 0 };

/** So many requests a second, from a moment on. */
export class OpenLoop implements Pace {
  readonly #interval: number;
  #made = 0;

  constructor(
    private readonly start: number,
    perSecond: number,
  ) {
    this.#interval = 1000 / perSecond;
  }

  dueBy(now: number): number {
    return Math.floor((now - this.start) / this.#interval) + 1 - this.#made;
  }

  nextDue(): number {
    return this.start + this.#made * this.#interval;
  }

  advance(): void {
    this.#made++;
  }

  microsecondsToNext(now: number, most: number): number {
    const wait = (this.nextDue() - now) * 1000;
    // Overdue requests are waiting for room, which answers make.
    return wait <= 0 ? most : Math.min(wait, most);
  }
}
