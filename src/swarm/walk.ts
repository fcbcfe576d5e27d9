// Walks over a table: visits its torrents, and their peers if wanted, in small steps. Each step
// holds one shard's lock for a short time, so that no announce waits for a swarm of a million. The
// table changes between steps. Whatever exists throughout is visited; whatever comes or goes
// meanwhile may not be. Peers of a large swarm that grows or shrinks may be visited twice or not at
// all.

import { acquire, release } from "../memory/lock.ts";
import { CHUNK_SLOTS, SHARD, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/**
 * Peers that one step visits before it releases the lock: about 10 µs, or 200 µs from cold memory.
 */
export const MAX_PEERS_PER_STEP = 256;

/**
 * The callbacks of a walk. All but `visitFreeChunk` run under the shard's lock, and may remove
 * peers and torrents that have none left.
 */
export interface TableVisitor {
  /** A torrent that has peers. */
  visitTorrent?(record: number): void;
  /** All peers of a small swarm. */
  visitBlock?(record: number): void;
  /** One bucket of a large swarm's leechers (0) or seeders (1). Buckets come from last to first. */
  visitBucket?(record: number, status: number, bucket: number): void;
  /** Called after all peers of a swarm. */
  leaveTorrent?(record: number): void;
  /** A chunk of records that no shard owns. No lock is held. */
  visitFreeChunk?(chunk: number): void;
}

/** Visits each peer: `visit` gets its swarm, the peer, and 0 for a leecher or 1 for a seeder. */
export function visitPeers(
  table: Table,
  visit: (record: number, peer: number, status: number) => void,
): TableVisitor {
  const { blocks, sets, swarms, words } = table;
  return {
    visitBlock(record) {
      const block = swarms.blockOf(record);
      const leechers = words[record + TORRENT.leechers];
      const count = swarms.count(record);
      for (let i = 0; i < count; i++) {
        visit(record, block + i * blocks.stride, i < leechers ? 0 : 1);
      }
    },
    visitBucket(record, status, bucket) {
      sets.visitPeers(record, status, bucket, (peer) => visit(record, peer, status));
    },
  };
}

/** One walk, from the first torrent to the last. */
export class TableWalk {
  #chunk = 0;
  #slot = 0;
  /** Where the last step stopped in a large swarm. */
  #set = 0;
  #bucket = -1;
  /** Peers that this step may still visit. */
  #budget = 0;

  constructor(
    private readonly table: Table,
    private readonly visitor: TableVisitor,
  ) {}

  /**
   * Takes the next step: one chunk of torrents, or as much of it as one lock may cover. Returns
   * true at the end.
   */
  step(): boolean {
    const { torrents, words } = this.table;
    if (this.#chunk >= torrents.chunks()) return true;
    const shard = torrents.chunkShard(this.#chunk);
    if (shard === 0) {
      this.visitor.visitFreeChunk?.(this.#chunk);
    } else {
      acquire(words, shard + SHARD.lock);
      const isDone = this.#visitChunk(shard);
      release(words, shard + SHARD.lock);
      if (!isDone) return false;
    }
    this.#chunk++;
    this.#slot = -1;
    this.#nextSlot();
    return this.#chunk >= torrents.chunks();
  }

  // Continues from #slot. Returns false if the budget ends before the chunk does.
  #visitChunk(shard: number): boolean {
    const { torrents } = this.table;
    const first = torrents.chunkRecord(this.#chunk);
    this.#budget = MAX_PEERS_PER_STEP;
    // When its last torrent is removed, the chunk may move to a shard whose lock is not held.
    while (this.#slot < CHUNK_SLOTS && torrents.chunkShard(this.#chunk) === shard) {
      if (this.#budget <= 0) return false;
      if (this.#visitSwarm(first + this.#slot * TORRENT.words)) this.#nextSlot();
    }
    return true;
  }

  // Returns false if the budget ends before the swarm does.
  #visitSwarm(record: number): boolean {
    const { swarms, words } = this.table;
    const { visitor } = this;
    const isStart = this.#set === 0 && this.#bucket < 0;
    if (swarms.count(record) === 0) return true;
    if (isStart) visitor.visitTorrent?.(record);
    if (words[record + TORRENT.storage] !== STORAGE_SETS) {
      if (visitor.visitBlock === undefined) return true;
      this.#budget -= swarms.count(record);
      visitor.visitBlock(record);
    } else if (!this.#visitSets(record)) {
      return false;
    }
    visitor.leaveTorrent?.(record);
    return true;
  }

  // A swarm that becomes small meanwhile stays in sets until the walk leaves it.
  #visitSets(record: number): boolean {
    const { sets, swarms } = this.table;
    const { visitor } = this;
    if (visitor.visitBucket === undefined) return true;
    // A record without peers must not wait for the next step, which would take it for a free one.
    while (this.#budget > 0 && swarms.count(record) > 0) {
      const last = sets.buckets(record, this.#set) - 1;
      if (this.#bucket < 0 || this.#bucket > last) this.#bucket = last;
      // Visiting an empty bucket costs something too.
      this.#budget -= 1 + sets.bucketSize(record, this.#set, this.#bucket);
      visitor.visitBucket(record, this.#set, this.#bucket);
      this.#bucket--;
      if (this.#bucket >= 0) continue;
      this.#set++;
      if (this.#set > 1) return true;
    }
    return swarms.count(record) === 0;
  }

  #nextSlot(): void {
    this.#slot++;
    this.#set = 0;
    this.#bucket = -1;
  }
}
