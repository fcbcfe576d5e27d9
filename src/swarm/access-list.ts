// The info hashes that a tracker serves, or refuses to serve: a set in shared memory that every
// worker asks before an announce. There are two halves. The main thread fills the one that is not
// in force and then exchanges them with one store, so that no worker sees half a list.
//
//   word 0     state: sequence << 3 | half in force << 2 | mode
//   word 16    for each half: slots, info hashes, whether one of them is all zeros, hash key (2)
//   then       the slots of each half: info hashes, placed by linear probing; zeros are free
//
// At most 5 of 8 slots are taken, so an info hash takes 32 bytes.

import { mixWords } from "../memory/hash.ts";
import { INFO_HASH_WORDS } from "./layout.ts";

/** What the listed info hashes are. */
const ACCESS = { off: 0, allow: 1, deny: 2 } as const;

export type AccessMode = keyof typeof ACCESS;

const MODE_MASK = 3;
const HALF_BIT = 4;
const NEXT_SEQUENCE = 8;

const STATE = 0;
const HEADS = 16;
const HEAD = { slots: 0, count: 1, hasZero: 2, key: 3, words: 8 } as const;
const SLOTS = HEADS + 2 * HEAD.words;

const SLOTS_PER_HASH = 1.6;

/** The most info hashes of a list, for which a tracker reserves address space. */
export const MAX_LISTED = 16_000_000;

/** Reserves memory for lists of up to `maxHashes`. Pages are used only by lists that are there. */
export function allocateAccessList(maxHashes: number): SharedArrayBuffer {
  const halfWords = slotsFor(maxHashes) * INFO_HASH_WORDS;
  return new SharedArrayBuffer((SLOTS + 2 * halfWords) * 4);
}

function slotsFor(hashes: number): number {
  return Math.ceil(hashes * SLOTS_PER_HASH) + 1;
}

/** One thread's view of the list in force. */
export class AccessList {
  protected readonly words: Int32Array;
  protected readonly halfWords: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
    this.halfWords = (this.words.length - SLOTS) / 2;
  }

  /** Whether the torrent with the info hash at `hash[hashWord]` is served. */
  allows(hash: Int32Array, hashWord: number): boolean {
    for (;;) {
      const state = Atomics.load(this.words, STATE);
      const mode = state & MODE_MASK;
      if (mode === ACCESS.off) return true;
      const isListed = this.has((state & HALF_BIT) === 0 ? 0 : 1, hash, hashWord);
      // Otherwise another list came into force meanwhile, and the half may have been filled anew.
      if (Atomics.load(this.words, STATE) === state) return isListed === (mode === ACCESS.allow);
    }
  }

  /** Info hashes in the list in force. */
  get size(): number {
    const state = Atomics.load(this.words, STATE);
    if ((state & MODE_MASK) === ACCESS.off) return 0;
    return this.words[headOf((state & HALF_BIT) === 0 ? 0 : 1) + HEAD.count];
  }

  protected has(half: number, hash: Int32Array, hashWord: number): boolean {
    const { words } = this;
    const slot = this.find(half, hash, hashWord);
    if (slot < 0) return false;
    return isZero(hash, hashWord) ? words[headOf(half) + HEAD.hasZero] === 1 : !isZero(words, slot);
  }

  // Returns the word of the slot that has the info hash, or of the free one where it belongs; -1 if
  // there is neither.
  protected find(half: number, hash: Int32Array, hashWord: number): number {
    const { words } = this;
    const head = headOf(half);
    const slots = words[head + HEAD.slots];
    const first = SLOTS + half * this.halfWords;
    const mixed = mixWords(words, head + HEAD.key, hash, hashWord, INFO_HASH_WORDS) >>> 0;
    let index = Math.floor((mixed / 2 ** 32) * slots);
    for (let probes = 0; probes < slots; probes++) {
      const slot = first + index * INFO_HASH_WORDS;
      if (isZero(words, slot) || isEqual(words, slot, hash, hashWord)) return slot;
      index = index + 1 === slots ? 0 : index + 1;
    }
    return -1;
  }
}

/** The main thread's view, which exchanges the list. */
export class AccessListWriter extends AccessList {
  #half = 0;

  /** Returns unused memory: clears `count` words from `word` on. */
  constructor(
    memory: SharedArrayBuffer,
    private readonly clear: (word: number, count: number) => void = (word, count) => {
      this.words.fill(0, word, word + count);
    },
  ) {
    super(memory);
  }

  /** The most info hashes that a list may have. */
  get maxHashes(): number {
    return Math.floor((this.halfWords / INFO_HASH_WORDS - 1) / SLOTS_PER_HASH);
  }

  /** Begins a list of up to `hashes` info hashes, beside the one in force. */
  begin(hashes: number): void {
    if (hashes > this.maxHashes) throw new RangeError(`more than ${this.maxHashes} info hashes`);
    const { words } = this;
    this.#half = (Atomics.load(words, STATE) & HALF_BIT) === 0 ? 1 : 0;
    const head = headOf(this.#half);
    this.#empty(this.#half);
    words[head + HEAD.slots] = slotsFor(hashes);
    words.set(crypto.getRandomValues(new Int32Array(2)), head + HEAD.key);
  }

  /** Adds an info hash to it. Returns false if it is there already. */
  add(hash: Int32Array, hashWord: number): boolean {
    const { words } = this;
    const half = this.#half;
    if (this.has(half, hash, hashWord)) return false;
    const head = headOf(half);
    if (isZero(hash, hashWord)) {
      words[head + HEAD.hasZero] = 1;
    } else {
      const slot = this.find(half, hash, hashWord);
      for (let i = 0; i < INFO_HASH_WORDS; i++) words[slot + i] = hash[hashWord + i];
    }
    words[head + HEAD.count]++;
    return true;
  }

  /** Puts it in force, and gives back the memory of the one before. */
  commit(mode: AccessMode): void {
    const { words } = this;
    const before = Atomics.load(words, STATE);
    const half = this.#half === 0 ? 0 : HALF_BIT;
    const sequence = (before & ~(MODE_MASK | HALF_BIT)) + NEXT_SEQUENCE;
    // Pairs with the load in `allows`: the slots are visible from here on.
    Atomics.store(words, STATE, sequence | half | ACCESS[mode]);
    this.#empty(1 - this.#half);
  }

  #empty(half: number): void {
    const { words } = this;
    const head = headOf(half);
    const slots = words[head + HEAD.slots];
    words.fill(0, head, head + HEAD.words);
    if (slots > 0) this.clear(SLOTS + half * this.halfWords, slots * INFO_HASH_WORDS);
  }
}

function headOf(half: number): number {
  return HEADS + half * HEAD.words;
}

function isZero(words: Int32Array, word: number): boolean {
  return (
    (words[word] | words[word + 1] | words[word + 2] | words[word + 3] | words[word + 4]) === 0
  );
}

function isEqual(a: Int32Array, aWord: number, b: Int32Array, bWord: number): boolean {
  return (
    a[aWord] === b[bWord] &&
    a[aWord + 1] === b[bWord + 1] &&
    a[aWord + 2] === b[bWord + 2] &&
    a[aWord + 3] === b[bWord + 3] &&
    a[aWord + 4] === b[bWord + 4]
  );
}
