// A mutex in one word of shared memory. A thread holds a table's lock for a few hundred
// nanoseconds, so others wait in the kernel only if the holder was preempted.

const FREE = 0;
const HELD = 1;
/** Held, and other threads may be asleep: `release` must wake one. */
const CONTENDED = 2;

// Longer than any critical section, shorter than a context switch.
const MAX_SPINS = 200;

/**
 * Takes the lock at `words[word]`. Spins briefly, then sleeps in the kernel, so that a preempted
 * holder gets the core it needs.
 */
export function acquire(words: Int32Array, word: number): void {
  // Pairs with the exchange in `release`: the writes of the last holder are visible from here on.
  if (Atomics.compareExchange(words, word, FREE, HELD) !== FREE) acquireContended(words, word);
}

/** Releases the lock at `words[word]` and wakes one sleeper if there may be any. */
export function release(words: Int32Array, word: number): void {
  if (Atomics.exchange(words, word, FREE) === CONTENDED) Atomics.notify(words, word, 1);
}

function acquireContended(words: Int32Array, word: number): void {
  for (let spin = 0; spin < MAX_SPINS; spin++) {
    if (
      Atomics.load(words, word) === FREE &&
      Atomics.compareExchange(words, word, FREE, HELD) === FREE
    ) {
      return;
    }
  }
  // From here on the lock is taken as CONTENDED. This thread cannot know whether it was the only
  // sleeper, and a needless wake-up is cheaper than a lost one.
  while (Atomics.exchange(words, word, CONTENDED) !== FREE) Atomics.wait(words, word, CONTENDED);
}
