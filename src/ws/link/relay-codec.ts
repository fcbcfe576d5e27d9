// Offers and answers as bytes, from one node of a cluster to the one whose client they are for.
//
//   [ kind: 1 | bytes of the message: 4 | route: 84 | message ] ...
//
// The kind is one of KIND; the route, in little-endian words, is ROUTE. The message is what the
// client receives.

import { FLAG_SEEDER } from "../../swarm/layout.ts";
import { KIND, type Kind, ROUTE } from "../deliveries.ts";

const ROUTE_BYTES = ROUTE.words * 4;
const HEAD_BYTES = 5 + ROUTE_BYTES;
const FIRST_BYTES = 2 ** 12;

/** Gathers the offers and answers for one node. */
export class RelayWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** Bytes that have been added. */
  get length(): number {
    return this.#length;
  }

  /** The bytes that a message of `length` bytes takes. */
  static bytesOf(length: number): number {
    return HEAD_BYTES + length;
  }

  /** Adds the message of `length` bytes at `bytes[start]`, whose route is at `words[route]`. */
  add(
    kind: Kind,
    words: Int32Array,
    route: number,
    bytes: Buffer,
    start: number,
    length: number,
  ): void {
    this.#reserve(RelayWriter.bytesOf(length));
    const to = this.#bytes;
    let next = this.#length;
    to[next] = kind;
    next = to.writeUInt32LE(length, next + 1);
    for (let i = 0; i < ROUTE.words; i++) next = to.writeInt32LE(words[route + i], next);
    this.#length = next + bytes.copy(to, next, start, start + length);
  }

  /** Takes what has been added. It is valid until the next `add`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    // Memory for a large message is not kept.
    if (taken.length > FIRST_BYTES * 8) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return taken;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}

/**
 * Calls `visit` for each offer and answer in `payload`: a message of `length` bytes at
 * `payload[start]`. Returns false, without a call, if it is no such payload. `route` is the same
 * for all calls.
 */
export function readRelays(
  payload: Buffer,
  visit: (kind: Kind, route: Int32Array, start: number, length: number) => void,
): boolean {
  if (!isValid(payload)) return false;
  const route = new Int32Array(ROUTE.words);
  let next = 0;
  while (next < payload.length) {
    const kind = payload[next] as Kind;
    const length = payload.readUInt32LE(next + 1);
    for (let i = 0; i < ROUTE.words; i++) route[i] = payload.readInt32LE(next + 5 + i * 4);
    next += HEAD_BYTES;
    visit(kind, route, next, length);
    next += length;
  }
  return true;
}

function isValid(payload: Buffer): boolean {
  let next = 0;
  while (next + HEAD_BYTES <= payload.length) {
    const kind = payload[next];
    const flags = payload.readInt32LE(next + HEAD_BYTES - 4);
    if ((kind !== KIND.offer && kind !== KIND.answer) || (flags & ~FLAG_SEEDER) !== 0) return false;
    next += HEAD_BYTES + payload.readUInt32LE(next + 1);
  }
  return next === payload.length;
}
