// The peers of a large swarm: its leechers in one set and its seeders in another. Each set is a
// hash table of blocks that grows and shrinks by one bucket at a time (linear hashing), so an
// announce costs the same among a hundred peers and a million. Callers hold the lock of the swarm's
// shard.
//
//   a set:        [ directory | buckets | directory's size in bits ]        3 words of the record
//   an entry:     [ block | peers in it, size class of it << 16 ]           2 words of a directory
//
// The record counts the peers of a set, at `record[TORRENT.leechers + status]`.

import type { Draws } from "../memory/draws.ts";
import type { Arena, SizeClass } from "./arena.ts";
import type { Handout } from "./handout.ts";
import { TORRENT } from "./layout.ts";
import { fitsHalf, MAX_SIZE_CLASS, type PeerBlocks } from "./peer-blocks.ts";
import { linearBucket, splitSource } from "./torrents.ts";

const SET_WORDS = 3;
const BUCKETS = 1;
const DIRECTORY_BITS = 2;

const ENTRY_WORDS = 2;
const FILL = 1;

/** A set splits a bucket when it has more peers per bucket than this … */
const MAX_PEERS_PER_BUCKET = 16;
/** … and merges two buckets when it has fewer than this. */
const MIN_PEERS_PER_BUCKET = 10;

/** The smallest block of the arena has room for this many entries. */
const MIN_DIRECTORY_BITS = 3;
const MAX_DIRECTORY_BITS = 24;
const MIN_SIZE_CLASS: SizeClass = 3;

/**
 * A random start is a bucket and an index of 6 bits in it, drawn again until there is a peer at
 * that index, so every peer is equally likely. A bucket that is about to be split holds 32 peers on
 * average; the odds of more than 64 are one in ten million.
 */
const INDEX_BITS = 6;
/** With fewer buckets than this, counting through them is faster than drawing again and again. */
const MIN_BUCKETS_TO_DRAW = 33;
/** Draws that are prefetched: nine of ten starts are found with fewer. */
const PREFETCHED_DRAWS = 8;
/** Words of a cache line. */
const LINE = 16;

/** The sets of the large swarms of one table. `status` is 0 for leechers and 1 for seeders. */
export class PeerSets {
  /** The result of `#draw`: a bucket, and an index in it. */
  #drawnBucket = 0;
  #drawnIndex = 0;

  constructor(
    private readonly words: Int32Array,
    private readonly arena: Arena,
    private readonly blocks: PeerBlocks,
    private readonly draws: Draws,
  ) {}

  /**
   * Creates an empty set and sets its count to 0. Returns false, and changes nothing, if memory is
   * used up.
   */
  create(record: number, status: number): boolean {
    const { words } = this;
    const directory = this.arena.allocateDirectory(MIN_DIRECTORY_BITS);
    if (directory === 0) return false;
    const set = wordOfSet(record, status);
    words[set] = directory;
    words[set + BUCKETS] = 1;
    words[set + DIRECTORY_BITS] = MIN_DIRECTORY_BITS;
    words[directory] = 0;
    words[directory + FILL] = 0;
    words[record + TORRENT.leechers + status] = 0;
    return true;
  }

  /** Frees all memory of a set. */
  destroy(record: number, status: number): void {
    const { words } = this;
    const set = wordOfSet(record, status);
    const directory = words[set];
    for (let bucket = 0; bucket < words[set + BUCKETS]; bucket++) {
      const entry = directory + bucket * ENTRY_WORDS;
      if (words[entry] !== 0) this.arena.freeBlock(words[entry], words[entry + FILL] >>> 16);
    }
    this.arena.freeDirectory(directory, words[set + DIRECTORY_BITS]);
  }

  /** Returns the word of the peer with the key at `key[keyWord]`, whose hash is `hash`, or 0. */
  find(record: number, status: number, hash: number, key: Int32Array, keyWord: number): number {
    const entry = this.#entry(wordOfSet(record, status), hash);
    return this.blocks.find(this.words[entry], this.words[entry + FILL] & 0xffff, key, keyWord);
  }

  /** Returns the word of the directory entry for peers with this hash. */
  entry(record: number, status: number, hash: number): number {
    return this.#entry(wordOfSet(record, status), hash);
  }

