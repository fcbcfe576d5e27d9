// Connection ids that need no memory: the second they were made in, and a keyed hash of it with the
// client's address. Who can show one received it at that address. The port is no part of it, since
// clients use one id from all of theirs (libtorrent does).

import { halfSipHash24 } from "../memory/hash.ts";

/** Words of a connection id: time, hash. */
const TIME = 0;
const HASH = 1;

/** Makes and checks the connection ids of one tracker. All its workers share the key. */
export class ConnectionIds {
  readonly #message = new Int32Array(5);

  constructor(
    /** Two random words, new at each start. */
    private readonly key: Int32Array,
    /** Seconds for which an id is valid. */
    private readonly maxAge: number,
  ) {}

  /** Writes the id for the address at `address[at]`, of `count` words, made at second `now`. */
  write(
    output: Int32Array,
    offset: number,
    address: Int32Array,
    at: number,
    count: number,
    now: number,
  ): void {
    output[offset + TIME] = now;
    output[offset + HASH] = this.#hash(address, at, count, now);
  }

  /** Whether the id at `input[offset]` was given to this address and is not too old. */
  isValid(
    input: Int32Array,
    offset: number,
    address: Int32Array,
    at: number,
    count: number,
    now: number,
  ): boolean {
    const time = input[offset + TIME];
    const age = (now - time) | 0;
    // Its sign is set when the age is negative or above the most allowed. No branch tells a
    // stranger which part of a guess was wrong.
    const stale = (age | (this.maxAge - age)) >>> 31;
    return ((input[offset + HASH] ^ this.#hash(address, at, count, time)) | stale) === 0;
  }

  #hash(address: Int32Array, at: number, count: number, time: number): number {
    const message = this.#message;
    for (let i = 0; i < count; i++) message[i] = address[at + i];
    message[count] = time;
    return halfSipHash24(this.key, 0, message, 0, count + 1);
  }
}
