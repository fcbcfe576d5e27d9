// Removes expired peers and the torrents that they leave empty, then returns free memory to the
// system. The main thread runs it while the workers serve.

import { tickAge } from "../memory/clock.ts";
import type { AccessList } from "./access-list.ts";
import { TORRENT } from "./layout.ts";
import { RemovalPass } from "./removal.ts";
import type { Table } from "./table.ts";

/** Returns `count` words of the table, from `word` on, to the system. */
export type ReturnPages = (word: number, count: number) => void;

/** One pass over a table, step by step. */
export class CleaningPass extends RemovalPass {
  /** The low 16 bits of the clock. */
  #tick = 0;
  /** Whether the torrent that is being visited is forbidden. */
  #isForbidden = false;

  constructor(
    table: Table,
    /** Seconds after its last announce at which a peer expires: at most 32,400. */
    private readonly maxAge: number,
    private readonly returnPages: ReturnPages = () => {},
    /** Torrents that it forbids are removed with all their peers. */
    private readonly access?: AccessList,
  ) {
    super(table);
  }

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock. Once the walk is over,
   * each step returns one large free block to the system. Returns true at the end of the pass.
   */
  step(tick: number): boolean {
    this.#tick = tick;
    return this.walk() && !this.table.arena.returnBlock(this.returnPages);
  }

  visitTorrent(record: number): void {
    const infoHash = record + TORRENT.infoHash;
    this.#isForbidden = this.access?.allows(this.table.words, infoHash) === false;
  }

  visitFreeChunk(chunk: number): void {
    this.table.torrents.returnChunk(chunk, this.returnPages);
  }

  protected mustGo(peer: number): boolean {
    return this.#isForbidden || tickAge(this.table.blocks.tickOf(peer), this.#tick) > this.maxAge;
  }
}
