// The swarms of a table as words that mean the same in any process: no hashes, no positions, no
// clock. One thread writes them while the workers serve; another process reads them at its start.
//
//   a swarm    [ info hash: 5 | peers that follow ]
//   a peer     as in the table (see peer-blocks.ts), but the upper half of its last word has
//              [ seeder: 1 bit | seconds since its last announce: 15 bits ]
//
// A large swarm may be in several parts, and a peer in two of them.

import { tickAge, tickOf } from "../memory/clock.ts";
import { ANNOUNCE, CHUNK_SLOTS, FLAG_SEEDER, INFO_HASH_WORDS, TORRENT } from "./layout.ts";
import { MAX_SIZE_CLASS } from "./peer-blocks.ts";
import type { Table } from "./table.ts";
import { MAX_PEERS_PER_STEP, TableWalk, visitPeers } from "./walk.ts";

const HEAD_WORDS = INFO_HASH_WORDS + 1;
/** The bits of a peer's age in the upper half of its last word. Older peers have this age. */
export const SNAPSHOT_MAX_AGE = 0x7fff;
/** The bit of a seeder there. */
export const SNAPSHOT_SEEDER = 0x8000;

/** Words of one part of a snapshot, after which it is passed on. */
const PART_WORDS = 1 << 16;

/**
 * Words that one step of the walk may add to a part, for peers of `stride` words: its last bucket
 * may go beyond its budget, and each of its torrents needs a head.
 */
export function snapshotStepWords(stride: number): number {
  return (MAX_PEERS_PER_STEP + (1 << MAX_SIZE_CLASS)) * stride + CHUNK_SLOTS * HEAD_WORDS;
}

/** What of a table is written, and how much at a time. */
export interface SnapshotOptions {
  /** Words of one part, after which it is passed on. It has fewer than snapshotStepWords more. */
  readonly partWords?: number;
  /** Peers whose last announce is longer ago, in seconds, are left out. */
  readonly maxAge?: number;
}

/** Writes the swarms of one table, part by part. */
export class SnapshotEncoder {
  /** The part that is being written, up to `length`. */
  readonly words: Int32Array;
  length = 0;
  /** Peers written so far. */
  peers = 0;
  /** The head of the swarm that is being written; -1 if there is none. */
  #head = -1;
  #record = 0;
  readonly #walk: TableWalk;
  readonly #partWords: number;
  readonly #maxAge: number;

  constructor(
    private readonly table: Table,
    /** The tick at which ages are taken. */
    public tick: number,
    { maxAge = Infinity, partWords = PART_WORDS }: SnapshotOptions = {},
  ) {
    this.#partWords = partWords;
    this.#maxAge = maxAge;
    this.words = new Int32Array(partWords + snapshotStepWords(table.blocks.stride));
    const visitor = visitPeers(table, (record, peer, status) => this.#add(record, peer, status));
    this.#walk = new TableWalk(table, visitor);
  }

  /**
   * Starts a new part, and fills it in at most `maxSteps` steps of the walk. Returns true if it is
   * the last one.
   */
  next(maxSteps = Infinity): boolean {
    this.length = 0;
    for (let steps = 1; ; steps++) {
      const isOver = this.#walk.step();
      // Between steps, the record may go to another torrent.
      this.#head = -1;
      if (isOver || this.length >= this.#partWords || steps >= maxSteps) return isOver;
    }
  }

  #add(record: number, peer: number, status: number): void {
    const { blocks, words: from } = this.table;
    const { words } = this;
    const age = Math.min(SNAPSHOT_MAX_AGE, tickAge(blocks.tickOf(peer), this.tick));
    if (age > this.#maxAge) return;
    if (this.#head < 0 || this.#record !== record) this.#begin(record);
    const last = blocks.stride - 1;
    for (let i = 0; i < last; i++) words[this.length + i] = from[peer + i];
    const state = age | (status === 0 ? 0 : SNAPSHOT_SEEDER);
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

/**
 * Visits the peers of a part, of `stride` words each: calls `visit` with the words of the swarm's
 * info hash and of the peer. Returns false, at the first word that is wrong, if the part is not
 * whole.
 */
export function readSnapshotPart(
  words: Int32Array,
  stride: number,
  visit: (headWord: number, peerWord: number) => void,
): boolean {
  let word = 0;
  while (word + HEAD_WORDS <= words.length) {
    const count = words[word + INFO_HASH_WORDS];
    const end = word + HEAD_WORDS + count * stride;
    if (count < 1 || end > words.length) return false;
    for (let peer = word + HEAD_WORDS; peer < end; peer += stride) visit(word, peer);
    word = end;
  }
  return word === words.length;
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
    return readSnapshotPart(words, this.table.blocks.stride, (head, peer) => {
      this.#readPeer(words, head, peer);
    });
  }

  #readPeer(words: Int32Array, head: number, peer: number): void {
    const { restored, table } = this;
    const { elapsed, maxAge, now } = this.age;
    const request = this.#request;
    const last = table.blocks.stride - 1;
    const state = words[peer + last] >>> 16;
    const age = (state & SNAPSHOT_MAX_AGE) + elapsed;
    if (age > maxAge) {
      restored.expired++;
      return;
    }
    for (let i = 0; i < INFO_HASH_WORDS; i++) request[ANNOUNCE.infoHash + i] = words[head + i];
    for (let i = 0; i < last; i++) request[ANNOUNCE.peer + i] = words[peer + i];
    request[ANNOUNCE.peer + last] = words[peer + last] & 0xffff;
    request[ANNOUNCE.flags] = (state & SNAPSHOT_SEEDER) === 0 ? 0 : FLAG_SEEDER;
    request[ANNOUNCE.numwant] = 0;
    table.hashAnnounce(request, 0);
    const result = table.announce(request, 0, tickOf(now - age), this.#none, 0);
    if (result < 0) restored.refused++;
    else if (table.result.isNewcomer) restored.peers++;
  }
}
