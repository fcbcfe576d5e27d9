// Removes the WebTorrent peers that nobody holds any more, because the node of a cluster through
// which they announced themselves is gone. The link thread runs it while the workers serve.

import { RemovalPass } from "./removal.ts";
import type { Table } from "./table.ts";

/** One pass over a table, step by step. */
export class AbandonedPass extends RemovalPass {
  constructor(
    table: Table,
    private readonly isGone: (connection: number, generation: number) => boolean,
  ) {
    super(table);
  }

  /** Takes the next step. Returns true at the end of the pass. */
  step(): boolean {
    return this.walk();
  }

  protected mustGo(peer: number): boolean {
    const { blocks } = this.table;
    return this.isGone(blocks.connectionOf(peer), blocks.generationOf(peer));
  }
}
