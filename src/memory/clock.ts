// The tracker's clock: the whole seconds since it started, in one word of shared memory. The main
// thread advances it, and every worker reads it for the cost of a load.

/** Sets the clock at `words[word]` to `seconds`. The clock never goes back. */
export function advanceClock(words: Int32Array, word: number, seconds: number): void {
  if (seconds > Atomics.load(words, word)) Atomics.store(words, word, seconds);
}

/** Returns the seconds since the tracker started. */
export function readClock(words: Int32Array, word: number): number {
  return Atomics.load(words, word);
}
