// Changes as the bytes of a message between nodes, one after the other:
//
//   [ state: 1 byte | info hash: 20 | address: 4 or 16 | port: 2 ]      27 bytes, or 39 with IPv6
//
// The state has the flags of the announce in two bits, CHANGE_IPV6, and the age in seconds when the
// message was written, in the upper five bits. Addresses and ports are as in the table, in network
// order. What comes from another node is checked before anything of it is used.

import { tickAge } from "../../memory/clock.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, INFO_HASH_WORDS } from "../../swarm/layout.ts";
import { CHANGE, CHANGE_IPV6 } from "../changes.ts";

const FLAGS = FLAG_SEEDER | FLAG_STOPPED;
const AGE_SHIFT = 3;
/**
 * Older changes have this age, too. They are seconds old only if the system has stopped this
 * process.
 */
const MAX_AGE = 31;

const PORT_BYTES = 2;
const IPV4_BYTES = 1 + INFO_HASH_WORDS * 4 + 4 + PORT_BYTES;
const IPV6_BYTES = IPV4_BYTES + 12;

/** Collects changes in one message. */
export class ChangeEncoder {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /**
   * Adds the change at `words[change]` (see CHANGE) at the tick `now`. Returns false if it is full.
   */
  add(words: Int32Array, change: number, now: number): boolean {
    const state = words[change + CHANGE.state];
    const isIpv6 = (state & CHANGE_IPV6) !== 0;
    if (this.#length + (isIpv6 ? IPV6_BYTES : IPV4_BYTES) > this.#bytes.length) return false;
    const bytes = this.#bytes;
    // The link worker reads a change so soon that it is another second only if the clock has just
    // advanced.
    const age = Math.min(MAX_AGE, Math.max(0, tickAge(state >>> 16, now) - 1));
    let offset = this.#length;
    bytes[offset++] = (state & (FLAGS | CHANGE_IPV6)) | (age << AGE_SHIFT);
    const whole = INFO_HASH_WORDS + (isIpv6 ? 4 : 1);
    for (let i = 0; i < whole; i++) {
      const word = words[change + CHANGE.infoHash + i];
      bytes[offset] = word;
      bytes[offset + 1] = word >>> 8;
      bytes[offset + 2] = word >>> 16;
      bytes[offset + 3] = word >>> 24;
      offset += 4;
    }
    const port = words[change + CHANGE.infoHash + whole];
    bytes[offset++] = port;
    bytes[offset++] = port >>> 8;
    this.#length = offset;
    return true;
  }

  /** Returns the message, valid until the next `add`, and starts another one. */
  take(): Uint8Array {
    const message = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return message;
  }
}

/** Whether a message consists of whole changes. */
export function hasWholeChanges(message: Uint8Array): boolean {
  let offset = 0;
  while (offset < message.length) offset += changeBytes(message, offset);
  return offset === message.length;
}

/** Bytes of the address of the change at `message[offset]`: 4 or 16. */
export function changeAddressBytes(message: Uint8Array, offset: number): 4 | 16 {
  return (message[offset] & CHANGE_IPV6) === 0 ? 4 : 16;
}

/** Age of that change when the message was written, in seconds. */
export function changeAge(message: Uint8Array, offset: number): number {
  return message[offset] >>> AGE_SHIFT;
}

/**
 * Reads the change at `message[offset]` to the announce at `request[announceWord]`. Returns the
 * offset of the next one. The message consists of whole changes.
 */
export function readChange(
  message: Uint8Array,
  offset: number,
  request: Int32Array,
  announceWord: number,
): number {
  const end = offset + changeBytes(message, offset);
  request[announceWord + ANNOUNCE.flags] = message[offset] & FLAGS;
  let word = announceWord + ANNOUNCE.infoHash;
  let byte = offset + 1;
  for (; byte < end - PORT_BYTES; byte += 4) {
    request[word++] =
      message[byte] |
      (message[byte + 1] << 8) |
      (message[byte + 2] << 16) |
      (message[byte + 3] << 24);
  }
  request[word] = message[byte] | (message[byte + 1] << 8);
  return end;
}

function changeBytes(message: Uint8Array, offset: number): number {
  return (message[offset] & CHANGE_IPV6) === 0 ? IPV4_BYTES : IPV6_BYTES;
}
