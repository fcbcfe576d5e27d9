// The peers, with their swarms, that each connection of a worker has announced: they are removed
// from the table when it closes. Each connection has a ring of them, the newest first, and one hash
// table over all finds them. It grows by one bucket at a time (linear hashing).
//
//   entry     [ next | previous | chain | hash | info hash x 5 | peer id x 5 ]     14 words
//   slot      [ newest | count | checked ]                                         3 words
//   bucket    [ first entry ]                                                      1 word
//
// Entries are numbered from 1; 0 means none. The hash is keyed, as strangers choose info hashes and
// peer IDs. The slot is mixed in, so that one peer has a different hash in each slot.

import { halfSipHash13 } from "../memory/hash.ts";
import { ID_WORDS } from "./message/id.ts";
import { Records } from "./records.ts";

/** Words of an info hash and a peer ID. */
export const MEMBERSHIP_WORDS = 2 * ID_WORDS;

const ENTRY = { next: 0, previous: 1, chain: 2, hash: 3, key: 4, words: 4 + MEMBERSHIP_WORDS };
const SLOT = { newest: 0, count: 1, checked: 2, words: 3 };
const FIRST_BUCKETS = 256;

export class Memberships {
  readonly #entries = new Records(ENTRY.words);
  readonly #slots = new Records(SLOT.words);
  readonly #buckets = new Records(1);
  #bucketCount = FIRST_BUCKETS;
  /** The highest power of two that does not exceed the number of buckets. */
  #wholeBuckets = FIRST_BUCKETS;
  #free = 0;
  #fresh = 1;
  #count = 0;

  /** `max`: peers of one connection. `key`: two random words. */
  constructor(
    private readonly max: number,
    private readonly key: Int32Array,
  ) {
    this.#buckets.reach(FIRST_BUCKETS - 1);
  }

  /** The number of peers of a connection. */
  count(slot: number): number {
    return slot < this.#slots.length ? this.#slots.get(slot, SLOT.count) : 0;
  }

  /** Whether the membership at `key[word]` exists or may be added. */
  hasRoom(slot: number, key: Int32Array, word: number): boolean {
    return this.count(slot) < this.max || this.#find(this.#hash(slot, key, word), key, word) !== 0;
  }

  /**
   * Adds the membership at `key[word]`, for which there must be room. Returns false if it exists.
   */
  add(slot: number, key: Int32Array, word: number): boolean {
    const hash = this.#hash(slot, key, word);
    if (this.#find(hash, key, word) !== 0) return false;
    this.#slots.reach(slot);
    const entry = this.#allocate();
    const words = this.#entries.chunk(entry);
    const offset = this.#entries.offset(entry);
    words[offset + ENTRY.hash] = hash;
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) words[offset + ENTRY.key + i] = key[word + i];
    this.#enterRing(slot, entry);
    this.#enterChain(this.#bucketOf(hash), entry);
    this.#count++;
    if (this.#count > this.#bucketCount) this.#addBucket();
    return true;
  }

  /** Removes the membership at `key[word]`. Returns false if there is none. */
  remove(slot: number, key: Int32Array, word: number): boolean {
    const entry = this.#find(this.#hash(slot, key, word), key, word);
    if (entry !== 0) this.#remove(slot, entry);
    return entry !== 0;
  }

  /**
   * Copies any membership of a connection to `key[word]` and removes it. Returns false if there is
   * none.
   */
  removeAny(slot: number, key: Int32Array, word: number): boolean {
    if (this.count(slot) === 0) return false;
    const entry = this.#slots.get(slot, SLOT.newest);
    this.#copyKey(entry, key, word);
    this.#remove(slot, entry);
    return true;
  }

  /** Copies the oldest membership of a connection, which must have one, to `key[word]`. */
  readOldest(slot: number, key: Int32Array, word: number): void {
    const newest = this.#slots.get(slot, SLOT.newest);
    this.#copyKey(this.#entries.get(newest, ENTRY.previous), key, word);
  }

  /** Makes the oldest membership of a connection its newest. */
  renewOldest(slot: number): void {
    const newest = this.#slots.get(slot, SLOT.newest);
    this.#slots.set(slot, SLOT.newest, this.#entries.get(newest, ENTRY.previous));
  }

  /** The second noted at the last check of a connection's memberships; 0 if there was none. */
  checkedAt(slot: number): number {
    return this.#slots.get(slot, SLOT.checked);
  }

  noteCheck(slot: number, second: number): void {
    this.#slots.set(slot, SLOT.checked, second);
  }

  #remove(slot: number, entry: number): void {
    const words = this.#entries.chunk(entry);
    const offset = this.#entries.offset(entry);
    this.#leaveChain(this.#bucketOf(words[offset + ENTRY.hash]), entry);
    this.#leaveRing(slot, entry);
    words[offset + ENTRY.next] = this.#free;
    this.#free = entry;
    this.#count--;
  }

