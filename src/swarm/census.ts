// Measures the swarms for the statistics: counts the torrents of all tables by their number of
// peers. The main thread runs it while the workers serve.

import { TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";
import { TableWalk } from "./walk.ts";

/** Sizes below this are counted exactly, larger ones to 1 part in 1,024. */
const EXACT = 2048;
const HALF = EXACT / 2;
const OCTAVES = 20;

/** Peers of one table. */
export interface PeerCounts {
  leechers: number;
  seeders: number;
}

/** Counts the sizes of swarms, step by step. */
export class Census {
  /** Peers counted so far, by table. */
  readonly peers: readonly PeerCounts[];
  #torrents = 0;
  readonly #walks: TableWalk[];
  readonly #sizes = new Uint32Array(EXACT + OCTAVES * HALF);

  constructor(tables: readonly Table[]) {
    this.peers = tables.map(() => ({ leechers: 0, seeders: 0 }));
    this.#walks = tables.map((table, index) => {
      const { words } = table;
      const peers = this.peers[index];
      const visitTorrent = (record: number): void => {
        const leechers = words[record + TORRENT.leechers];
        const seeders = words[record + TORRENT.seeders];
        peers.leechers += leechers;
        peers.seeders += seeders;
        this.#count(leechers + seeders);
      };
      return new TableWalk(table, { visitTorrent });
    });
  }

  /** Counts some more torrents. Returns true once all are counted. */
  step(): boolean {
    while (this.#walks.length > 0) {
      if (!this.#walks[0].step()) return false;
      this.#walks.shift();
    }
    return true;
  }

  #count(peers: number): void {
    this.#sizes[sizeIndex(peers)]++;
    this.#torrents++;
  }

  /** Torrents counted so far. */
  get torrents(): number {
    return this.#torrents;
  }

  /** Returns the number of torrents with up to 1, 2, 4, 8, … peers, but more than half of that. */
  distribution(): number[] {
    const torrents: number[] = [];
    for (const [index, count] of this.#sizes.entries()) {
      if (count === 0) continue;
      const octave = Math.ceil(Math.log2(Math.max(1, sizeOf(index))));
      while (torrents.length <= octave) torrents.push(0);
      torrents[octave] += count;
    }
    return torrents;
  }

  /**
   * Returns the number of peers that `fraction` (0 to 1) of the torrents do not exceed: 0 selects
   * the smallest swarm, 1 the largest. Returns 0 if there are no torrents.
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
