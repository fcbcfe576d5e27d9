// How a thread that has run out of work sleeps until another has some for it: one word in shared
// memory. Ringing costs a load while the sleeper is awake, and one system call when it is not.

const AWAKE = 0;
const ASLEEP = 1;

/** Wakes the sleeper, if it sleeps. Call it after the work has been published. */
export function ringDoorbell(words: Int32Array, word: number): void {
  if (claimSleeper(words, word)) Atomics.notify(words, word, 1);
}

/**
 * Whether somebody slept at the doorbell, whom the caller now has to wake: for a sleeper that waits
 * for more than the doorbell, and is woken by other means.
 */
export function claimSleeper(words: Int32Array, word: number): boolean {
  return (
    Atomics.load(words, word) === ASLEEP &&
    Atomics.compareExchange(words, word, ASLEEP, AWAKE) === ASLEEP
  );
}

/**
 * Announces that this thread is about to sleep by means of its own. Only then must it look for work
 * a last time: whoever published before was not going to ring.
 */
export function markAsleep(words: Int32Array, word: number): void {
  Atomics.store(words, word, ASLEEP);
}

/** The end of what `markAsleep` began. */
export function markAwake(words: Int32Array, word: number): void {
  Atomics.store(words, word, AWAKE);
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
  markAsleep(words, word);
  if (!hasWork()) Atomics.wait(words, word, ASLEEP, milliseconds);
  markAwake(words, word);
}

/** The same for a thread with an event loop: resolves when the doorbell rings. */
export async function awaitDoorbell(
  words: Int32Array,
  word: number,
  hasWork: () => boolean,
): Promise<void> {
  markAsleep(words, word);
  if (!hasWork()) {
    const rung = Atomics.waitAsync(words, word, ASLEEP);
    if (rung.async) await rung.value;
  }
  markAwake(words, word);
}
