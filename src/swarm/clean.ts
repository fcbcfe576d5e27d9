// Removes expired peers and the torrents that they leave empty, then returns free memory to the
// system. The main thread runs it while the workers serve.

import { tickAge } from "../memory/clock.ts";
import type { AccessList } from "./access-list.ts";
import { HEADER, STORAGE_INLINE, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";
import { type TableVisitor, TableWalk } from "./walk.ts";

/** Returns `count` words of the table, from `word` on, to the system. */
export type ReturnPages = (word: number, count: number) => void;

/** One pass over a table, step by step. */
export class CleaningPass implements TableVisitor {
  /** Peers removed so far. */
  removed = 0;
  /** The low 16 bits of the clock. */
  #tick = 0;
  /** Whether the torrent that is being visited is forbidden. */
  #isForbidden = false;
  readonly #walk: TableWalk;

  constructor(
    private readonly table: Table,
    /** Seconds after its last announce at which a peer expires: at most 32,400. */
    private readonly maxAge: number,
    private readonly returnPages: ReturnPages = () => {},
    /** Torrents that it forbids are removed with all their peers. */
    private readonly access?: AccessList,
  ) {
    this.#walk = new TableWalk(table, this);
  }

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock. Once the walk is over,
   * each step returns one large free block to the system. Returns true at the end of the pass.
   */
  step(tick: number): boolean {
    this.#tick = tick;
    const removedBefore = this.removed;
    const isOver = this.#walk.step();
    const removed = this.removed - removedBefore;
    if (removed > 0) Atomics.sub(this.table.words, HEADER.peers, removed);
    return isOver && !this.table.arena.returnBlock(this.returnPages);
  }

  visitTorrent(record: number): void {
    const infoHash = record + TORRENT.infoHash;
    this.#isForbidden = this.access?.allows(this.table.words, infoHash) === false;
  }

  visitBlock(record: number): void {
    const { blocks, swarms, words } = this.table;
    const inline = record + TORRENT.inline;
    const block = words[record + TORRENT.storage] === STORAGE_INLINE ? inline : words[inline];
    const before = this.removed;
    // From the last to the first: the peer that replaces a removed one has already been checked.
    for (let i = swarms.count(record) - 1; i >= 0; i--) {
      const peer = block + i * blocks.stride;
      if (this.#forgetExpired(peer)) swarms.removeFromBlock(record, peer);
    }
    if (this.removed > before) swarms.shrinkBlock(record);
  }

  visitBucket(record: number, status: number, bucket: number): void {
    this.table.sets.removePeers(record, status, bucket, this.#forgetExpired);
  }

  leaveTorrent(record: number): void {
    const { swarms, words } = this.table;
    if (words[record + TORRENT.storage] === STORAGE_SETS) swarms.leaveSets(record);
    if (swarms.count(record) === 0) this.table.removeTorrent(record);
  }

  visitFreeChunk(chunk: number): void {
    this.table.torrents.returnChunk(chunk, this.returnPages);
  }

  // Returns whether the peer has expired or must go, and if so counts it as removed.
  readonly #forgetExpired = (peer: number): boolean => {
    if (!this.#isForbidden && tickAge(this.table.blocks.tickOf(peer), this.#tick) <= this.maxAge)
      return false;
    this.table.forgetPeer(peer);
    this.removed++;
    return true;
  };
}