  #allocate(): number {
    const entry = this.#free;
    if (entry !== 0) {
      this.#free = this.#entries.get(entry, ENTRY.next);
      return entry;
    }
    this.#entries.reach(this.#fresh);
    return this.#fresh++;
  }

  #copyKey(entry: number, key: Int32Array, word: number): void {
    const words = this.#entries.chunk(entry);
    const from = this.#entries.offset(entry) + ENTRY.key;
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) key[word + i] = words[from + i];
  }

  // --- the ring of a connection
  // --------------------------------------------------------------------

  #enterRing(slot: number, entry: number): void {
    const entries = this.#entries;
    const count = this.#slots.get(slot, SLOT.count);
    const next = count === 0 ? entry : this.#slots.get(slot, SLOT.newest);
    const previous = count === 0 ? entry : entries.get(next, ENTRY.previous);
    entries.set(entry, ENTRY.next, next);
    entries.set(entry, ENTRY.previous, previous);
    entries.set(next, ENTRY.previous, entry);
    entries.set(previous, ENTRY.next, entry);
    this.#slots.set(slot, SLOT.newest, entry);
    this.#slots.set(slot, SLOT.count, count + 1);
  }

  #leaveRing(slot: number, entry: number): void {
    const entries = this.#entries;
    const next = entries.get(entry, ENTRY.next);
    const previous = entries.get(entry, ENTRY.previous);
    entries.set(previous, ENTRY.next, next);
    entries.set(next, ENTRY.previous, previous);
    if (this.#slots.get(slot, SLOT.newest) === entry) this.#slots.set(slot, SLOT.newest, next);
    const count = this.#slots.get(slot, SLOT.count) - 1;
    this.#slots.set(slot, SLOT.count, count);
    // The next connection in the slot begins anew.
    if (count === 0) this.#slots.set(slot, SLOT.checked, 0);
  }

  // --- the index
  // -----------------------------------------------------------------------------------

  #find(hash: number, key: Int32Array, word: number): number {
    let entry = this.#buckets.get(this.#bucketOf(hash), 0);
    while (entry !== 0) {
      const words = this.#entries.chunk(entry);
      const offset = this.#entries.offset(entry);
      if (words[offset + ENTRY.hash] === hash) {
        let i = 0;
        while (i < MEMBERSHIP_WORDS && words[offset + ENTRY.key + i] === key[word + i]) i++;
        if (i === MEMBERSHIP_WORDS) return entry;
      }
      entry = words[offset + ENTRY.chain];
    }
    return 0;
  }

  #hash(slot: number, key: Int32Array, word: number): number {
    // An odd factor keeps slots apart.
    return halfSipHash13(this.key, 0, key, word, MEMBERSHIP_WORDS) ^ Math.imul(slot, 0x9e3779b1);
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#wholeBuckets * 2 - 1);
    return bucket < this.#bucketCount ? bucket : bucket & (this.#wholeBuckets - 1);
  }

  #enterChain(bucket: number, entry: number): void {
    this.#entries.set(entry, ENTRY.chain, this.#buckets.get(bucket, 0));
    this.#buckets.set(bucket, 0, entry);
  }

  #leaveChain(bucket: number, entry: number): void {
    const entries = this.#entries;
    const after = entries.get(entry, ENTRY.chain);
    let before = this.#buckets.get(bucket, 0);
    if (before === entry) return this.#buckets.set(bucket, 0, after);
    while (entries.get(before, ENTRY.chain) !== entry) before = entries.get(before, ENTRY.chain);
    entries.set(before, ENTRY.chain, after);
  }

  // Splits the next bucket: one more bit of the hash distinguishes its entries from now on.
  #addBucket(): void {
    const split = this.#bucketCount - this.#wholeBuckets;
    this.#buckets.reach(this.#bucketCount++);
    let entry = this.#buckets.get(split, 0);
    this.#buckets.set(split, 0, 0);
    while (entry !== 0) {
      const after = this.#entries.get(entry, ENTRY.chain);
      this.#enterChain(this.#bucketOf(this.#entries.get(entry, ENTRY.hash)), entry);
      entry = after;
    }
    if (this.#bucketCount === this.#wholeBuckets * 2) this.#wholeBuckets *= 2;
  }
}
