// The tracker's clock: the whole seconds since it started, in one word of shared memory. The main
// thread advances it (app/clock.ts), and every worker reads it for the cost of a load. Peers keep
// the low 16 bits of the second of their last announce, a tick.

/** A thread may have read the clock just before another one advanced it. */
const MAX_FUTURE_SECONDS = 256;

/** Sets the clock at `words[word]` to `seconds`. The clock never goes back. */
export function advanceClock(words: Int32Array, word: number, seconds: number): void {
  if (seconds > Atomics.load(words, word)) Atomics.store(words, word, seconds);
}

/** Returns the seconds since the tracker started. */
export function readClock(words: Int32Array, word: number): number {
  return Atomics.load(words, word);
}

/** Returns the tick of a second. */
export function tickOf(second: number): number {
  return second & 0xffff;
}

/** Whether `tick` is later than `other`. They differ by less than 9 hours. */
export function isLater(tick: number, other: number): boolean {
  return (tick - other) << 16 > 0;
}

/**
 * Returns the seconds from `tick` to the later tick `now`. They differ by less than 18 hours; a
 * tick that seems to lie slightly in the future has age 0.
 */
export function tickAge(tick: number, now: number): number {
  const age = (now - tick) & 0xffff;
  return age >= 0x10000 - MAX_FUTURE_SECONDS ? 0 : age;
}
