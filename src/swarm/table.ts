// A table: torrents and the peers of one kind, in memory that all workers share. Each worker has a
// view of its own; a lock for each shard keeps the workers apart.

import { Draws } from "../memory/draws.ts";
import { isLater } from "../memory/clock.ts";
import { halfSipHash13 } from "../memory/hash.ts";
import { acquire, release } from "../memory/lock.ts";
import { Random } from "../memory/random.ts";
import { AddressCounts } from "./address-counts.ts";
import { Announcer } from "./announcer.ts";
import { Arena } from "./arena.ts";
import { Handout } from "./handout.ts";
import {
  ANNOUNCE,
  FLAG_MERGE,
  FLAG_SEEDER,
  FLAG_STOPPED,
  FLAG_TAKE_OVER,
  HEADER,
  type IdentityBytes,
  INFO_HASH_WORDS,
  MAGIC,
  planTable,
  SHARD,
  type TableLimits,
  type TablePlan,
  TORRENT,
  VERSION,
} from "./layout.ts";
import { PeerBlocks } from "./peer-blocks.ts";
import { PeerSets } from "./peer-sets.ts";
import { Swarms } from "./swarms.ts";
import { TableResult } from "./table-result.ts";
import { shardWord, Torrents } from "./torrents.ts";

/** Returned by `announce` when a new peer or torrent would exceed the table's limits. */
export const TABLE_FULL = -1;
/** Returned by `announce` when another connection holds the peer. */
export const PEER_HELD = -2;
/** Returned by `announce` when a new peer would exceed the limit for its address. */
export const ADDRESS_FULL = -3;

/** What a worker needs to view a table that the main thread created. */
export interface TableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly identityBytes: IdentityBytes;
  readonly limits: TableLimits;
}

/**
 * Reserves and initializes the memory of a table for peers of one kind. `key` is two random words.
 * Throws a RangeError if the limits need more than 4 GiB or if the system does not grant the
 * address space.
 */
export function createTable(
  identityBytes: IdentityBytes,
  limits: TableLimits,
  key: Int32Array,
): TableMemory {
  const plan = planTable(identityBytes, limits);
  const buffer = new SharedArrayBuffer(plan.words * 4);
  const words = new Int32Array(buffer);
  words.set(key.subarray(0, 2), HEADER.key);
  words[HEADER.magic] = MAGIC;
  words[HEADER.version] = VERSION;
  words[HEADER.arenaFresh] = plan.arena;
  Torrents.initialize(words);
  return { buffer, identityBytes, limits };
}

/** One thread's view of a table. */
export class Table {
  readonly words: Int32Array;
  readonly arena: Arena;
  readonly torrents: Torrents;
  readonly swarms: Swarms;
  readonly sets: PeerSets;
  readonly blocks: PeerBlocks;
  /** The result of the last `announce`, `scrape` or `findPeer`, valid until the next of them. */
  readonly result = new TableResult();
  readonly #addresses: AddressCounts | undefined;
  readonly #plan: TablePlan;
  readonly #random: Random;
  readonly #announcer = new Announcer();
  readonly #handout = new Handout();

  /** Throws a RangeError if the memory holds no table of this version. */
  constructor(memory: TableMemory, random = Random.fromEntropy()) {
    const plan = planTable(memory.identityBytes, memory.limits);
    const words = new Int32Array(memory.buffer);
    if (words[HEADER.magic] !== MAGIC || words[HEADER.version] !== VERSION) {
      throw new RangeError(`no table of version ${VERSION}`);
    }
    const arena = new Arena(words, plan);
    this.arena = arena;
    this.#plan = plan;
    this.words = words;
    this.torrents = new Torrents(words, plan);
    this.blocks = new PeerBlocks(words, arena, plan);
    this.#random = random;
    const draws = new Draws();
    this.sets = new PeerSets(words, arena, this.blocks, draws);
    this.#addresses = plan.maxPeersPerAddress > 0 ? new AddressCounts(words, plan) : undefined;
    this.swarms = new Swarms(words, arena, this.blocks, this.sets, draws, plan);
  }

