// Which peers, in which swarms, each connection of a worker has announced: what has to be removed
// from the table when it closes. One list for each connection, all in one stretch of memory.
//
//   entry    [ next | info hash x 5 | peer id x 5 ]         11 words

import { ID_WORDS } from "./id.ts";

const NEXT = 0;
const KEY = 1;
/** Words of an info hash and a peer id, one behind the other. */
export const MEMBERSHIP_WORDS = 2 * ID_WORDS;
const ENTRY_WORDS = KEY + MEMBERSHIP_WORDS;
const FIRST_ENTRIES = 256;

export class Memberships {
  #words = new Int32Array(FIRST_ENTRIES * ENTRY_WORDS);
  /** By slot: the offset of its first entry, 0 for none. */
  #heads = new Int32Array(FIRST_ENTRIES);
  #counts = new Int32Array(FIRST_ENTRIES);
  #free = 0;
  // Entry 0 stays unused, so that 0 can mean none.
  #fresh = ENTRY_WORDS;

  /** `most`: peers of one connection. */
  constructor(private readonly most: number) {}

  /** Whether the membership at `key[at]` is there, or may be added. */
  hasRoom(slot: number, key: Int32Array, at: number): boolean {
    if (slot >= this.#heads.length || this.#counts[slot] < this.most) return true;
    return this.#findLink(slot, key, at) >= 0;
  }

  /** Adds the membership at `key[at]` unless it is there; there must be room. */
  add(slot: number, key: Int32Array, at: number): void {
    if (slot >= this.#heads.length) this.#growSlots(slot);
    if (this.#findLink(slot, key, at) >= 0) return;
    const entry = this.#allocate();
    const words = this.#words;
    words[entry + NEXT] = this.#heads[slot];
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) words[entry + KEY + i] = key[at + i];
    this.#heads[slot] = entry;
    this.#counts[slot]++;
  }

  /** Removes the membership at `key[at]`, if it is there. */
  remove(slot: number, key: Int32Array, at: number): void {
    if (slot >= this.#heads.length) return;
    const link = this.#findLink(slot, key, at);
    if (link < 0) return;
    const words = this.#words;
    const entry = link === 0 ? this.#heads[slot] : words[link];
    if (link === 0) this.#heads[slot] = words[entry + NEXT];
    else words[link] = words[entry + NEXT];
    this.#release(slot, entry);
  }

  /** Removes any one membership and copies it to `key[at]`; false when there is none. */
  removeAny(slot: number, key: Int32Array, at: number): boolean {
    const entry = slot < this.#heads.length ? this.#heads[slot] : 0;
    if (entry === 0) return false;
    const words = this.#words;
    for (let i = 0; i < MEMBERSHIP_WORDS; i++) key[at + i] = words[entry + KEY + i];
    this.#heads[slot] = words[entry + NEXT];
    this.#release(slot, entry);
    return true;
  }

  // The offset of the word that leads to the entry: 0 for the head of the list, -1 for none.
  #findLink(slot: number, key: Int32Array, at: number): number {
    const words = this.#words;
    let link = 0;
    let entry = this.#heads[slot];
    while (entry !== 0) {
      let i = 0;
      while (i < MEMBERSHIP_WORDS && words[entry + KEY + i] === key[at + i]) i++;
      if (i === MEMBERSHIP_WORDS) return link;
      link = entry + NEXT;
      entry = words[link];
    }
    return -1;
  }

  #allocate(): number {
    const entry = this.#free;
    if (entry !== 0) {
      this.#free = this.#words[entry + NEXT];
      return entry;
    }
    if (this.#fresh === this.#words.length) this.#words = grow(this.#words, this.#fresh * 2);
    this.#fresh += ENTRY_WORDS;
    return this.#fresh - ENTRY_WORDS;
  }

  #release(slot: number, entry: number): void {
    this.#words[entry + NEXT] = this.#free;
    this.#free = entry;
    this.#counts[slot]--;
  }

  #growSlots(slot: number): void {
    const length = Math.max(slot + 1, this.#heads.length * 2);
    this.#heads = grow(this.#heads, length);
    this.#counts = grow(this.#counts, length);
  }
}

function grow(words: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(words);
  return grown;
}
