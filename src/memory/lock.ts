// A mutual-exclusion lock in one word of shared memory. Every thread that touches a shared
// table takes it for a few hundred nanoseconds; nobody sleeps on it unless its holder was
// preempted.

const FREE = 0;
const HELD = 1;
/** Held, and somebody may be asleep: the holder has to wake one when it lets go. */
const CONTENDED = 2;

// Longer than any section under a lock takes, shorter than a switch of threads costs.
const SPINS = 200;

/**
 * Takes the lock at `words[word]`. The thread sleeps in the kernel when the holder does not let
 * go within some spins, so that a preempted holder gets the core it needs.
 */
export function acquire(words: Int32Array, word: number): void {
  // Pairs with the exchange in release: what the last holder wrote is seen from here on.
  if (Atomics.compareExchange(words, word, FREE, HELD) !== FREE) acquireContended(words, word);
}

/** Lets go of the lock at `words[word]`, and wakes one sleeper where there may be any. */
export function release(words: Int32Array, word: number): void {
  if (Atomics.exchange(words, word, FREE) === CONTENDED) Atomics.notify(words, word, 1);
}

function acquireContended(words: Int32Array, word: number): void {
  for (let spin = 0; spin < SPINS; spin++) {
    if (
      Atomics.load(words, word) === FREE &&
      Atomics.compareExchange(words, word, FREE, HELD) === FREE
    ) {
      return;
    }
  }
  // From here the lock is taken as CONTENDED: this thread cannot know whether it was the only
  // sleeper, and one needless wake is cheaper than a lost one.
  while (Atomics.exchange(words, word, CONTENDED) !== FREE) Atomics.wait(words, word, CONTENDED);
}
