// Removes peers that have not announced themselves for too long, and torrents with their last
// peer. Runs beside the workers: in small steps, each under one lock for a short time, so that
// nobody waits for a swarm of a million to be cleaned.

import { acquire, release } from "../memory/lock.ts";
import { CHUNK_SLOTS, HEADER, SHARD, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Peers that a step looks at before it lets go of the lock: some 10 us, or 200 from cold memory. */
const PEERS_A_STEP = 256;

/**
 * A peer may have announced itself a moment after the cleaner read the clock. 16 bits would call
 * that an age of 18 hours.
 */
const FUTURE_TICKS = 256;

/** Gives memory back to the system: so many words of the table from the offset on. */
export type ReturnPages = (offset: number, words: number) => void;

/** One pass over a table, step by step. */
export class CleaningPass {
  /** Peers removed so far. */
  removed = 0;
  #chunk = 0;
  #slot = 0;
  /** Where in a large swarm the last step ended. */
  #set = 0;
  #bucket = -1;
  /** Peers that this step may still look at. */
  #budget = 0;

  constructor(
    private readonly table: Table,
    /** Seconds after its last announce at which a peer goes, at most 32,400. */
    private readonly maxAge: number,
    private readonly returnPages: ReturnPages = () => {},
  ) {}

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock: one chunk of torrents, or
   * as much of it as may be done under one lock; at the end, one large stretch of free memory. True
   * when the pass is done.
   */
  step(tick: number): boolean {
    const { arena, torrents } = this.table;
    if (this.#chunk >= torrents.chunks()) return !arena.returnBlock(this.returnPages);
    const shard = torrents.chunkShard(this.#chunk);
    if (shard === 0) torrents.returnChunk(this.#chunk, this.returnPages);
    else if (!this.#cleanChunk(shard, tick)) return false;
    this.#chunk++;
    this.#slot = -1;
    this.#nextSlot();
    return false;
  }

  // From #slot on; false when the budget ends before the chunk does.
  #cleanChunk(shard: number, tick: number): boolean {
    const { torrents, words } = this.table;
    const first = torrents.chunkRecord(this.#chunk);
    const isExpired = (peerTick: number): boolean => {
      const age = (tick - peerTick) & 0xffff;
      return age > this.maxAge && age < 0x10000 - FUTURE_TICKS;
    };
    acquire(words, shard + SHARD.lock);
    const removedBefore = this.removed;
    this.#budget = PEERS_A_STEP;
    // The chunk goes to another shard, whose lock is not held, once its last torrent has gone.
    while (this.#slot < CHUNK_SLOTS && torrents.chunkShard(this.#chunk) === shard) {
      if (this.#budget <= 0) break;
      if (this.#cleanSwarm(first + this.#slot * TORRENT.words, isExpired)) this.#nextSlot();
    }
    const isDone = this.#budget > 0 || this.#slot === CHUNK_SLOTS;
    const removed = this.removed - removedBefore;
    if (removed > 0) Atomics.sub(words, HEADER.peers, removed);
    release(words, shard + SHARD.lock);
    return isDone;
  }

  // False when the budget ends before the swarm does.
  #cleanSwarm(record: number, isExpired: (tick: number) => boolean): boolean {
    const { swarms, words } = this.table;
    if (swarms.count(record) === 0) return true;
    if (words[record + TORRENT.storage] !== STORAGE_SETS) this.#cleanBlock(record, isExpired);
    else if (!this.#cleanSets(record, isExpired)) return false;
    if (swarms.count(record) === 0) this.table.removeTorrent(record);
    return true;
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
    this.#budget -= swarms.count(record);
    // Going down: whoever takes the place of a removed peer has been looked at.
    for (let i = swarms.count(record) - 1; i >= 0; i--) {
      const peer = block + i * blocks.stride;
      if (!isExpired(blocks.tickOf(peer))) continue;
      this.table.forgetPeer(peer);
      swarms.removeFromBlock(record, peer);
      this.removed++;
    }
    if (this.removed > before) swarms.shrinkBlock(record);
  }

  // True when the whole swarm has been cleaned. Between steps it may grow, shrink, go, or leave its
  // place to another swarm: then a few buckets are looked at twice, or not before the next pass.
  #cleanSets(record: number, isExpired: (tick: number) => boolean): boolean {
    const { blocks, sets, swarms } = this.table;
    // A record without peers must not be left to the next step, which would take it for a free one.
    while (this.#budget > 0 && swarms.count(record) > 0) {
      const last = sets.buckets(record, this.#set) - 1;
      if (this.#bucket < 0 || this.#bucket > last) this.#bucket = last;
      // An empty bucket is looked at as well.
      this.#budget -= 1 + sets.bucketSize(record, this.#set, this.#bucket);
      this.removed += sets.expireBucket(record, this.#set, this.#bucket, (peer) => {
        if (!isExpired(blocks.tickOf(peer))) return false;
        this.table.forgetPeer(peer);
        return true;
      });
      this.#bucket--;
      if (this.#bucket >= 0) continue;
      this.#set++;
      if (this.#set > 1) {
        swarms.leaveSets(record);
        return true;
      }
    }
    return swarms.count(record) === 0;
  }
}
