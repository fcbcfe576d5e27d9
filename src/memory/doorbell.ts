// How a thread that has run out of work sleeps until another has some for it: one word in shared
// memory. Ringing costs a load while the sleeper is awake, and one system call when it is not.

const AWAKE = 0;
const ASLEEP = 1;

/** Wakes the sleeper, if it sleeps. Call it after the work has been published. */
export function ringDoorbell(words: Int32Array, word: number): void {
  if (
    Atomics.load(words, word) === ASLEEP &&
    Atomics.compareExchange(words, word, ASLEEP, AWAKE) === ASLEEP
  ) {
    Atomics.notify(words, word, 1);
  }
}

/**
 * Blocks this thread until the doorbell rings or `milliseconds` have passed. `hasWork` is asked
 * once more after the sleeper has announced itself: whoever published before that was not going
 * to ring.
 */
export function sleepAtDoorbell(
  words: Int32Array,
  word: number,
  milliseconds: number,
  hasWork: () => boolean,
): void {
  Atomics.store(words, word, ASLEEP);
  if (!hasWork()) Atomics.wait(words, word, ASLEEP, milliseconds);
  Atomics.store(words, word, AWAKE);
}

/** The same for a thread with an event loop: resolves when the doorbell rings. */
export async function awaitDoorbell(
  words: Int32Array,
  word: number,
  hasWork: () => boolean,
): Promise<void> {
  Atomics.store(words, word, ASLEEP);
  if (!hasWork()) {
    const rung = Atomics.waitAsync(words, word, ASLEEP);
    if (rung.async) await rung.value;
  }
  Atomics.store(words, word, AWAKE);
}
