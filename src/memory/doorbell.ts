// Puts a thread without work to sleep until another thread has work for it, by one word of shared
// memory. Ringing costs a load while the sleeper is awake and one system call while it sleeps.

const AWAKE = 0;
const ASLEEP = 1;

/** Wakes the sleeper if it sleeps. Call this after publishing the work. */
export function ringDoorbell(words: Int32Array, word: number): void {
  if (claimSleeper(words, word)) Atomics.notify(words, word, 1);
}

/**
 * Marks a sleeper as awake and returns true if there was one. The caller must then wake it. This is
 * for a sleeper that blocks in another system call and needs another kind of wake-up.
 */
export function claimSleeper(words: Int32Array, word: number): boolean {
  return (
    Atomics.load(words, word) === ASLEEP &&
    Atomics.compareExchange(words, word, ASLEEP, AWAKE) === ASLEEP
  );
}

/**
 * Announces that this thread is about to sleep in a system call of its own. The thread must look
 * for work once more after this call: work published earlier rings no bell.
 */
export function markAsleep(words: Int32Array, word: number): void {
  Atomics.store(words, word, ASLEEP);
}

/** Ends what `markAsleep` began. */
export function markAwake(words: Int32Array, word: number): void {
  Atomics.store(words, word, AWAKE);
}

/**
 * Blocks this thread until the doorbell rings or `milliseconds` pass. Calls `hasWork` once more
 * after the thread is marked as asleep, because work published earlier rings no bell.
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
