// Stateless connection ids: the second in which an id was made, and a keyed hash of that second with
// the client's address. A client that shows one received it at that address. The port is no part of
// it, because clients use one id from all of theirs (libtorrent does).
//
// The key changes once a period. Each period has a key of its own, made one period ahead by the main
// thread, so that workers only read. Three are kept: ids may be as old as the last period.
//
//   key     [ period + 1 | key · key | - ] x 3, by period modulo 3

import { halfSipHash24 } from "../memory/hash.ts";

/** Words of a connection id: time, hash. */
const TIME = 0;
const HASH = 1;

const KEYS = 3;
const KEY = { period: 0, key: 1, words: 4 } as const;

/** Words of shared memory for the keys. */
export const CONNECTION_KEY_WORDS = KEYS * KEY.words;

const MIN_PERIOD_SECONDS = 3600;

/** Seconds for which a key is used; no id is valid for longer. */
export function keyPeriod(maxAge: number): number {
  return Math.max(MIN_PERIOD_SECONDS, maxAge);
}

/** Makes the random keys for the period of second `now` and the next, unless they are there. */
export function renewConnectionKeys(keys: Int32Array, maxAge: number, now: number): void {
  const current = Math.floor(now / keyPeriod(maxAge));
  for (const period of [current, current + 1]) {
    const slotWord = (period % KEYS) * KEY.words;
    if (keys[slotWord + KEY.period] === period + 1) continue;
    keys.set(crypto.getRandomValues(new Int32Array(2)), slotWord + KEY.key);
    keys[slotWord + KEY.period] = period + 1;
  }
}

/** Makes and checks the connection ids of one tracker. All its workers share the keys. */
export class ConnectionIds {
  readonly #message = new Int32Array(5);
  readonly #period: number;

  constructor(
    /** CONNECTION_KEY_WORDS, see above. */
    private readonly keys: Int32Array,
    /** Seconds for which an id is valid. */
    private readonly maxAge: number,
  ) {
    this.#period = keyPeriod(maxAge);
  }

  /** Writes the id for the address at `address[at]`, of `count` words, made at second `now`. */
  write(
    output: Int32Array,
    outputWord: number,
    address: Int32Array,
    addressWord: number,
    addressWords: number,
    now: number,
  ): void {
    output[outputWord + TIME] = now;
    output[outputWord + HASH] = this.#hash(address, addressWord, addressWords, now);
  }

  /** Whether the id at `input[offset]` was given to this address and is not too old. */
  isValid(
    input: Int32Array,
    inputWord: number,
    address: Int32Array,
    addressWord: number,
    addressWords: number,
    now: number,
  ): boolean {
    const time = input[inputWord + TIME];
    const age = (now - time) | 0;
    // Its sign is set when the age is negative or above the most allowed. No branch tells a
    // stranger which part of a guess was wrong.
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
    // A time of no period that has a key is too old, or from the future.
    const slot = Math.floor((time >>> 0) / this.#period) % KEYS;
    return halfSipHash24(this.keys, slot * KEY.words + KEY.key, message, 0, addressWords + 1);
  }
}
