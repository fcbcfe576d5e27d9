// Hands out the blocks in which peers are kept and the directories of large swarms, by size, from
// one stretch of a table's shared memory. Freed blocks wait in a list for the next of their kind.
// Called by any worker that holds a shard's lock; the arena's own lock is always the inner one.

import { acquire, release } from "../memory/lock.ts";
import { HEADER, type TablePlan } from "./layout.ts";

/** A kind of block, below 32: 2^kind peers. */
export type BlockKind = number;

/** Directories are of kinds from here on: 2^(kind - 32) entries of two words. */
const DIRECTORIES = 32;

/** The allocator of one table. */
export class Arena {
  readonly #peerWords: number;
  readonly #end: number;

  constructor(
    private readonly words: Int32Array,
    plan: TablePlan,
  ) {
    this.#peerWords = plan.peerWords;
    this.#end = plan.words;
  }

  /** The offset of a block for 2^kind peers, its words undefined; 0 when memory is used up. */
  allocateBlock(kind: BlockKind): number {
    return this.#allocate(kind, this.#peerWords << kind);
  }

  freeBlock(offset: number, kind: BlockKind): void {
    this.#free(offset, kind);
  }

  /** The offset of a directory of 2^bits entries, its words undefined; 0 when memory is used up. */
  allocateDirectory(bits: number): number {
    return this.#allocate(DIRECTORIES + bits, 2 << bits);
  }

  freeDirectory(offset: number, bits: number): void {
    this.#free(offset, DIRECTORIES + bits);
  }

  // A free block's first word is the offset of the next one of its kind.
  #allocate(kind: number, size: number): number {
    const { words } = this;
    acquire(words, HEADER.arenaLock);
    let offset = words[HEADER.arenaFree + kind];
    if (offset !== 0) {
      words[HEADER.arenaFree + kind] = words[offset];
    } else if (words[HEADER.arenaFresh] + size <= this.#end) {
      offset = words[HEADER.arenaFresh];
      words[HEADER.arenaFresh] = offset + size;
    }
    release(words, HEADER.arenaLock);
    return offset;
  }

  #free(offset: number, kind: number): void {
    const { words } = this;
    acquire(words, HEADER.arenaLock);
    words[offset] = words[HEADER.arenaFree + kind];
    words[HEADER.arenaFree + kind] = offset;
    release(words, HEADER.arenaLock);
  }
}
