// Makes the processor fetch the memory for a whole batch of announces before the first of them is
// carried out. In a table larger than the caches, waiting for memory is most of an announce's cost.
// Each loop does one kind of read and is short, so that the processor overlaps many iterations. No
// lock is held: a value may be stale, and only determines the next read.

import {
  ANNOUNCE,
  FLAG_SEEDER,
  FLAG_STOPPED,
  HEADER,
  STORAGE_INLINE,
  STORAGE_SETS,
  TORRENT,
} from "./layout.ts";
import type { Table } from "./table.ts";

/** Buckets that hold what clients ask for: some 50 peers. */
const BUCKETS = 3;

/** Words of a cache line. */
const LINE = 16;

/** Words from one entry of a directory to the next. */
const ENTRY_WORDS = 2;

/** Read in place of nothing. */
const NOTHING = HEADER.magic;

/** Prefetches from one table for batches of up to `maxAnnounces` announces. */
export class Prefetch {
  /** Never read. Without it, the compiler would remove reads whose values are not used. */
  sink = 0;
  readonly #announces: Int32Array;
  readonly #records: Int32Array;
  /** The block in which the peer is looked for. */
  readonly #blocks: Int32Array;
  /** Those of the announces that are to large swarms. */
  readonly #large: Int32Array;
  /** Where the block is noted in the directory; where the peers to hand out begin. */
  readonly #entries: Int32Array;
  #count = 0;

  constructor(
    private readonly table: Table,
    maxAnnounces: number,
  ) {
    this.#announces = new Int32Array(maxAnnounces);
    this.#records = new Int32Array(maxAnnounces);
    this.#blocks = new Int32Array(maxAnnounces);
    this.#large = new Int32Array(maxAnnounces);
    this.#entries = new Int32Array(maxAnnounces);
  }

  /** Adds the announce at `announceWord`, with its hashes, to the batch. */
  add(announceWord: number): void {
    this.#announces[this.#count++] = announceWord;
  }

  /** Prefetches for the batch, whose announces are all in `request`, and starts a new one. */
  run(request: Int32Array): void {
    const count = this.#count;
    if (count === 0) return;
    this.#findRecords(request, count);
    const large = this.#findBlocks(request, count);
    if (large > 0) this.#readEntries(request, large);
    this.#readBlocks(count);
    if (large > 0) this.#readHandouts(request, large);
    this.#count = 0;
  }

  // Two of three torrents are the first in their bucket, nearly all others the second.
  #findRecords(request: Int32Array, count: number): void {
    const { torrents, words } = this.table;
    const announces = this.#announces;
    const records = this.#records;
    for (let i = 0; i < count; i++) {
      records[i] = torrents.first(request[announces[i] + ANNOUNCE.torrentHash]);
    }
    let sink = 0;
    for (let i = 0; i < count; i++) sink ^= words[records[i] + TORRENT.hash];
    for (let i = 0; i < count; i++) {
      const record = records[i];
      const hash = request[announces[i] + ANNOUNCE.torrentHash];
      if (record !== 0 && words[record + TORRENT.hash] !== hash) records[i] = torrents.next(record);
    }
    this.sink = sink;
  }

  // Returns the number of large swarms, whose blocks are found in their directories.
  #findBlocks(request: Int32Array, count: number): number {
    const { sets, words } = this.table;
    let large = 0;
    for (let i = 0; i < count; i++) {
      const record = this.#records[i];
      const announce = this.#announces[i];
      const storage = words[record + TORRENT.storage];
      this.#blocks[i] = NOTHING;
      if (record === 0 || storage === STORAGE_INLINE) continue;
      if (storage === STORAGE_SETS) {
        const status = request[announce + ANNOUNCE.flags] & FLAG_SEEDER;
        this.#large[large] = i;
        this.#entries[large] = sets.entry(record, status, request[announce + ANNOUNCE.peerHash]);
        large++;
      } else {
        this.#blocks[i] = words[record + TORRENT.inline];
      }
    }
    return large;
  }

  // Reads from directories: where the peer is, and the candidates for the start of the handout.
  #readEntries(request: Int32Array, large: number): void {
    const { sets, swarms, words } = this.table;
    for (let i = 0; i < large; i++) this.#blocks[this.#large[i]] = words[this.#entries[i]];
    let sink = 0;
    for (let i = 0; i < large; i++) {
      const announce = this.#announces[this.#large[i]];
      const record = this.#records[this.#large[i]];
      const status = request[announce + ANNOUNCE.flags] & FLAG_SEEDER;
      const first = swarms.guessFirstSet(record, status, request[announce + ANNOUNCE.seed]);
      sink ^= sets.readCandidates(record, first);
    }
    this.sink = sink;
  }

  #readBlocks(count: number): void {
    const { words } = this.table;
    let sink = 0;
    for (let i = 0; i < count; i++) {
      const block = this.#blocks[i];
      sink ^= words[block] ^ words[block + LINE];
    }
    this.sink = sink;
  }

  // Reads the peers that will be handed out: those of three buckets, as many as clients ask for.
  #readHandouts(request: Int32Array, large: number): void {
    const { sets, swarms, words } = this.table;
    let starts = 0;
    for (let i = 0; i < large; i++) {
      const announce = this.#announces[this.#large[i]];
      const record = this.#records[this.#large[i]];
      const flags = request[announce + ANNOUNCE.flags];
      if (request[announce + ANNOUNCE.numwant] === 0 || (flags & FLAG_STOPPED) !== 0) continue;
      const seed = request[announce + ANNOUNCE.seed];
      const start = sets.guessStart(
        record,
        swarms.guessFirstSet(record, flags & FLAG_SEEDER, seed),
      );
      if (start !== 0) this.#entries[starts++] = start;
    }
    const { stride } = this.table.blocks;
    let sink = 0;
    for (let i = 0; i < starts; i++) {
      const first = this.#entries[i];
      for (let entry = first; entry < first + BUCKETS * ENTRY_WORDS; entry += ENTRY_WORDS) {
        const block = words[entry];
        const last = block + (words[entry + 1] & 0xffff) * stride - 1;
        sink ^= words[block] ^ words[block + LINE] ^ words[last];
      }
    }
    this.sink = sink;
  }
}
