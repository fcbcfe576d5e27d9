// Which peers, in which swarms, each connection of a worker has announced: what has to be removed
// from the table when it closes. A ring for each connection, the newest first, and an index over all
// of them: a hash table by linear hashing, which grows by a bucket at a time.
//
//   entry     [ next | previous | chain | hash | info hash x 5 | peer id x 5 ]     14 words
//   slot      [ newest | count | checked ]                                         3 words
//   bucket    [ first entry ]                                                      1 word
//
// Entries are known by their numbers, from 1 on; 0 is none. The hash is that of info hash and peer
// id, which strangers choose, with the slot mixed in: of one peer, two slots never have the same.

import { halfSipHash13 } from "../memory/hash.ts";
import { ID_WORDS } from "./id.ts";
import { Records } from "./records.ts";

/** Words of an info hash and a peer id, one behind the other. */
export const MEMBERSHIP_WORDS = 2 * ID_WORDS;

const ENTRY = { next: 0, previous: 1, chain: 2, hash: 3, key: 4, words: 4 + MEMBERSHIP_WORDS };
const SLOT = { newest: 0, count: 1, checked: 2, words: 3 };
const FIRST_BUCKETS = 256;

export class Memberships {
  readonly #entries = new Records(ENTRY.words);
  readonly #slots = new Records(SLOT.words);
  readonly #buckets = new Records(1);
  #bucketCount = FIRST_BUCKETS;
  /** The highest power of two that is no more than there are buckets. */
  #wholeBuckets = FIRST_BUCKETS;
  #free = 0;
  #fresh = 1;
  #count = 0;

  /** `most`: peers of one connection. `key`: two random words. */
  constructor(
    private readonly most: number,
    private readonly key: Int32Array,
  ) {
    this.#buckets.reach(FIRST_BUCKETS - 1);
  }

  /** Peers of one connection. */
  count(slot: number): number {
    return slot < this.#slots.length ? this.#slots.get(slot, SLOT.count) : 0;
  }

  /** Whether the membership at `key[at]` is there, or may be added. */
  hasRoom(slot: number, key: Int32Array, at: number): boolean {
    return this.count(slot) < this.most || this.#find(this.#hash(slot, key, at), key, at) !== 0;
  }

  /** Adds the membership at `key[at]`, for which there must be room; false when it was there. */
  add(slot: number, key: Int32Array, at: number): boolean {
    const hash = this.#hash(slot, key, at);
    if (this.#find(hash, key, at) !== 0) return false;
    this.#slots.reach(slot);
    const entry = this.#allocate();
    const words = this.#entries.chunk(entry);
    const offset = this.#entries.offset(entry);
    words[offset + ENTRY.hash] = hash;
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) words[offset + ENTRY.key + i] = key[at + i];
    this.#enterRing(slot, entry);
    this.#enterChain(this.#bucketOf(hash), entry);
    this.#count++;
    if (this.#count > this.#bucketCount) this.#addBucket();
    return true;
  }

  /** Removes the membership at `key[at]`; false when it is not there. */
  remove(slot: number, key: Int32Array, at: number): boolean {
    const entry = this.#find(this.#hash(slot, key, at), key, at);
    if (entry !== 0) this.#remove(slot, entry);
    return entry !== 0;
  }

  /** Copies any one membership of a connection to `key[at]` and removes it; false without any. */
  removeAny(slot: number, key: Int32Array, at: number): boolean {
    if (this.count(slot) === 0) return false;
    const entry = this.#slots.get(slot, SLOT.newest);
    this.#copyKey(entry, key, at);
    this.#remove(slot, entry);
    return true;
  }

  /** Copies the oldest membership of a connection, of which there must be one, to `key[at]`. */
  readOldest(slot: number, key: Int32Array, at: number): void {
    const newest = this.#slots.get(slot, SLOT.newest);
    this.#copyKey(this.#entries.get(newest, ENTRY.previous), key, at);
  }

  /** Makes the oldest membership of a connection the newest. */
  renewOldest(slot: number): void {
    const newest = this.#slots.get(slot, SLOT.newest);
    this.#slots.set(slot, SLOT.newest, this.#entries.get(newest, ENTRY.previous));
  }

  /** The second that was noted when the memberships of a connection were checked; 0 for none. */
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

  #copyKey(entry: number, key: Int32Array, at: number): void {
    const words = this.#entries.chunk(entry);
    const from = this.#entries.offset(entry) + ENTRY.key;
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) key[at + i] = words[from + i];
  }

  // --- the ring of a connection --------------------------------------------------------------------

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
    // The slot may be another connection's next.
    if (count === 0) this.#slots.set(slot, SLOT.checked, 0);
  }

  // --- the index -----------------------------------------------------------------------------------

  #find(hash: number, key: Int32Array, at: number): number {
    let entry = this.#buckets.get(this.#bucketOf(hash), 0);
    while (entry !== 0) {
      const words = this.#entries.chunk(entry);
      const offset = this.#entries.offset(entry);
      if (words[offset + ENTRY.hash] === hash) {
        let i = 0;
        while (i < MEMBERSHIP_WORDS && words[offset + ENTRY.key + i] === key[at + i]) i++;
        if (i === MEMBERSHIP_WORDS) return entry;
      }
      entry = words[offset + ENTRY.chain];
    }
    return 0;
  }

  #hash(slot: number, key: Int32Array, at: number): number {
    // An odd factor keeps slots apart.
    return halfSipHash13(this.key, 0, key, at, MEMBERSHIP_WORDS) ^ Math.imul(slot, 0x9e3779b1);
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

  // Splits the next bucket whose entries are told apart by one more bit from now on.
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
