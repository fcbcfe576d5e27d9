// The words that these tests share with their Workers, each on a cache line of its own.

/** The doorbells of the two ends of a ring. */
export const BELLS = { writer: 0, reader: 16 } as const;

/** A lock, a word to sleep at, and the words that are incremented under the lock. */
export const LOCK = { lock: 0, nap: 16, counts: [17, 32, 48] } as const;

/**
 * For the table: the number of ready Workers, a start signal, the clock, and cleaning passes done.
 */
export const TABLE = { ready: 0, go: 16, clock: 32, passes: 48, words: 64 } as const;
