// Has the processor fetch what a batch of announces is about, for all of them at once, before the
// first is carried out: in a table larger than its caches, waiting for memory is most of what an
// announce costs. Each loop makes one kind of read, and is so short that the processor works on
// many rounds of it at a time. No lock is held: what is read may be out of date, and is not used
// for anything but the next read.

import { ANNOUNCE, FLAG_SEEDER, STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Words of one cache line. */
const LINE = 16;

/** Prefetches from one table, for batches of up to `maxAnnounces` announces. */
export class Prefetch {
  /** Read by nobody; but for it, the compiler would leave out reads whose values are not used. */
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

  /** Adds the announce at the offset `at`, with its hashes, to the batch. */
  add(announceWord: number): void {
    this.#announces[this.#count++] = announceWord;
  }

  /** Prefetches for the batch, whose announces are all in `request`, and begins the next. */
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