  /**
   * Makes room for a peer with this hash, counts it and returns its word; 0 if memory is used up.
   */
  insert(record: number, status: number, hash: number): number {
    const { words } = this;
    const set = wordOfSet(record, status);
    const count = words[record + TORRENT.leechers + status];
    if (count >= words[set + BUCKETS] * MAX_PEERS_PER_BUCKET) this.#split(set);
    const peer = this.#append(this.#entry(set, hash));
    if (peer !== 0) words[record + TORRENT.leechers + status] = count + 1;
    return peer;
  }

  /** Removes `peer`, whose hash is `hash`. */
  remove(record: number, status: number, hash: number, peer: number): void {
    this.#take(this.#entry(wordOfSet(record, status), hash), peer);
    this.words[record + TORRENT.leechers + status]--;
    this.#mergeSparse(record, status);
  }

  /**
   * Removes the peers of one bucket for which `isUnwanted` returns true. Going from the last bucket
   * to the first visits every peer, even if buckets are merged on the way.
   */
  removePeers(
    record: number,
    status: number,
    bucket: number,
    isUnwanted: (peer: number) => boolean,
  ): void {
    const { words, blocks } = this;
    const entry = words[wordOfSet(record, status)] + bucket * ENTRY_WORDS;
    let removed = 0;
    for (let i = (words[entry + FILL] & 0xffff) - 1; i >= 0; i--) {
      const peer = words[entry] + i * blocks.stride;
      if (!isUnwanted(peer)) continue;
      this.#take(entry, peer);
      removed++;
    }
    words[record + TORRENT.leechers + status] -= removed;
    if (removed > 0) this.#mergeSparse(record, status);
  }

  /** Visits the peers of one bucket. */
  visitPeers(record: number, status: number, bucket: number, visit: (peer: number) => void): void {
    const { words, blocks } = this;
    const entry = words[wordOfSet(record, status)] + bucket * ENTRY_WORDS;
    const count = words[entry + FILL] & 0xffff;
    for (let i = 0; i < count; i++) visit(words[entry] + i * blocks.stride);
  }

  /** Number of buckets of a set. */
  buckets(record: number, status: number): number {
    return this.words[wordOfSet(record, status) + BUCKETS];
  }

  /** Number of peers in one bucket of a set. */
  bucketSize(record: number, status: number, bucket: number): number {
    return this.words[this.words[wordOfSet(record, status)] + bucket * ENTRY_WORDS + FILL] & 0xffff;
  }

  /**
   * Copies all peers of a set to `to`, one after the other, and returns the word after the last.
   */
  copyAll(record: number, status: number, to: number): number {
    const { words, blocks } = this;
    const set = wordOfSet(record, status);
    for (let bucket = 0; bucket < words[set + BUCKETS]; bucket++) {
      const entry = words[set] + bucket * ENTRY_WORDS;
      const peers = (words[entry + FILL] & 0xffff) * blocks.stride;
      words.copyWithin(to, words[entry], words[entry] + peers);
      to += peers;
    }
    return to;
  }

