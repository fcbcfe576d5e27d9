// Stateless connection ids: the second in which an id was created, and a keyed hash of that second
// and the client's address. A client that presents an id has received it at that address. The port
// is not part of it, because clients use one id for all of their ports (libtorrent does).
//
// The key changes with every period. Each period has its own key, which the main thread creates one
// period ahead, so that workers only read. Three keys are kept, because ids may be from the last
// period.
//
//   key     [ period + 1 | key · key | - ] x 3, by period modulo 3
//   then    the age of the keys when the tracker started, in seconds
//
// Ids count from the first second of the keys, which is before the start of this process if it has
// taken over the keys of an earlier one: that one's ids stay valid.

import { halfSipHash24 } from "../memory/hash.ts";

/** Words of a connection id: time, hash. */
const TIME = 0;
const HASH = 1;

const KEYS = 3;
const KEY = { period: 0, key: 1, words: 4 } as const;

const AGE = KEYS * KEY.words;

/** Words of shared memory for the keys. */
export const CONNECTION_KEY_WORDS = AGE + 1;

const MIN_PERIOD_SECONDS = 3600;

/** Seconds for which a key is used. No id is valid for longer. */
export function keyPeriod(maxAge: number): number {
  return Math.max(MIN_PERIOD_SECONDS, maxAge);
}

/** Creates random keys for the period of second `now` and the next one, unless they exist. */
export function renewConnectionKeys(keys: Int32Array, maxAge: number, now: number): void {
  const current = Math.floor((now + keys[AGE]) / keyPeriod(maxAge));
  for (const period of [current, current + 1]) {
    const slotWord = (period % KEYS) * KEY.words;
    if (keys[slotWord + KEY.period] === period + 1) continue;
    keys.set(crypto.getRandomValues(new Int32Array(2)), slotWord + KEY.key);
    keys[slotWord + KEY.period] = period + 1;
  }
}

/**
 * The keys as text, for a file that the next process reads. `start` is the Unix time of second 0.
 */
export function printConnectionKeys(keys: Int32Array, maxAge: number, start: number): string {
  const first = start - keys[AGE];
  return JSON.stringify({ first, period: keyPeriod(maxAge), keys: [...keys.subarray(0, AGE)] });
}

/**
 * Takes over such keys at second 0, the Unix time `start`. Returns false if they are none, or belong to
 * another period of time.
 */
export function takeOverConnectionKeys(
  keys: Int32Array,
  maxAge: number,
  start: number,
  text: string,
): boolean {
  const saved = parseKeys(text);
  if (saved === undefined || saved.period !== keyPeriod(maxAge)) return false;
  const age = Math.round(start - saved.first);
  if (!(age >= 0 && age < 2 ** 31 - 2 ** 28)) return false;
  keys.set(saved.keys);
  keys[AGE] = age;
  return true;
}

interface SavedKeys {
  /** The Unix time from which ids count. */
  readonly first: number;
  readonly period: number;
  readonly keys: readonly number[];
}

function parseKeys(text: string): SavedKeys | undefined {
  try {
    const saved = JSON.parse(text) as SavedKeys;
    const { first, keys, period } = saved;
    const isWhole = Array.isArray(keys) && keys.length === AGE && keys.every(Number.isInteger);
    return isWhole && Number.isFinite(first) && Number.isInteger(period) ? saved : undefined;
  } catch {
    return undefined;
  }
}

/** Creates and checks the connection ids of one tracker. All of its workers share the keys. */
export class ConnectionIds {
  readonly #message = new Int32Array(5);
  readonly #period: number;
  /** The age of the keys when the tracker started. */
  readonly #age: number;
  #now = -1;
  /** The first second of the current period, and the words of its key and of the last one's. */
  #periodStart = 0;
  #currentKey = 0;
  #lastKey = 0;

  constructor(
    /** CONNECTION_KEY_WORDS words, see above. */
    private readonly keys: Int32Array,
    /** Seconds for which an id is valid. */
    private readonly maxAge: number,
  ) {
    this.#period = keyPeriod(maxAge);
    this.#age = keys[AGE];
  }

  /**
   * Writes the id for the address of `addressWords` words at `address[addressWord]`, created at
   * second `now`.
   */
  write(
    output: Int32Array,
    outputWord: number,
    address: Int32Array,
    addressWord: number,
    addressWords: number,
    now: number,
  ): void {
    if (now !== this.#now) this.#passTime(now);
    const time = now + this.#age;
    output[outputWord + TIME] = time;
    output[outputWord + HASH] = this.#hash(address, addressWord, addressWords, time);
  }

  /** Whether the id at `input[inputWord]` was given to this address and has not expired. */
  isValid(
    input: Int32Array,
    inputWord: number,
    address: Int32Array,
    addressWord: number,
    addressWords: number,
    now: number,
  ): boolean {
    if (now !== this.#now) this.#passTime(now);
    const time = input[inputWord + TIME];
    const age = (now + this.#age - time) | 0;
    // The sign bit is set if the age is negative or above the maximum. Without a branch, the timing
    // does not reveal which part of a guess was wrong.
    const stale = (age | (this.maxAge - age)) >>> 31;
    return (
      ((input[inputWord + HASH] ^ this.#hash(address, addressWord, addressWords, time)) | stale) ===
      0
    );
  }

  #hash(address: Int32Array, addressWord: number, addressWords: number, time: number): number {
    const message = this.#message;
    for (let i = 0; i < addressWords; i++) message[i] = address[addressWord + i];
    message[addressWords] = time;
    // An id from before the last period has expired, whatever its hash.
    const keyWord = time >= this.#periodStart ? this.#currentKey : this.#lastKey;
    return halfSipHash24(this.keys, keyWord, message, 0, addressWords + 1);
  }

  // A division for each id would cost as much as a round of the hash.
  #passTime(now: number): void {
    const period = Math.floor((now + this.#age) / this.#period);
    this.#now = now;
    this.#periodStart = period * this.#period;
    this.#currentKey = keyWord(period);
    this.#lastKey = keyWord(period + KEYS - 1);
  }
}

function keyWord(period: number): number {
  return (period % KEYS) * KEY.words + KEY.key;
}
