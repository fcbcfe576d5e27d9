// Removes peers that have not announced themselves for too long, and torrents with their last
// peer. Runs beside the workers: in small steps, each under one lock for a short time, so that
// nobody waits for a swarm of a million to be cleaned.

import { acquire, release } from "../memory/lock.ts";
import { CHUNK_SLOTS, HEADER, SHARD, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Buckets of a large swarm, of some 16 peers each, that a step looks at. */
const BUCKETS_A_STEP = 32;

/**
 * A peer may have announced itself a moment after the cleaner read the clock. 16 bits would call
 * that an age of 18 hours.
 */
const FUTURE_TICKS = 256;

/** One pass over a table, step by step. */
export class CleaningPass {
  /** Peers removed so far. */
  removed = 0;
  #chunk = 0;
  #slot = 0;
  /** Where in a large swarm the last step ended. */
  #set = 0;
  #bucket = -1;

  constructor(
    private readonly table: Table,
    /** Seconds after its last announce at which a peer goes, at most 32,400. */
    private readonly maxAge: number,
  ) {}

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock: one chunk of torrents,
   * or a part of it up to where a large swarm asks for steps of its own. True when the pass is
   * done.
   */
  step(tick: number): boolean {
    const { torrents, words } = this.table;
    if (this.#chunk >= torrents.chunks()) return true;
    const shard = torrents.chunkShard(this.#chunk);
    const isExpired = (peerTick: number): boolean => {
      const age = (tick - peerTick) & 0xffff;
      return age > this.maxAge && age < 0x10000 - FUTURE_TICKS;
    };
    if (shard !== 0) {
      acquire(words, shard + SHARD.lock);
      const removedBefore = this.removed;
      this.#cleanChunk(torrents.chunkRecord(this.#chunk), isExpired);
      const removed = this.removed - removedBefore;
      if (removed > 0) Atomics.sub(words, HEADER.peers, removed);
      release(words, shard + SHARD.lock);
      if (this.#slot < CHUNK_SLOTS) return false;
    }
    this.#slot = 0;
    this.#chunk++;
    return this.#chunk >= torrents.chunks();
  }

  // From #slot on, to the end of the chunk or of this step's share of a large swarm.
  #cleanChunk(first: number, isExpired: (tick: number) => boolean): void {
    const { swarms, words } = this.table;
    for (; this.#slot < CHUNK_SLOTS; this.#nextSlot()) {
      const record = first + this.#slot * TORRENT.words;
      if (swarms.count(record) === 0) continue;
      if (words[record + TORRENT.storage] === STORAGE_SETS) {
        if (!this.#cleanSets(record, isExpired)) return;
      } else {
        this.#cleanBlock(record, isExpired);
      }
      if (swarms.count(record) === 0) this.table.removeTorrent(record);
    }
  }

  #nextSlot(): void {
    this.#slot++;
    this.#set = 0;
    this.#bucket = -1;
  }

  #cleanBlock(record: number, isExpired: (tick: number) => boolean): void {
    const { blocks, swarms, words } = this.table;
    const storage = words[record + TORRENT.storage];
    const inline = record + TORRENT.inline;
    const block = storage === 0 ? inline : words[inline];
    const before = this.removed;
    // Going down: whoever takes the place of a removed peer has been looked at.
    for (let i = swarms.count(record) - 1; i >= 0; i--) {
      const peer = block + i * blocks.stride;
      if (!isExpired(blocks.tickOf(peer))) continue;
      swarms.removeFromBlock(record, peer);
      this.removed++;
    }
    if (this.removed > before) swarms.shrinkBlock(record);
  }

  // True when the whole swarm has been cleaned. Between steps it may grow, shrink, go, or leave its
  // place to another swarm: then a few buckets are looked at twice, or not before the next pass.
  #cleanSets(record: number, isExpired: (tick: number) => boolean): boolean {
    const { sets, swarms } = this.table;
    for (let budget = BUCKETS_A_STEP; budget > 0; budget--) {
      const last = sets.buckets(record, this.#set) - 1;
      if (this.#bucket < 0 || this.#bucket > last) this.#bucket = last;
      this.removed += sets.expireBucket(record, this.#set, this.#bucket, isExpired);
      this.#bucket--;
      if (this.#bucket >= 0) continue;
      this.#set++;
      if (this.#set > 1) {
        swarms.leaveSets(record);
        return true;
      }
    }
    return false;
  }
}
