// Makes the processor fetch the memory for a whole batch of announces before the first of them is
// carried out. In a table larger than the caches, waiting for memory is most of an announce's cost.
// Each loop does one kind of read and is short, so that the processor overlaps many iterations. No
// lock is held: a value may be stale, and only determines the next read.

import { ANNOUNCE, FLAG_SEEDER, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Words of a cache line. */
const LINE = 16;

/** Prefetches from one table for batches of up to `maxAnnounces` announces. */
export class Prefetch {
  /** Never read. Without it, the compiler would remove reads whose values are not used. */
  sink = 0;
  readonly #announces: Int32Array;
  readonly #targets: Int32Array;
  #count = 0;

  constructor(
    private readonly table: Table,
    maxAnnounces: number,
  ) {
    this.#announces = new Int32Array(maxAnnounces);
    this.#targets = new Int32Array(maxAnnounces);
  }

  /** Adds the announce at `announceWord`, with its hashes, to the batch. */
  add(announceWord: number): void {
    this.#announces[this.#count++] = announceWord;
  }

  /** Prefetches for the batch, whose announces are all in `request`, and starts a new one. */
  run(request: Int32Array): void {
    const { sets, torrents, words } = this.table;
    const announces = this.#announces;
    const targets = this.#targets;
    const count = this.#count;
    let sink = 0;
    for (let i = 0; i < count; i++) {
      targets[i] = torrents.guess(request[announces[i] + ANNOUNCE.torrentHash]);
    }
    for (let i = 0; i < count; i++) {
      const record = targets[i];
      const announce = announces[i];
      const status = request[announce + ANNOUNCE.flags] & FLAG_SEEDER;
      const isLarge = words[record + TORRENT.storage] === STORAGE_SETS;
      targets[i] = isLarge ? sets.entry(record, status, request[announce + ANNOUNCE.peerHash]) : 0;
    }
    for (let i = 0; i < count; i++) targets[i] = words[targets[i]];
    for (let i = 0; i < count; i++) sink ^= words[targets[i]] ^ words[targets[i] + LINE];
    this.sink = sink;
    this.#count = 0;
  }
}
