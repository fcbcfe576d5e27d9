// The torrents of a table: finds, adds and removes their records. Each shard indexes its torrents
// by linear hashing. The index grows by one bucket at a time, so no announce pays for a rehash of
// the whole index. Records come in chunks of one page: shards take them from a common pool and
// return them when the last torrent of a chunk is gone. Callers hold the shard's lock.

import { acquire, release } from "../memory/lock.ts";
import {
  CHUNK,
  CHUNK_SLOTS,
  INITIAL_BUCKETS,
  HEADER,
  INFO_HASH_WORDS,
  SHARD,
  SHARD_BITS,
  SHARDS,
  TORRENT,
  type TablePlan,
} from "./layout.ts";

/**
 * Returns the bucket of `hash` among `buckets` buckets; those past the last power of two have been
 * split.
 */
export function linearBucket(hash: number, buckets: number): number {
  const mask = 0x7fffffff >>> (Math.clz32(buckets) - 1);
  const bucket = hash & mask;
  return bucket < buckets ? bucket : bucket & (mask >>> 1);
}

/** Returns the bucket that is split when `bucket` is added. */
export function splitSource(bucket: number): number {
  return bucket & (0x7fffffff >>> Math.clz32(bucket));
}

/** The torrent records of one table. */
export class Torrents {
  readonly #heads: number;
  readonly #bucketsPerShard: number;
  readonly #chunks: number;
  readonly #maxChunks: number;
  readonly #maxTorrents: number;
  /** Slots count from 1, so that 0 means none. */
  readonly #slotZero: number;

  constructor(
    private readonly words: Int32Array,
    private readonly plan: TablePlan,
  ) {
    this.#heads = plan.heads;
    this.#bucketsPerShard = plan.bucketsPerShard;
    this.#chunks = plan.chunks;
    this.#maxChunks = plan.maxChunks;
    this.#maxTorrents = plan.maxTorrents;
    this.#slotZero = plan.torrents - TORRENT.words;
  }

  /** Initializes the shards in zeroed memory. */
  static initialize(words: Int32Array): void {
    for (let shard = 0; shard < SHARDS; shard++) {
      words[HEADER.words + shard * SHARD.words + SHARD.buckets] = INITIAL_BUCKETS;
    }
  }

