// Operations on one swarm: adds, updates and removes a peer, and selects the peers to hand out. A
// small swarm keeps its peers in the torrent record or in one block, leechers first; a large one
// keeps them in two sets. Callers hold the lock of the swarm's shard.

import type { Draws } from "../memory/draws.ts";
import type { Announcer } from "./announcer.ts";
import type { Arena, SizeClass } from "./arena.ts";
import type { Handout } from "./handout.ts";
import { STORAGE_INLINE, STORAGE_SETS, TORRENT, type TablePlan } from "./layout.ts";
import { fitsHalf, type PeerBlocks } from "./peer-blocks.ts";
import type { PeerSets } from "./peer-sets.ts";

/** A swarm moves to sets when it has more peers than this … */
const MAX_PEERS_IN_BLOCK = 64;
const MAX_SMALL_SIZE_CLASS: SizeClass = 6;
/** … and back to a block when it has no more than this. */
const MIN_PEERS_IN_SETS = 24;
const SIZE_CLASS_AFTER_SETS: SizeClass = 5;

const LEECHERS = 0;
const SEEDERS = 1;

/** The swarms of one table. A swarm is identified by its torrent record. */
export class Swarms {
  readonly #inlinePeers: number;
  readonly #minSizeClass: SizeClass;

  constructor(
    private readonly words: Int32Array,
    private readonly arena: Arena,
    private readonly blocks: PeerBlocks,
    private readonly sets: PeerSets,
    private readonly draws: Draws,
    plan: TablePlan,
  ) {
    this.#inlinePeers = plan.inlinePeers;
    this.#minSizeClass = plan.unitSizeClass;
  }

  /**
   * Returns the word of the announcing peer, or 0 if the swarm does not have it. The result is
   * valid until the swarm changes. `announcer.foundStatus` then tells `update` and `remove` where
   * the peer is.
   */
  find(record: number, announcer: Announcer): number {
    const { key, keyWord, hash, status } = announcer;
    if (this.words[record + TORRENT.storage] !== STORAGE_SETS) {
      return this.blocks.find(this.blockOf(record), this.count(record), key, keyWord);
    }
    announcer.foundStatus = status;
    const peer = this.sets.find(record, status, hash, key, keyWord);
    if (peer !== 0) return peer;
    announcer.foundStatus = 1 - status;
    return this.sets.find(record, 1 - status, hash, key, keyWord);
  }

  /** Number of peers in the swarm. */
  count(record: number): number {
    return this.words[record + TORRENT.leechers] + this.words[record + TORRENT.seeders];
  }

  /** The word of the first peer of a small swarm. */
  blockOf(record: number): number {
    const inline = record + TORRENT.inline;
    return this.words[record + TORRENT.storage] === STORAGE_INLINE ? inline : this.words[inline];
  }

  /**
   * Records the announce of `peer`, which `find` returned, and returns its word, which may have
   * changed. Returns 0 if memory is used up; the peer then keeps its old status. In either case,
   * `announcer.foundStatus` is that status.
   */
  update(record: number, peer: number, announcer: Announcer): number {
    const { status, foundStatus } = announcer;
    let word = peer;
    if (this.words[record + TORRENT.storage] !== STORAGE_SETS) {
      word = this.#setStatus(record, peer, announcer);
    } else if (foundStatus !== status) {
      word = this.#addToSet(record, announcer);
      if (word === 0) return 0;
      this.sets.remove(record, foundStatus, announcer.hash, peer);
    }
    this.blocks.write(word, announcer.key, announcer.keyWord, announcer.tick);
    return word;
  }