  /** Torrents in the table. */
  get torrentCount(): number {
    return Atomics.load(this.words, HEADER.torrents);
  }

  /** Peers in the table. */
  get peerCount(): number {
    return Atomics.load(this.words, HEADER.peers);
  }

  /**
   * Completes the announce at `request[requestWord]` with the hashes of its torrent and its peer,
   * and with the random number from which the peers to hand out are drawn.
   */
  hashAnnounce(request: Int32Array, requestWord: number): void {
    request[requestWord + ANNOUNCE.torrentHash] = this.#hashInfoHash(
      request,
      requestWord + ANNOUNCE.infoHash,
    );
    request[requestWord + ANNOUNCE.peerHash] = this.blocks.hashKey(
      request,
      requestWord + ANNOUNCE.peer,
    );
    request[requestWord + ANNOUNCE.seed] = this.#random.next();
  }

  /**
   * Carries out the announce at `request[requestWord]` (see ANNOUNCE) at the time `tick`, the low
   * 16 bits of the clock. Copies peers for the response to `halves` from `half` on and returns
   * their number, or TABLE_FULL, ADDRESS_FULL or PEER_HELD. PEER_HELD means that another connection
   * holds the peer and FLAG_TAKE_OVER is not set. Fills `result`. Stopping a peer that another
   * connection holds changes nothing.
   */
  announce(
    request: Int32Array,
    requestWord: number,
    tick: number,
    halves: Uint16Array,
    half: number,
  ): number {
    const { words, torrents } = this;
    const infoHashWord = requestWord + ANNOUNCE.infoHash;
    const flags = request[requestWord + ANNOUNCE.flags];
    const hash = request[requestWord + ANNOUNCE.torrentHash];
    const lock = shardWord(hash) + SHARD.lock;
    acquire(words, lock);
    let record = torrents.find(hash, request, infoHashWord);
    let peers = 0;
    this.#readAnnouncer(request, requestWord, tick);
    if ((flags & FLAG_STOPPED) !== 0) {
      this.result.wasRemoved = false;
      if (record !== 0) record = this.#removePeer(record, flags);
    } else {
      const isNew = record === 0;
      if (isNew) record = torrents.add(hash, request, infoHashWord);
      const peer = record === 0 ? TABLE_FULL : this.#putPeer(record, flags);
      if (peer < 0) {
        if (isNew && record !== 0) torrents.remove(record);
        release(words, lock);
        return peer;
      }
      const handout = this.#handout;
      handout.halves = halves;
      handout.half = half;
      handout.wanted = request[requestWord + ANNOUNCE.numwant];
      handout.seed = request[requestWord + ANNOUNCE.seed];
      handout.requester = peer;
      this.swarms.handOut(record, flags & FLAG_SEEDER, handout);
      peers = (handout.half - half) / (this.#plan.peerWords * 2 - 1);
    }
    this.#readCounts(record);
    release(words, lock);
    return peers;
  }

  /** Stores the counts of the info hash at `request[infoHashWord]` in `result`. */
  scrape(request: Int32Array, infoHashWord: number): void {
    const { words } = this;
    const hash = this.#hashInfoHash(request, infoHashWord);
    const lock = shardWord(hash) + SHARD.lock;
    acquire(words, lock);
    this.#readCounts(this.torrents.find(hash, request, infoHashWord));
    release(words, lock);
  }

  /**
   * Looks up the peer of the announce at `request[requestWord]`, which has its hashes already.
   * Returns whether the peer exists and stores its connection in `result`.
   */
  findPeer(request: Int32Array, requestWord: number): boolean {
    const { words } = this;
    const hash = request[requestWord + ANNOUNCE.torrentHash];
    const lock = shardWord(hash) + SHARD.lock;
    acquire(words, lock);
    const record = this.torrents.find(hash, request, requestWord + ANNOUNCE.infoHash);
    this.#readAnnouncer(request, requestWord, 0);
    const peer = record === 0 ? 0 : this.swarms.find(record, this.#announcer);
    if (peer !== 0) this.#readHolder(peer);
    release(words, lock);
    return peer !== 0;
  }

  /** Removes a torrent that has no peers left. The caller holds the shard's lock. */
  removeTorrent(record: number): void {
    this.swarms.clear(record);
    this.torrents.remove(record);
  }

  /**
   * Changes this thread's limit of peers for each address; 0 for no limit. A table that was created
   * without a limit does not count, and ignores this.
   */
  limitAddresses(maxPeers: number): void {
    if (this.#addresses !== undefined) this.#addresses.max = maxPeers || Infinity;
  }

  /** Stops counting a peer that is about to be removed by something other than an announce. */
  forgetPeer(peer: number): void {
    this.#addresses?.remove(this.words, peer);
  }

  #readAnnouncer(request: Int32Array, requestWord: number, tick: number): void {
    const announcer = this.#announcer;
    announcer.key = request;
    announcer.keyWord = requestWord + ANNOUNCE.peer;
    announcer.hash = request[requestWord + ANNOUNCE.peerHash];
    announcer.status = request[requestWord + ANNOUNCE.flags] & FLAG_SEEDER;
    announcer.tick = tick;
  }

  // Adds or updates the announcing peer. Returns its word, TABLE_FULL, ADDRESS_FULL or PEER_HELD.
  #putPeer(record: number, flags: number): number {
    const { result, words, swarms } = this;
    const announcer = this.#announcer;
    const { key, keyWord } = announcer;
    const known = swarms.find(record, announcer);
    if (known !== 0) {
      result.isNewcomer = !this.blocks.isHeldBy(known, key, keyWord);
      if (result.isNewcomer && (flags & FLAG_TAKE_OVER) === 0) {
        this.#readHolder(known);
        return PEER_HELD;
      }
      result.lastTick = this.blocks.tickOf(known);
      result.wasUpdated = (flags & FLAG_MERGE) === 0 || !this.#isSuperseded(result.lastTick);
      if (!result.wasUpdated) return known;
      const peer = swarms.update(record, known, announcer);
      result.lastStatus = announcer.foundStatus;
      return peer || TABLE_FULL;
    }
    result.isNewcomer = true;
    if (this.#addresses?.add(key, keyWord) === false) return ADDRESS_FULL;
    if (Atomics.add(words, HEADER.peers, 1) < this.#plan.maxPeers) {
      const peer = swarms.add(record, announcer);
      if (peer !== 0) return peer;
    }
    Atomics.sub(words, HEADER.peers, 1);
    this.#addresses?.remove(key, keyWord);
    return TABLE_FULL;
  }

  // Returns the record, or 0 if the torrent was removed with its last peer.
  #removePeer(record: number, flags: number): number {
    const { words, swarms } = this;
    const announcer = this.#announcer;
    const peer = swarms.find(record, announcer);
    if (peer === 0 || !this.blocks.isHeldBy(peer, announcer.key, announcer.keyWord)) return record;
    if ((flags & FLAG_MERGE) !== 0 && isLater(this.blocks.tickOf(peer), announcer.tick)) {
      return record;
    }
    this.result.wasRemoved = true;
    this.#addresses?.remove(words, peer);
    swarms.remove(record, peer, announcer);
    Atomics.sub(words, HEADER.peers, 1);
    if (swarms.count(record) > 0) return record;
    this.removeTorrent(record);
    return 0;
  }

  // Whether an announce of the peer at `tick` is later than the announcing one, or says more in the
  // same second: peers become seeders, and hardly ever leechers again.
  #isSuperseded(tick: number): boolean {
    const announcer = this.#announcer;
    return isLater(tick, announcer.tick) || (tick === announcer.tick && announcer.status === 0);
  }

  #readHolder(peer: number): void {
    this.result.connection = this.blocks.connectionOf(peer);
    this.result.generation = this.blocks.generationOf(peer);
  }

  #hashInfoHash(key: Int32Array, keyWord: number): number {
    return halfSipHash13(this.words, HEADER.key, key, keyWord, INFO_HASH_WORDS);
  }

  #readCounts(record: number): void {
    const { result, words } = this;
    result.leechers = record === 0 ? 0 : words[record + TORRENT.leechers];
    result.seeders = record === 0 ? 0 : words[record + TORRENT.seeders];
  }
}