  /** Returns the record of the info hash at `key[keyWord]`, whose seeded hash is `hash`, or 0. */
  find(hash: number, key: Int32Array, keyWord: number): number {
    const { words } = this;
    let slot = words[this.#head(hash)];
    while (slot !== 0) {
      const record = this.#slotZero + slot * TORRENT.words;
      if (words[record] === hash && this.#isSame(record + TORRENT.infoHash, key, keyWord))
        return record;
      slot = words[record + TORRENT.next];
    }
    return 0;
  }

  /** Returns the first record in the bucket of `hash`, for most torrents their own; 0 for none. */
  first(hash: number): number {
    const slot = this.words[this.#head(hash)];
    return slot === 0 ? 0 : this.#slotZero + slot * TORRENT.words;
  }

  /** Returns the record after `record` in its bucket; 0 for none. */
  next(record: number): number {
    const slot = this.words[record + TORRENT.next];
    return slot === 0 ? 0 : this.#slotZero + slot * TORRENT.words;
  }

  /** Adds an empty record with inline storage and returns it; 0 if the table is full. */
  add(hash: number, key: Int32Array, keyWord: number): number {
    const { words } = this;
    if (Atomics.add(words, HEADER.torrents, 1) >= this.#maxTorrents) {
      Atomics.sub(words, HEADER.torrents, 1);
      return 0;
    }
    const shard = shardWord(hash);
    if (words[shard + SHARD.freeChunk] === 0 && !this.#takeChunk(shard)) {
      Atomics.sub(words, HEADER.torrents, 1);
      return 0;
    }
    const slot = this.#takeSlot(shard);
    const record = this.#slotZero + slot * TORRENT.words;
    words[shard + SHARD.torrents]++;
    if (words[shard + SHARD.torrents] > words[shard + SHARD.buckets])
      this.#splitBucket(shard, hash);
    const head = this.#head(hash);
    words[record + TORRENT.hash] = hash;
    for (let i = 0; i < INFO_HASH_WORDS; i++)
      words[record + TORRENT.infoHash + i] = key[keyWord + i];
    words[record + TORRENT.next] = words[head];
    words[record + TORRENT.leechers] = 0;
    words[record + TORRENT.seeders] = 0;
    words[record + TORRENT.storage] = 0;
    words[head] = slot;
    return record;
  }

  /** Removes a record that has no peers left. */
  remove(record: number): void {
    const { words } = this;
    const slot = (record - this.#slotZero) / TORRENT.words;
    const hash = words[record + TORRENT.hash];
    const shard = shardWord(hash);
    let link = this.#head(hash);
    while (words[link] !== slot) {
      link = this.#slotZero + words[link] * TORRENT.words + TORRENT.next;
    }
    words[link] = words[record + TORRENT.next];
    this.#giveSlot(shard, slot);
    words[shard + SHARD.torrents]--;
    Atomics.sub(words, HEADER.torrents, 1);
  }

  /** Number of chunks whose records may be in use. */
  chunks(): number {
    return Atomics.load(this.words, HEADER.chunks);
  }

  /** The first record of a chunk. The others follow, CHUNK_SLOTS in total. */
  chunkRecord(chunk: number): number {
    return this.plan.torrents + chunk * CHUNK_SLOTS * TORRENT.words;
  }

  /** The word of the shard whose lock guards a chunk; 0 if no shard owns it. */
  chunkShard(chunk: number): number {
    return Atomics.load(this.words, this.#chunk(chunk) + CHUNK.shard);
  }

  /**
   * Returns the page of a chunk that no shard owns to the system through `returnPages`, once. It
   * takes the first word and the number of words, which then keep their values or become zeros.
   */
  returnChunk(chunk: number, returnPages: (word: number, count: number) => void): void {
    const { words } = this;
    const touched = this.#chunk(chunk) + CHUNK.isTouched;
    acquire(words, HEADER.chunksLock);
    if (this.chunkShard(chunk) === 0 && words[touched] !== 0) {
      returnPages(this.chunkRecord(chunk), CHUNK_SLOTS * TORRENT.words);
      words[touched] = 0;
    }
    release(words, HEADER.chunksLock);
  }

  // --- chunks
  // --------------------------------------------------------------------------------------

  #chunk(chunk: number): number {
    return this.#chunks + chunk * CHUNK.words;
  }

  // Gives the shard another chunk, with all slots free, as the only one with free slots.
  #takeChunk(shard: number): boolean {
    const { words } = this;
    acquire(words, HEADER.chunksLock);
    let chunk = words[HEADER.freeChunk] - 1;
    if (chunk >= 0) {
      words[HEADER.freeChunk] = words[this.#chunk(chunk) + CHUNK.next];
    } else if (words[HEADER.chunks] < this.#maxChunks) {
      chunk = words[HEADER.chunks];
      Atomics.store(words, HEADER.chunks, chunk + 1);
    }
    if (chunk >= 0) Atomics.store(words, this.#chunk(chunk) + CHUNK.shard, shard);
    release(words, HEADER.chunksLock);
    if (chunk < 0) return false;
    const entry = this.#chunk(chunk);
    words[entry + CHUNK.free] = -1;
    words[entry + CHUNK.free + 1] = -1;
    words[entry + CHUNK.isTouched] = 1;
    this.#listChunk(shard, chunk);
    return true;
  }

  // Returns a chunk without torrents to the pool of all shards.
  #giveChunk(shard: number, chunk: number): void {
    const { words } = this;
    this.#unlistChunk(shard, chunk);
    acquire(words, HEADER.chunksLock);
    Atomics.store(words, this.#chunk(chunk) + CHUNK.shard, 0);
    words[this.#chunk(chunk) + CHUNK.next] = words[HEADER.freeChunk];
    words[HEADER.freeChunk] = chunk + 1;
    release(words, HEADER.chunksLock);
  }

  // Takes a slot from the shard's first chunk with a free one.
  #takeSlot(shard: number): number {
    const { words } = this;
    const chunk = words[shard + SHARD.freeChunk] - 1;
    const free = this.#chunk(chunk) + CHUNK.free;
    const part = words[free] !== 0 ? 0 : 1;
    const bits = words[free + part];
    const bit = 31 - Math.clz32(bits & -bits);
    words[free + part] = bits & (bits - 1);
    if ((words[free] | words[free + 1]) === 0) this.#unlistChunk(shard, chunk);
    return chunk * CHUNK_SLOTS + part * 32 + bit + 1;
  }

  #giveSlot(shard: number, slot: number): void {
    const { words } = this;
    const chunk = Math.floor((slot - 1) / CHUNK_SLOTS);
    const bit = (slot - 1) % CHUNK_SLOTS;
    const free = this.#chunk(chunk) + CHUNK.free;
    if ((words[free] | words[free + 1]) === 0) this.#listChunk(shard, chunk);
    words[free + (bit >>> 5)] |= 1 << (bit & 31);
    if ((words[free] & words[free + 1]) === -1) this.#giveChunk(shard, chunk);
  }

  #listChunk(shard: number, chunk: number): void {
    const { words } = this;
    const next = words[shard + SHARD.freeChunk];
    words[this.#chunk(chunk) + CHUNK.next] = next;
    words[this.#chunk(chunk) + CHUNK.previous] = 0;
    if (next !== 0) words[this.#chunk(next - 1) + CHUNK.previous] = chunk + 1;
    words[shard + SHARD.freeChunk] = chunk + 1;
  }

  #unlistChunk(shard: number, chunk: number): void {
    const { words } = this;
    const next = words[this.#chunk(chunk) + CHUNK.next];
    const previous = words[this.#chunk(chunk) + CHUNK.previous];
    if (next !== 0) words[this.#chunk(next - 1) + CHUNK.previous] = previous;
    if (previous !== 0) words[this.#chunk(previous - 1) + CHUNK.next] = next;
    else words[shard + SHARD.freeChunk] = next;
  }

  // --- the index
  // -----------------------------------------------------------------------------------

  #splitBucket(shard: number, hash: number): void {
    const { words } = this;
    const bucket = words[shard + SHARD.buckets];
    if (bucket === this.#bucketsPerShard) return;
    const heads = this.#heads + shardOf(hash) * this.#bucketsPerShard;
    words[shard + SHARD.buckets] = bucket + 1;
    let slot = words[heads + splitSource(bucket)];
    words[heads + splitSource(bucket)] = 0;
    words[heads + bucket] = 0;
    while (slot !== 0) {
      const record = this.#slotZero + slot * TORRENT.words;
      const next = words[record + TORRENT.next];
      const head = this.#head(words[record + TORRENT.hash]);
      words[record + TORRENT.next] = words[head];
      words[head] = slot;
      slot = next;
    }
  }

  #head(hash: number): number {
    const shard = shardOf(hash);
    const buckets = this.words[HEADER.words + shard * SHARD.words + SHARD.buckets];
    return this.#heads + shard * this.#bucketsPerShard + linearBucket(hash >>> SHARD_BITS, buckets);
  }

  #isSame(word: number, key: Int32Array, keyWord: number): boolean {
    const { words } = this;
    return (
      words[word] === key[keyWord] &&
      words[word + 1] === key[keyWord + 1] &&
      words[word + 2] === key[keyWord + 2] &&
      words[word + 3] === key[keyWord + 3] &&
      words[word + 4] === key[keyWord + 4]
    );
  }
}

function shardOf(hash: number): number {
  return hash & (SHARDS - 1);
}

/** The word of the shard of `hash`. */
export function shardWord(hash: number): number {
  return HEADER.words + shardOf(hash) * SHARD.words;
}
