// The peers of this node, written for others that ask for them: one that has just joined, or has missed
// messages. A walk over the table passes them on in payloads, step by step, while the workers serve.

import { tickAge } from "../../memory/clock.ts";
import { FLAG_SEEDER, STORAGE_INLINE, TORRENT } from "../../swarm/layout.ts";
import type { Table } from "../../swarm/table.ts";
import { TableWalk } from "../../swarm/walk.ts";
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
    this.#walk = new TableWalk(table, {
      visitBlock: (record) => this.#addBlock(record),
      visitBucket: (record, status, bucket) => {
        table.sets.visitPeers(record, status, bucket, (peer) => this.#add(record, peer, status));
      },
    });
  }

  /**
   * Takes the next step at the time `tick`, the low 16 bits of the clock, and passes on the peers that it
   * has found. None waits for more: a later change of a peer must not overtake it. Returns true at the
   * end.
   */
  step(tick: number, pass: (payload: Buffer) => void): boolean {
    this.#tick = tick;
    const isOver = this.#walk.step();
    this.#writer.flush();
    for (const payload of this.#payloads) pass(payload);
    this.#payloads = [];
    return isOver;
  }

  #addBlock(record: number): void {
    const { blocks, words } = this.table;
    const inline = record + TORRENT.inline;
    const block = words[record + TORRENT.storage] === STORAGE_INLINE ? inline : words[inline];
    const leechers = words[record + TORRENT.leechers];
    const count = leechers + words[record + TORRENT.seeders];
    for (let i = 0; i < count; i++) {
      this.#add(record, block + i * blocks.stride, i < leechers ? 0 : 1);
    }
  }

  #add(record: number, peer: number, status: number): void {
    const { blocks, words } = this.table;
    if (workerOf(blocks.connectionOf(peer)) === this.linkWorker) return;
    const flags = status === 0 ? 0 : FLAG_SEEDER;
    const age = tickAge(blocks.tickOf(peer), this.#tick);
    this.#writer.add(words, record + TORRENT.infoHash, words, peer, flags, age);
  }
}