  /**
   * Adds the announcing peer, which `find` did not find, and returns its word; 0 if memory is used
   * up.
   */
  add(record: number, announcer: Announcer): number {
    const { words, blocks } = this;
    const { status } = announcer;
    if (words[record + TORRENT.storage] === STORAGE_SETS) {
      return this.#addToSet(record, announcer);
    }
    const count = this.count(record);
    if (count === this.#capacity(record)) {
      if (count === MAX_PEERS_IN_BLOCK) {
        return this.#toSets(record) ? this.#addToSet(record, announcer) : 0;
      }
      if (!this.#resize(record, this.#nextSizeClass(record))) return 0;
    }
    let peer = this.blockOf(record) + count * blocks.stride;
    if (status === LEECHERS) {
      const boundary = this.#boundary(record);
      blocks.move(boundary, peer);
      peer = boundary;
    }
    blocks.write(peer, announcer.key, announcer.keyWord, announcer.tick);
    words[record + TORRENT.leechers + status]++;
    return peer;
  }

  /** Removes `peer`, which `find` returned for this announcer. */
  remove(record: number, peer: number, announcer: Announcer): void {
    if (this.words[record + TORRENT.storage] !== STORAGE_SETS) {
      this.removeFromBlock(record, peer);
      this.shrinkBlock(record);
    } else {
      this.sets.remove(record, announcer.foundStatus, announcer.hash, peer);
      this.leaveSets(record);
    }
  }

  /**
   * Hands out `handout.wanted` peers, or all if there are fewer: leechers only to a seeder, both to
   * a leecher. Skips `handout.requester`. Every other peer is equally likely, because the selection
   * is a run of peers that starts at a random one.
   */
  handOut(record: number, status: number, handout: Handout): void {
    const { words, draws } = this;
    draws.restart(handout.seed);
    const leechers = words[record + TORRENT.leechers];
    const seeders = status === SEEDERS ? 0 : words[record + TORRENT.seeders];
    const excluded = status === SEEDERS || handout.requester === 0 ? 0 : 1;
    const others = leechers + seeders - excluded;
    if (handout.wanted > others) handout.wanted = others;
    if (handout.wanted === 0) return;
    if (words[record + TORRENT.storage] !== STORAGE_SETS) {
      this.#handOutBlock(record, leechers + seeders, others, handout);
      return;
    }
    const first = draws.below(others) < leechers - excluded ? LEECHERS : SEEDERS;
    this.sets.handOutFromRandom(record, first, handout);
    if (seeders > 0) this.sets.handOutRest(record, 1 - first, handout);
    this.sets.handOutRest(record, first, handout);
  }

  /**
   * Returns which set of a large swarm `handOut` will begin with for an announcing peer that is in
   * it already, and leaves `draws` where it will be then. No lock is needed: a wrong result is
   * harmless.
   */
  guessFirstSet(record: number, status: number, seed: number): number {
    const { words, draws } = this;
    draws.restart(seed);
    const leechers = words[record + TORRENT.leechers];
    const excluded = status === SEEDERS ? 0 : 1;
    const seeders = status === SEEDERS ? 0 : words[record + TORRENT.seeders];
    return draws.below(leechers + seeders - excluded) < leechers - excluded ? LEECHERS : SEEDERS;
  }

  /** Removes a peer of a small swarm. Other peers move into its position; the block stays. */
  removeFromBlock(record: number, peer: number): void {
    const { words, blocks } = this;
    const { stride } = blocks;
    let gap = peer;
    const boundary = this.#boundary(record);
    if (peer < boundary) {
      gap = boundary - stride;
      if (peer !== gap) blocks.move(gap, peer);
      words[record + TORRENT.leechers]--;
    } else {
      words[record + TORRENT.seeders]--;
    }
    const last = this.blockOf(record) + this.count(record) * stride;
    if (gap !== last) blocks.move(last, gap);
  }

  /** Moves a small swarm to the smallest block with enough room, or into the record. */
  shrinkBlock(record: number): void {
    const storage = this.words[record + TORRENT.storage];
    if (storage === STORAGE_INLINE) return;
    const count = this.count(record);
    let sizeClass = storage;
    while (sizeClass > this.#minSizeClass && fitsHalf(count, sizeClass)) sizeClass--;
    if (count < this.#inlinePeers || count === 0) sizeClass = STORAGE_INLINE;
    if (sizeClass !== storage) this.#resize(record, sizeClass);
  }

  /** Frees the memory of a swarm without peers, so that its record can be removed. */
  clear(record: number): void {
    if (this.words[record + TORRENT.storage] === STORAGE_SETS) this.#destroySets(record);
    else this.shrinkBlock(record);
  }

  /** Moves a swarm that has become small back into one block. */
  leaveSets(record: number): void {
    const { words, arena, sets } = this;
    if (this.count(record) > MIN_PEERS_IN_SETS) return;
    const block = arena.allocateBlock(SIZE_CLASS_AFTER_SETS);
    if (block === 0) return;
    const end = sets.copyAll(record, LEECHERS, block);
    sets.copyAll(record, SEEDERS, end);
    this.#destroySets(record);
    words[record + TORRENT.storage] = SIZE_CLASS_AFTER_SETS;
    words[record + TORRENT.inline] = block;
    // The cleaner may have left far fewer peers.
    this.shrinkBlock(record);
  }

  #handOutBlock(record: number, count: number, others: number, handout: Handout): void {
    const { blocks } = this;
    const { stride } = blocks;
    const { requester } = handout;
    const block = this.blockOf(record);
    const end = block + count * stride;
    let start = block;
    if (handout.wanted < others) {
      start += this.draws.below(others) * stride;
      if (others < count && start >= requester) start += stride;
    }
    blocks.handOut(start, end, handout);
    blocks.handOut(block, start, handout);
  }

  // Moves a peer of a small swarm across the boundary between leechers and seeders.
  #setStatus(record: number, peer: number, announcer: Announcer): number {
    const { words, blocks } = this;
    const { status } = announcer;
    const boundary = this.#boundary(record);
    const was = peer < boundary ? LEECHERS : SEEDERS;
    announcer.foundStatus = was;
    if (was === status) return peer;
    const target = status === SEEDERS ? boundary - blocks.stride : boundary;
    if (peer !== target) blocks.exchange(peer, target);
    words[record + TORRENT.leechers + was]--;
    words[record + TORRENT.leechers + status]++;
    return target;
  }

  #addToSet(record: number, { key, keyWord, hash, status, tick }: Announcer): number {
    const peer = this.sets.insert(record, status, hash);
    if (peer !== 0) this.blocks.write(peer, key, keyWord, tick);
    return peer;
  }

