// Has the processor fetch what a batch of announces is about, for all of them at once, before the
// first is carried out: in a table larger than its caches, waiting for memory is most of what an
// announce costs. Each loop makes one kind of read, and is so short that the processor works on
// many rounds of it at a time. No lock is held: what is read may be out of date, and is not used
// for anything but the next read.

import { STORAGE_SETS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Words of one cache line. */
const LINE = 16;

/** Prefetches from one table, for batches of up to `most` announces. */
export class Prefetch {
  /** The seeded hashes of the info hashes, to be filled in by the caller. */
  readonly torrents: Int32Array;
  /** The seeded hashes of the peers. */
  readonly peers: Int32Array;
  /** What they are: 0 leechers, 1 seeders. */
  readonly which: Uint8Array;
  /** Read by nobody; but for it, the compiler would leave out reads whose values are not used. */
  sink = 0;
  readonly #offsets: Int32Array;

  constructor(
    readonly table: Table,
    most: number,
  ) {
    this.torrents = new Int32Array(most);
    this.peers = new Int32Array(most);
    this.which = new Uint8Array(most);
    this.#offsets = new Int32Array(most);
  }

  /** Prefetches for the first `count` announces. */
  run(count: number): void {
    const { peers, table, torrents, which } = this;
    const { sets, words } = table;
    const offsets = this.#offsets;
    let sink = 0;
    for (let i = 0; i < count; i++) offsets[i] = table.torrents.guess(torrents[i]);
    for (let i = 0; i < count; i++) {
      const record = offsets[i];
      const isLarge = words[record + TORRENT.storage] === STORAGE_SETS;
      offsets[i] = isLarge ? sets.entry(record, which[i], peers[i]) : 0;
    }
    for (let i = 0; i < count; i++) offsets[i] = words[offsets[i]];
    for (let i = 0; i < count; i++) sink ^= words[offsets[i]] ^ words[offsets[i] + LINE];
    this.sink = sink;
  }
}
