// How large the swarms are: counts the torrents of all tables by their number of peers, for the
// statistics. Reads the records as they lie in memory, without a lock: a count that changes
// meanwhile is counted as it was or as it will be.

import { CHUNK_SLOTS, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";

/** Sizes up to here are counted exactly, larger ones to 1 part in 1,024. */
const EXACT = 2048;
const HALF = EXACT / 2;
const OCTAVES = 20;

/** Chunks of torrents that a step counts. */
const CHUNKS_A_STEP = 256;

/** The sizes of swarms, counted step by step. */
export class Census {
  #torrents = 0;
  #table = 0;
  #chunk = 0;
  readonly #sizes = new Uint32Array(EXACT + OCTAVES * HALF);

  constructor(private readonly tables: readonly Table[]) {}

  /** Counts some more torrents; true when all have been. */
  step(): boolean {
    const table = this.tables[this.#table];
    if (table === undefined) return true;
    const end = Math.min(table.torrents.chunks(), this.#chunk + CHUNKS_A_STEP);
    for (; this.#chunk < end; this.#chunk++) {
      const first = table.torrents.chunkRecord(this.#chunk);
      for (let slot = 0; slot < CHUNK_SLOTS; slot++) {
        const peers = table.swarms.count(first + slot * TORRENT.words);
        if (peers <= 0) continue;
        this.#sizes[sizeIndex(peers)]++;
        this.#torrents++;
      }
    }
    if (end === table.torrents.chunks()) {
      this.#table++;
      this.#chunk = 0;
    }
    return this.#table === this.tables.length;
  }

  /** Torrents counted. */
  get torrents(): number {
    return this.#torrents;
  }

  /**
   * The number of peers that `fraction` (0 to 1) of the torrents do not exceed: 0 is the smallest
   * swarm, 1 the largest. 0 when there are no torrents.
   */
  percentile(fraction: number): number {
    let left = Math.max(1, Math.ceil(this.#torrents * fraction));
    if (left > this.#torrents) return 0;
    for (let index = 0; ; index++) {
      left -= this.#sizes[index];
      if (left <= 0) return sizeOf(index);
    }
  }
}

function sizeIndex(peers: number): number {
  if (peers < EXACT) return peers;
  const shift = 21 - Math.clz32(peers);
  return EXACT + (shift - 1) * HALF + ((peers >>> shift) - HALF);
}

function sizeOf(index: number): number {
  if (index < EXACT) return index;
  const octave = Math.floor((index - EXACT) / HALF);
  return (((index - EXACT) % HALF) + HALF) * 2 ** (octave + 1);
}