  // Moves the peers of a full block to sets. Returns false, and changes nothing, if memory is used
  // up.
  #toSets(record: number): boolean {
    const { words, blocks, sets } = this;
    const block = this.blockOf(record);
    const sizeClass = words[record + TORRENT.storage];
    const leechers = words[record + TORRENT.leechers];
    const seeders = words[record + TORRENT.seeders];
    if (sets.create(record, LEECHERS)) {
      if (sets.create(record, SEEDERS)) {
        let moved = 0;
        for (; moved < leechers + seeders; moved++) {
          const peer = block + moved * blocks.stride;
          const status = moved < leechers ? LEECHERS : SEEDERS;
          const room = sets.insert(record, status, blocks.hashPeer(peer));
          if (room === 0) break;
          blocks.move(peer, room);
        }
        if (moved === leechers + seeders) {
          this.arena.freeBlock(block, sizeClass);
          words[record + TORRENT.storage] = STORAGE_SETS;
          return true;
        }
        sets.destroy(record, SEEDERS);
      }
      sets.destroy(record, LEECHERS);
    }
    words[record + TORRENT.inline] = block;
    words[record + TORRENT.leechers] = leechers;
    words[record + TORRENT.seeders] = seeders;
    return false;
  }

  #destroySets(record: number): void {
    this.sets.destroy(record, LEECHERS);
    this.sets.destroy(record, SEEDERS);
    this.words[record + TORRENT.storage] = STORAGE_INLINE;
  }

  #resize(record: number, sizeClass: SizeClass): boolean {
    const { words, blocks } = this;
    const storage = words[record + TORRENT.storage];
    const from = this.blockOf(record);
    const count = this.count(record);
    if (sizeClass === STORAGE_INLINE) {
      const inline = record + TORRENT.inline;
      words.copyWithin(inline, from, from + count * blocks.stride);
    } else {
      const block = blocks.copyToBlock(from, count, sizeClass);
      if (block === 0) return false;
      words[record + TORRENT.inline] = block;
    }
    if (storage !== STORAGE_INLINE) this.arena.freeBlock(from, storage);
    words[record + TORRENT.storage] = sizeClass;
    return true;
  }

  // The first seeder of a small swarm.
  #boundary(record: number): number {
    return this.blockOf(record) + this.words[record + TORRENT.leechers] * this.blocks.stride;
  }

  #capacity(record: number): number {
    const storage = this.words[record + TORRENT.storage];
    return storage === STORAGE_INLINE ? this.#inlinePeers : 1 << storage;
  }

  #nextSizeClass(record: number): SizeClass {
    const storage = this.words[record + TORRENT.storage];
    return storage === STORAGE_INLINE
      ? this.#minSizeClass
      : Math.min(storage + 1, MAX_SMALL_SIZE_CLASS);
  }
}
