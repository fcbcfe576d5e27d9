// The peers of this node, written for others that ask for them: one that has just joined, or has
// missed messages. A walk over the table passes them on in payloads, step by step, while the
// workers serve.

import { tickAge } from "../../memory/clock.ts";
import { FLAG_SEEDER, TORRENT } from "../../swarm/layout.ts";
import type { Table } from "../../swarm/table.ts";
import { TableWalk, visitPeers } from "../../swarm/walk.ts";
import { workerOf } from "../connections.ts";
import { ChangeWriter } from "./change-codec.ts";

export class OwnPeers {
  readonly #walk: TableWalk;
  readonly #writer: ChangeWriter;
  /** Complete, but not passed on while a lock is held. */
  #payloads: Buffer[] = [];
  #tick = 0;

  constructor(
    private readonly table: Table,
    private readonly linkWorker: number,
    maxBytes: number,
  ) {
    this.#writer = new ChangeWriter(maxBytes, (payload) => {
      this.#payloads.push(Buffer.from(payload));
    });
    const visitor = visitPeers(table, (record, peer, status) => this.#add(record, peer, status));
    this.#walk = new TableWalk(table, visitor);
  }

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock, and passes on the peers
   * that it has found. None waits for more: a later change of a peer must not overtake it. Returns
   * true at the end.
   */
  step(tick: number, pass: (payload: Buffer) => void): boolean {
    this.#tick = tick;
    const isOver = this.#walk.step();
    this.#writer.flush();
    for (const payload of this.#payloads) pass(payload);
    this.#payloads = [];
    return isOver;
  }

  #add(record: number, peer: number, status: number): void {
    const { blocks, words } = this.table;
    if (workerOf(blocks.connectionOf(peer)) === this.linkWorker) return;
    const flags = status === 0 ? 0 : FLAG_SEEDER;
    const age = tickAge(blocks.tickOf(peer), this.#tick);
    this.#writer.add(words, record + TORRENT.infoHash, words, peer, flags, age);
  }
}