  /**
   * Hands out the peers from a random one to the end of the set; `handOutRest` continues from the
   * start. The set must hold a peer other than the announcing one.
   */
  handOutFromRandom(record: number, status: number, handout: Handout): void {
    const { words, blocks } = this;
    const set = wordOfSet(record, status);
    let entry: number;
    let peer: number;
    do {
      this.#draw(record, status, Infinity);
      entry = words[set] + this.#drawnBucket * ENTRY_WORDS;
      peer = words[entry] + this.#drawnIndex * blocks.stride;
    } while (peer === handout.requester);
    blocks.handOut(peer, this.#endOf(entry), handout);
    this.#handOutBuckets(set, this.#drawnBucket + 1, handout);
  }

  // The next two prefetch for `handOutFromRandom`, with `draws` where it will be then. No lock is
  // held, so the words may be anything: these loops end whatever they read.

  /** Reads the entries from which the start will be drawn. The result has no meaning. */
  readCandidates(record: number, status: number): number {
    const { words, draws } = this;
    const set = wordOfSet(record, status);
    const directory = words[set];
    const buckets = words[set + BUCKETS];
    let sink = 0;
    if (buckets < MIN_BUCKETS_TO_DRAW) {
      for (let i = 0; i < buckets * ENTRY_WORDS; i += LINE) sink ^= words[directory + i];
    } else {
      for (let i = 0; i < PREFETCHED_DRAWS; i++) {
        sink ^= words[directory + draws.below(buckets) * ENTRY_WORDS];
        draws.next();
      }
    }
    return sink;
  }

  /** Returns the word of the entry at which the handout will begin; 0 if that is too far away. */
  guessStart(record: number, status: number): number {
    if (!this.#draw(record, status, PREFETCHED_DRAWS)) return 0;
    return this.words[wordOfSet(record, status)] + this.#drawnBucket * ENTRY_WORDS;
  }

  /** Hands out the peers of the set from its first bucket on, until enough are copied. */
  handOutRest(record: number, status: number, handout: Handout): void {
    this.#handOutBuckets(wordOfSet(record, status), 0, handout);
  }

  #handOutBuckets(set: number, first: number, handout: Handout): void {
    const { words } = this;
    const end = words[set] + words[set + BUCKETS] * ENTRY_WORDS;
    let entry = words[set] + first * ENTRY_WORDS;
    for (; entry < end && handout.wanted > 0; entry += ENTRY_WORDS) {
      this.blocks.handOut(words[entry], this.#endOf(entry), handout);
    }
  }

  // Draws a bucket and an index in it. Returns false if that takes more than `maxDraws` draws.
  #draw(record: number, status: number, maxDraws: number): boolean {
    const { words, draws } = this;
    const set = wordOfSet(record, status);
    const directory = words[set];
    const buckets = words[set + BUCKETS];
    let bucket = 0;
    let index: number;
    if (buckets < MIN_BUCKETS_TO_DRAW) {
      index = draws.below(words[record + TORRENT.leechers + status]);
      for (; bucket < buckets - 1; bucket++) {
        const fill = words[directory + bucket * ENTRY_WORDS + FILL] & 0xffff;
        if (index < fill) break;
        index -= fill;
      }
    } else {
      let fill: number;
      let left = maxDraws;
      do {
        if (left-- === 0) return false;
        bucket = draws.below(buckets);
        index = draws.next() >>> (32 - INDEX_BITS);
        fill = words[directory + bucket * ENTRY_WORDS + FILL] & 0xffff;
      } while (index >= fill);
      if (fill > 1 << INDEX_BITS) index = draws.below(fill);
    }
    this.#drawnBucket = bucket;
    this.#drawnIndex = index;
    return true;
  }

  #entry(set: number, hash: number): number {
    return this.words[set] + linearBucket(hash, this.words[set + BUCKETS]) * ENTRY_WORDS;
  }

