// Removes the peers of a table that must go, and the torrents that they leave empty, while the
// workers serve. The subclasses decide which peers these are.

import { HEADER, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";
import { type TableVisitor, TableWalk } from "./walk.ts";

/** One pass over a table, step by step. */
export abstract class RemovalPass implements TableVisitor {
  /** Peers removed so far. */
  removed = 0;
  readonly #walk: TableWalk;

  constructor(protected readonly table: Table) {
    this.#walk = new TableWalk(table, this);
  }

  /** Whether a peer must go. Called under the shard's lock. */
  protected abstract mustGo(peer: number): boolean;

  /** Takes the next step of the walk. Returns true at its end. */
  protected walk(): boolean {
    const removedBefore = this.removed;
    const isOver = this.#walk.step();
    const removed = this.removed - removedBefore;
    if (removed > 0) Atomics.sub(this.table.words, HEADER.peers, removed);
    return isOver;
  }

  visitBlock(record: number): void {
    const { blocks, swarms } = this.table;
    const block = swarms.blockOf(record);
    const before = this.removed;
    // From the last to the first: the peer that replaces a removed one has already been checked.
    for (let i = swarms.count(record) - 1; i >= 0; i--) {
      const peer = block + i * blocks.stride;
      if (this.#forget(peer)) swarms.removeFromBlock(record, peer);
    }
    if (this.removed > before) swarms.shrinkBlock(record);
  }

  visitBucket(record: number, status: number, bucket: number): void {
    this.table.sets.removePeers(record, status, bucket, this.#forget);
  }

  leaveTorrent(record: number): void {
    const { swarms, words } = this.table;
    if (words[record + TORRENT.storage] === STORAGE_SETS) swarms.leaveSets(record);
    if (swarms.count(record) === 0) this.table.removeTorrent(record);
  }

  // Returns whether the peer must go, and if so counts it as removed.
  readonly #forget = (peer: number): boolean => {
    if (!this.mustGo(peer)) return false;
    this.table.forgetPeer(peer);
    this.removed++;
    return true;
  };
}
