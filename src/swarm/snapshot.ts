// The swarms of a table as words that mean the same in any process: no hashes, no positions, no
// clock. One thread writes them while the workers serve; another process reads them at its start.
//
//   a swarm    [ info hash: 5 | peers that follow ]
//   a peer     as in the table (see peer-blocks.ts), but the upper half of its last word has
//              [ seeder: 1 bit | seconds since its last announce: 15 bits ]
//
// A large swarm may be in several parts, and a peer in two of them.

import { tickAge, tickOf } from "../memory/clock.ts";
import { ANNOUNCE, FLAG_SEEDER, INFO_HASH_WORDS, STORAGE_INLINE, TORRENT } from "./layout.ts";
import type { Table } from "./table.ts";
import { TableWalk } from "./walk.ts";

const HEAD_WORDS = INFO_HASH_WORDS + 1;
const MAX_AGE = 0x7fff;
const SEEDER_BIT = 0x8000;

/** Words of one part of a snapshot, after which it is passed on … */
const PART_WORDS = 1 << 16;
/** … and room for what one step of the walk may add. */
const STEP_WORDS = 1 << 14;

/** Writes the swarms of one table, part by part. */
export class SnapshotEncoder {
  /** The part that is being written, up to `length`. */
  readonly words = new Int32Array(PART_WORDS + STEP_WORDS);
  length = 0;
  /** Peers written so far. */
  peers = 0;
  /** The head of the swarm that is being written; -1 if there is none. */
  #head = -1;
  #record = 0;
  readonly #walk: TableWalk;

  constructor(
    private readonly table: Table,
    /** The tick at which all ages are taken. */
    private readonly tick: number,
  ) {
    this.#walk = new TableWalk(table, {
      visitBlock: (record) => this.#addBlock(record),
      visitBucket: (record, status, bucket) => {
        table.sets.visitPeers(record, status, bucket, (peer) => this.#add(record, peer, status));
      },
    });
  }

  /** Starts a new part, and fills it. Returns true if it is the last one. */
  next(): boolean {
    this.length = 0;
    for (;;) {
      const isOver = this.#walk.step();
      // Between steps, the record may go to another torrent.
      this.#head = -1;
      if (isOver || this.length >= PART_WORDS) return isOver;
    }
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
    const { blocks, words: from } = this.table;
    const { words } = this;
    if (this.#head < 0 || this.#record !== record) this.#begin(record);
    const last = blocks.stride - 1;
    for (let i = 0; i < last; i++) words[this.length + i] = from[peer + i];
    const age = Math.min(MAX_AGE, tickAge(blocks.tickOf(peer), this.tick));
    const state = age | (status === 0 ? 0 : SEEDER_BIT);
    words[this.length + last] = (from[peer + last] & 0xffff) | (state << 16);
    this.length += blocks.stride;
    words[this.#head + INFO_HASH_WORDS]++;
    this.peers++;
  }

  #begin(record: number): void {
    const { words } = this;
    this.#head = this.length;
    this.#record = record;
    for (let i = 0; i < INFO_HASH_WORDS; i++) {
      words[this.length + i] = this.table.words[record + TORRENT.infoHash + i];
    }
    words[this.length + INFO_HASH_WORDS] = 0;
    this.length += HEAD_WORDS;
  }
}

/** What became of the peers in a snapshot. */
export interface Restored {
  /** Peers that are in the table now. */
  peers: number;
  /** Peers that have expired. */
  expired: number;
  /** Peers for which the table has no room. */
  refused: number;
}

/** How old a snapshot is. */
export interface SnapshotAge {
  /** The second of the clock now. */
  readonly now: number;
  /** Seconds since the ages were taken. */
  readonly elapsed: number;
  /** Seconds after its last announce at which a peer expires. */
  readonly maxAge: number;
}

/** Reads parts of a snapshot into a table. */
export class SnapshotDecoder {
  readonly restored: Restored = { peers: 0, expired: 0, refused: 0 };
  readonly #request = new Int32Array(ANNOUNCE.words);
  readonly #none = new Uint16Array(0);

  constructor(
    private readonly table: Table,
    private readonly age: SnapshotAge,
  ) {}

  /** Reads one part. Returns false if it is not one of a table of this kind. */
  read(words: Int32Array): boolean {
    const { stride } = this.table.blocks;
    let word = 0;
    while (word + HEAD_WORDS <= words.length) {
      const count = words[word + INFO_HASH_WORDS];
      const end = word + HEAD_WORDS + count * stride;
      if (count < 1 || end > words.length) return false;
      for (let i = 0; i < INFO_HASH_WORDS; i++) {
        this.#request[ANNOUNCE.infoHash + i] = words[word + i];
      }
      for (let peer = word + HEAD_WORDS; peer < end; peer += stride) this.#readPeer(words, peer);
      word = end;
    }
    return word === words.length;
  }

  #readPeer(words: Int32Array, peer: number): void {
    const { restored, table } = this;
    const { elapsed, maxAge, now } = this.age;
    const request = this.#request;
    const last = table.blocks.stride - 1;
    const state = words[peer + last] >>> 16;
    const age = (state & MAX_AGE) + elapsed;
    if (age > maxAge) {
      restored.expired++;
      return;
    }
    for (let i = 0; i < last; i++) request[ANNOUNCE.peer + i] = words[peer + i];
    request[ANNOUNCE.peer + last] = words[peer + last] & 0xffff;
    request[ANNOUNCE.flags] = (state & SEEDER_BIT) === 0 ? 0 : FLAG_SEEDER;
    request[ANNOUNCE.numwant] = 0;
    table.hashAnnounce(request, 0);
    const result = table.announce(request, 0, tickOf(now - age), this.#none, 0);
    if (result < 0) restored.refused++;
    else if (table.result.isNewcomer) restored.peers++;
  }
}
