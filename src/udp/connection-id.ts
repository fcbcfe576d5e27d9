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
// taken over the keys of an earlier one: that one's ids stay valid. In a cluster, they count from a
// time that all nodes share: see shared-keys.ts.

import { halfSipHash24 } from "../memory/hash.ts";

/** Words of a connection id: time, hash. */
const TIME = 0;
const HASH = 1;

const KEYS = 3;
const KEY = { period: 0, key: 1, words: 4 } as const;

/** The word of the age of the keys when the tracker started. */
export const AGE = KEYS * KEY.words;

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
  const createKey = (): Int32Array => crypto.getRandomValues(new Int32Array(2));
  for (const period of [current, current + 1]) setConnectionKey(keys, period, createKey);
}

/** Stores the key of a period, two words that `createKey` returns, unless it is there. */
export function setConnectionKey(
  keys: Int32Array,
  period: number,
  createKey: (period: number) => Int32Array,
): void {
  const slotWord = (period % KEYS) * KEY.words;
  if (keys[slotWord + KEY.period] === period + 1) return;
  keys.set(createKey(period), slotWord + KEY.key);
  keys[slotWord + KEY.period] = period + 1;
}

/**
 * The keys as text, for a file that the next process reads. `start` is the Unix time of second 0.
 */
export function printConnectionKeys(keys: Int32Array, maxAge: number, start: number): string {
  const first = start - keys[AGE];
  return JSON.stringify({ first, period: keyPeriod(maxAge), keys: [...keys.subarray(0, AGE)] });
}

/**
 * Takes over such keys at second 0, the Unix time `start`. Returns false if they are none, or
 * belong to another period of time.
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
  readonly #maxAge: number;
  /** The age of the keys when the tracker started. In a cluster, the wall clock may step. */
  #age = 0;
  /** The same for the check, which lets clocks differ. */
  #lenientAge = 0;
  #now = -1;
  /** The first seconds of the current period and of the next one, and the words of three keys. */
  #periodStart = 0;
  #nextStart = 0;
  #lastKey = 0;
  #currentKey = 0;
  #nextKey = 0;

  /**
   * `maxAge` is for how many seconds an id is valid. With a `maxSkew`, ids from clocks that differ
   * by up to so many seconds are valid too.
   */
  constructor(
    /** CONNECTION_KEY_WORDS words, see above. */
    private readonly keys: Int32Array,
    maxAge: number,
    private readonly maxSkew = 0,
  ) {
    this.#maxAge = maxAge + 2 * maxSkew;
    this.#period = keyPeriod(maxAge + maxSkew);
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
    const age = (now + this.#lenientAge - time) | 0;
    // The sign bit is set if the age is negative or above the maximum. Without a branch, the timing
    // does not reveal which part of a guess was wrong.
    const stale = (age | (this.#maxAge - age)) >>> 31;
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
    let keyWord = time >= this.#periodStart ? this.#currentKey : this.#lastKey;
    if (time >= this.#nextStart) keyWord = this.#nextKey;
    return halfSipHash24(this.keys, keyWord, message, 0, addressWords + 1);
  }

  // A division for each id would cost as much as a round of the hash.
  #passTime(now: number): void {
    this.#now = now;
    this.#age = this.keys[AGE];
    this.#lenientAge = this.#age + this.maxSkew;
    const period = Math.floor((now + this.#age) / this.#period);
    this.#periodStart = period * this.#period;
    this.#nextStart = this.#periodStart + this.#period;
    this.#lastKey = keyWord(period + KEYS - 1);
    this.#currentKey = keyWord(period);
    this.#nextKey = keyWord(period + 1);
  }
}

function keyWord(period: number): number {
  return (period % KEYS) * KEY.words + KEY.key;
}
