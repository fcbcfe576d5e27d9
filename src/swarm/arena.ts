// The allocator of a table: provides blocks of peers and directories of large swarms from one
// region of shared memory. It is a buddy system: sizes are a unit times a power of two, a larger
// block is halved if no block of the size is free, and two free halves merge into the whole again.
// Freed memory therefore serves every size, and an emptied table is as good as new. Called by any
// worker that holds a shard's lock; the arena's own lock is always the inner one.
//
//   units:    [ order 0 | order 0 |   order 1   |           order 2           | … never allocated ]
//   a free block's first words:   [ next free of its order | previous ]
//   a byte for each unit:         FREE | order, where a free block begins; 0 elsewhere

import { acquire, release } from "../memory/lock.ts";
import { HEADER, type TablePlan } from "./layout.ts";

/** The size of a block, as the binary logarithm of the peers that it holds. */
export type SizeClass = number;

const NEXT = 0;
const PREVIOUS = 1;

/** Marks the unit at which a free block begins. The low bits are the order of the block. */
const FREE = 0x80;
/** Marks a free block whose pages have been returned to the system. */
const RETURNED = 0x40;

/** Smaller blocks (less than 1 MiB) are not worth a system call. */
const MIN_RETURNED_WORDS = 1 << 18;

/** The allocator of one table. */
export class Arena {
  readonly #startWord: number;
  readonly #endWord: number;
  readonly #unitWords: number;
  readonly #unitSizeClass: number;
  readonly #marks: Uint8Array;

  constructor(
    private readonly words: Int32Array,
    plan: TablePlan,
  ) {
    this.#startWord = plan.arena;
    this.#endWord = plan.words;
    this.#unitWords = plan.peerWords << plan.unitSizeClass;
    this.#unitSizeClass = plan.unitSizeClass;
    this.#marks = new Uint8Array(words.buffer, plan.arenaMarks * 4, plan.units);
  }

  /**
   * Returns the word of a block for 2^sizeClass peers, or 0 if memory is used up. The contents are
   * undefined.
   */
  allocateBlock(sizeClass: SizeClass): number {
    return this.#allocate(this.#blockOrder(sizeClass));
  }

  freeBlock(block: number, sizeClass: SizeClass): void {
    this.#free(block, this.#blockOrder(sizeClass), 0);
  }

  /**
   * Returns the word of a directory of 2^bits entries, or 0 if memory is used up. The contents are
   * undefined.
   */
  allocateDirectory(bits: number): number {
    return this.#allocate(this.#directoryOrder(bits));
  }

  freeDirectory(block: number, bits: number): void {
    this.#free(block, this.#directoryOrder(bits), 0);
  }

  /**
   * Returns the pages of one large free block to the system through `returnPages`, which takes the
   * first word and the number of words. Returns false if there is no such block. Meanwhile nobody
   * can allocate the block, but no lock is held.
   */
  returnBlock(returnPages: (word: number, count: number) => void): boolean {
    const { words } = this;
    let order = 0;
    let block = 0;
    acquire(words, HEADER.arenaLock);
    for (; this.#unitWords << order <= this.#endWord - this.#startWord; order++) {
      if (this.#unitWords << order < MIN_RETURNED_WORDS) continue;
      block = words[HEADER.arenaFree + order];
      while (block !== 0 && (this.#marks[this.#unit(block)] & RETURNED) !== 0) {
        block = words[block + NEXT];
      }
      if (block !== 0) break;
    }
    if (block !== 0) this.#unlink(block, order);
    release(words, HEADER.arenaLock);
    if (block === 0) return false;
    returnPages(block, this.#unitWords << order);
    this.#free(block, order, RETURNED);
    return true;
  }

  #blockOrder(sizeClass: SizeClass): number {
    return sizeClass > this.#unitSizeClass ? sizeClass - this.#unitSizeClass : 0;
  }

  #directoryOrder(bits: number): number {
    let order = 0;
    while (this.#unitWords << order < 2 << bits) order++;
    return order;
  }

  #allocate(order: number): number {
    const { words } = this;
    acquire(words, HEADER.arenaLock);
    const block = this.#extend(order) ? this.#take(order) : 0;
    release(words, HEADER.arenaLock);
    return block;
  }

  #free(block: number, order: number, returned: number): void {
    acquire(this.words, HEADER.arenaLock);
    this.#put(block, order, returned);
    release(this.words, HEADER.arenaLock);
  }

  // Ensures that a block of this order or a larger one is free. Adds memory that was never
  // allocated if necessary, in the largest blocks that may begin there, up to the order.
  #extend(order: number): boolean {
    const { words } = this;
    while (words[HEADER.arenaOrders] >>> order === 0) {
      const fresh = words[HEADER.arenaFresh];
      const unit = this.#unit(fresh);
      const added = unit === 0 ? order : Math.min(order, 31 - Math.clz32(unit & -unit));
      const end = fresh + (this.#unitWords << added);
      if (end > this.#endWord) return false;
      words[HEADER.arenaFresh] = end;
      this.#put(fresh, added, 0);
    }
    return true;
  }

  // Takes a block of this order from the smallest free block that is large enough.
  #take(order: number): number {
    const { words } = this;
    const larger = words[HEADER.arenaOrders] & (-1 << order);
    let found = 31 - Math.clz32(larger & -larger);
    const block = words[HEADER.arenaFree + found];
    const returned = this.#unlink(block, found) & RETURNED;
    while (found > order) {
      found--;
      this.#link(block + (this.#unitWords << found), found, returned);
    }
    return block;
  }

  // Frees a block and merges it with its free buddies.
  #put(block: number, order: number, returned: number): void {
    const marks = this.#marks;
    let unit = this.#unit(block);
    for (;;) {
      const buddy = unit ^ (1 << order);
      if ((marks[buddy] & ~RETURNED) !== (FREE | order)) break;
      returned &= this.#unlink(this.#startWord + buddy * this.#unitWords, order);
      unit &= buddy;
      order++;
    }
    this.#link(this.#startWord + unit * this.#unitWords, order, returned);
  }

  #unit(word: number): number {
    return ((word - this.#startWord) / this.#unitWords) | 0;
  }

  #link(block: number, order: number, returned: number): void {
    const { words } = this;
    const list = HEADER.arenaFree + order;
    const next = words[list];
    words[block + NEXT] = next;
    words[block + PREVIOUS] = 0;
    if (next !== 0) words[next + PREVIOUS] = block;
    words[list] = block;
    words[HEADER.arenaOrders] |= 1 << order;
    this.#marks[this.#unit(block)] = FREE | returned | order;
  }

  // Removes a free block from its list and returns its mark.
  #unlink(block: number, order: number): number {
    const { words } = this;
    const list = HEADER.arenaFree + order;
    const next = words[block + NEXT];
    const previous = words[block + PREVIOUS];
    if (next !== 0) words[next + PREVIOUS] = previous;
    if (previous !== 0) words[previous + NEXT] = next;
    else words[list] = next;
    if (words[list] === 0) words[HEADER.arenaOrders] &= ~(1 << order);
    const unit = this.#unit(block);
    const mark = this.#marks[unit];
    this.#marks[unit] = 0;
    return mark;
  }
}