  #endOf(entry: number): number {
    return this.words[entry] + (this.words[entry + FILL] & 0xffff) * this.blocks.stride;
  }

  // Makes room for one more peer at the end of a bucket.
  #append(entry: number): number {
    const { words } = this;
    const count = words[entry + FILL] & 0xffff;
    if (!this.#reserve(entry, count + 1)) return 0;
    words[entry + FILL]++;
    return words[entry] + count * this.blocks.stride;
  }

  // Ensures that a bucket's block has room for `count` peers. Returns false, and changes nothing,
  // if memory is used up.
  #reserve(entry: number, count: number): boolean {
    const { words } = this;
    let sizeClass = MIN_SIZE_CLASS;
    if (words[entry] !== 0) {
      sizeClass = words[entry + FILL] >>> 16;
      if (count <= 1 << sizeClass) return true;
    }
    while (1 << sizeClass < count) sizeClass++;
    return this.#resize(entry, sizeClass);
  }

  // Removes a peer from its bucket by moving the bucket's last peer into its position.
  #take(entry: number, peer: number): void {
    const { words, blocks } = this;
    const last = this.#endOf(entry) - blocks.stride;
    if (peer !== last) blocks.move(last, peer);
    words[entry + FILL]--;
    this.#shrink(entry);
  }

  // Moves a bucket to the smallest block with enough room. Keeps the old block if memory is used
  // up. An empty bucket has no block.
  #shrink(entry: number): void {
    const { words } = this;
    if (words[entry] === 0) return;
    const count = words[entry + FILL] & 0xffff;
    const sizeClass = words[entry + FILL] >>> 16;
    let smaller = sizeClass;
    while (smaller > MIN_SIZE_CLASS && fitsHalf(count, smaller)) smaller--;
    if (count === 0) {
      this.arena.freeBlock(words[entry], sizeClass);
      words[entry] = 0;
      words[entry + FILL] = 0;
    } else if (smaller < sizeClass) {
      this.#resize(entry, smaller);
    }
  }

  #resize(entry: number, sizeClass: SizeClass): boolean {
    const { words } = this;
    if (sizeClass > MAX_SIZE_CLASS) return false;
    const fill = words[entry + FILL];
    const block = this.blocks.copyToBlock(words[entry], fill & 0xffff, sizeClass);
    if (block === 0) return false;
    if (words[entry] !== 0) this.arena.freeBlock(words[entry], fill >>> 16);
    words[entry] = block;
    words[entry + FILL] = (sizeClass << 16) | (fill & 0xffff);
    return true;
  }

  // Adds a bucket and moves those peers of its source to it that now hash there. Allocates all
  // memory first; if memory is used up, the set keeps its buckets.
  #split(set: number): void {
    const { words, blocks } = this;
    const bucket = words[set + BUCKETS];
    if (bucket === 1 << words[set + DIRECTORY_BITS] && !this.#resizeDirectory(set, 1)) return;
    const source = words[set] + splitSource(bucket) * ENTRY_WORDS;
    const target = words[set] + bucket * ENTRY_WORDS;
    const count = words[source + FILL] & 0xffff;
    words[target] = 0;
    words[target + FILL] = 0;
    if (!this.#reserve(target, count)) return;
    words[set + BUCKETS] = bucket + 1;
    for (let i = count - 1; i >= 0; i--) {
      const peer = words[source] + i * blocks.stride;
      if (linearBucket(blocks.hashPeer(peer), bucket + 1) !== bucket) continue;
      blocks.move(peer, this.#append(target));
      this.#take(source, peer);
    }
    this.#shrink(target);
  }

  #mergeSparse(record: number, status: number): void {
    const { words } = this;
    const set = wordOfSet(record, status);
    const count = words[record + TORRENT.leechers + status];
    while (
      words[set + BUCKETS] > 1 &&
      count < words[set + BUCKETS] * MIN_PEERS_PER_BUCKET &&
      this.#merge(set)
    );
  }

  // Moves the last bucket back to the one it was split from. Returns false, and changes nothing, if
  // there is no room for it.
  #merge(set: number): boolean {
    const { words, blocks } = this;
    const bucket = words[set + BUCKETS] - 1;
    const source = words[set] + bucket * ENTRY_WORDS;
    const target = words[set] + splitSource(bucket) * ENTRY_WORDS;
    const count = words[source + FILL] & 0xffff;
    if (count > 0) {
      if (!this.#reserve(target, (words[target + FILL] & 0xffff) + count)) return false;
      for (let i = 0; i < count; i++) {
        blocks.move(words[source] + i * blocks.stride, this.#append(target));
      }
      this.arena.freeBlock(words[source], words[source + FILL] >>> 16);
    }
    words[set + BUCKETS] = bucket;
    const bits = words[set + DIRECTORY_BITS];
    if (bits > MIN_DIRECTORY_BITS && bucket <= 1 << (bits - 2)) this.#resizeDirectory(set, -1);
    return true;
  }

  #resizeDirectory(set: number, change: 1 | -1): boolean {
    const { words } = this;
    const old = words[set];
    const bits = words[set + DIRECTORY_BITS];
    if (bits + change > MAX_DIRECTORY_BITS) return false;
    const directory = this.arena.allocateDirectory(bits + change);
    if (directory === 0) return false;
    words.copyWithin(directory, old, old + words[set + BUCKETS] * ENTRY_WORDS);
    this.arena.freeDirectory(old, bits);
    words[set] = directory;
    words[set + DIRECTORY_BITS] = bits + change;
    return true;
  }
}

function wordOfSet(record: number, status: number): number {
  return record + TORRENT.inline + status * SET_WORDS;
}
