// Error responses by their message, counted in memory that a load worker shares with the main
// thread. Strangers to the table are added until it is full, the rest is counted together.
//
//   word 0  entries in use
//   entry:  word 0  count   word 1  bytes of the message   64 bytes of message

import { Bytes } from "../../src/memory/bytes.ts";

const ENTRIES = 32;
const TEXT_BYTES = 64;
const TEXT_WORD = 2;
const ENTRY_WORDS = TEXT_WORD + TEXT_BYTES / 4;
const TABLE_WORDS = 1 + ENTRIES * ENTRY_WORDS;

const OTHERS = "(other messages)";

/** Shared memory for so many tables. */
export function allocateErrorTables(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * TABLE_WORDS * 4);
}

/** The error responses that one worker counts in one part of the run. */
export class ErrorTable {
  readonly #memory: Bytes;
  readonly #start: number;

  constructor(memory: SharedArrayBuffer, index: number) {
    this.#memory = new Bytes(memory);
    this.#start = index * TABLE_WORDS;
  }

  /** Counts the message of `length` bytes at `bytes[offset]`; of long ones, the start. */
  count(bytes: Uint8Array, offset: number, length: number): void {
    const { words } = this.#memory;
    const start = this.#start;
    const kept = Math.min(length, TEXT_BYTES);
    const used = words[start];
    for (let entry = 0; entry < used; entry++) {
      const at = start + 1 + entry * ENTRY_WORDS;
      const isLast = entry === ENTRIES - 1;
      if (isLast || this.#isMessage(at, bytes, offset, kept)) {
        words[at]++;
        return;
      }
    }
    const at = start + 1 + used * ENTRY_WORDS;
    words[at] = 1;
    words[at + 1] = used === ENTRIES - 1 ? 0 : kept;
    const text = (at + TEXT_WORD) * 4;
    for (let i = 0; i < kept; i++) this.#memory.bytes[text + i] = bytes[offset + i];
    // Last, for the main thread: from now on the entry is one.
    Atomics.store(words, start, used + 1);
  }

  /** Adds the counts to those in `sums`, by message. */
  addTo(sums: Map<string, number>): void {
    const { bytes, words } = this.#memory;
    const used = Atomics.load(words, this.#start);
    for (let entry = 0; entry < used; entry++) {
      const at = this.#start + 1 + entry * ENTRY_WORDS;
      const text = (at + TEXT_WORD) * 4;
      const message = bytes.slice(text, text + words[at + 1]);
      const name = entry === ENTRIES - 1 ? OTHERS : new TextDecoder().decode(message);
      sums.set(name, (sums.get(name) ?? 0) + words[at]);
    }
  }

  #isMessage(at: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const { bytes: own, words } = this.#memory;
    if (words[at + 1] !== length) return false;
    const text = (at + TEXT_WORD) * 4;
    for (let i = 0; i < length; i++) if (own[text + i] !== bytes[offset + i]) return false;
    return true;
  }
}
