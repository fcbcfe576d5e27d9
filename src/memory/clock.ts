// The tracker's clock: whole seconds since it started, in one word of shared memory. The main
// thread advances it; every worker reads it, at the price of a load.

/** Sets the clock at `words[word]` to `seconds`. It never runs backwards. */
export function advanceClock(words: Int32Array, word: number, seconds: number): void {
  if (seconds > Atomics.load(words, word)) Atomics.store(words, word, seconds);
}

/** Seconds since the tracker started. */
export function readClock(words: Int32Array, word: number): number {
  return Atomics.load(words, word);
}
