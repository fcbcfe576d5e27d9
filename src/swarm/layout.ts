// Where everything stands in the shared memory of a table: one table holds the torrents and the
// peers of one kind. The main thread makes the memory, every worker views it; all see
// the same offsets, because all compute them here from the same plan. Offsets are words of 4 bytes.
//
//   header            hash key, counts, the arena's free lists
//   shards            one cache line each: lock, torrents, buckets, free slots
//   heads             for each shard: the first torrent of each bucket of its index
//   chunk shards      for each chunk of torrent records: the shard that took it
//   torrents          records of one cache line each, handed out in chunks
//   arena             blocks of peers, and directories of large swarms
//
// All of it is reserved at start, and none of it touched before it is needed.

/** Words in front of the shards. */
export const HEADER = {
  /** Two words: the key of every hash in the table. */
  key: 0,
  /** Torrents in the table. A cache line of its own, as each count here. */
  torrents: 16,
  /** Peers in the table. */
  peers: 32,
  /** Chunks of torrent records handed out to shards. */
  chunks: 48,
  arenaLock: 64,
  /** The first word of the arena that was never handed out. */
  arenaFresh: 65,
  /** 64 words: the first free block of each kind, 0 for none. */
  arenaFree: 80,
  words: 256,
} as const;

/** Words of a shard. */
export const SHARD = { lock: 0, torrents: 1, buckets: 2, freeSlot: 3, words: 16 } as const;

/** Shards of a table, a power of two: many times the workers that a machine can have. */
export const SHARD_BITS = 7;
export const SHARDS = 1 << SHARD_BITS;

/** Buckets of a shard's index when the table is empty. */
export const FIRST_BUCKETS = 8;

/** Torrent records that a shard takes at a time: one page of 4 KiB. */
export const CHUNK_SLOTS = 64;

/**
 * A torrent record: 16 words, one cache line.
 *
 *     0       1 ..... 5      6      7          8         9         10 ........ 15
 *   [ hash | info hash ... | next | leechers | seeders | storage | inline ......... ]
 *
 * `hash` is the seeded hash of the info hash; `next` the slot of the next torrent in the bucket.
 * `storage` says what the inline words are: the peers themselves (INLINE), the offset of a block
 * of 2^storage peers, or (SETS) two sets of three words each, see peer-sets.ts. A record without
 * peers is free: torrents go with their last peer.
 */
export const TORRENT = {
  hash: 0,
  infoHash: 1,
  next: 6,
  leechers: 7,
  seeders: 8,
  storage: 9,
  inline: 10,
  words: 16,
  inlineWords: 6,
} as const;

export const STORAGE_INLINE = 0;
export const STORAGE_SETS = 15;

/** Words of an info hash. */
export const INFO_HASH_WORDS = 5;

/**
 * What a worker asks of a table, as words: the peers wanted in the answer; flags; the info hash;
 * then the peer as the table keeps it, see peer-blocks.ts, the time left out; last, the hashes by
 * which the table finds both, see Table.hashAnnounce.
 */
export const ANNOUNCE = {
  wanted: 0,
  flags: 1,
  infoHash: 2,
  peer: 7,
  torrentHash: 14,
  peerHash: 15,
  words: 16,
} as const;

/** Flags of an announce. */
export const FLAG_SEEDER = 1;
export const FLAG_STOPPED = 2;
/** The peer becomes the requester's, whoever held it. */
export const FLAG_TAKE_OVER = 4;

/**
 * Bytes of what names a peer: 4 or 16, its address, to which its port belongs (UDP tracker); or 20,
 * its peer id, beside which the table keeps the connection that holds it (WebTorrent tracker).
 */
export type IdentityBytes = 4 | 16 | 20;

/** The ceilings of a table. */
export interface TableLimits {
  readonly maxTorrents: number;
  readonly maxPeers: number;
}

/** The offsets of a table, and the measures they follow from. */
export interface TablePlan extends TableLimits {
  readonly identityBytes: IdentityBytes;
  /** Words of a peer, see peer-blocks.ts. */
  readonly peerWords: number;
  readonly bucketsPerShard: number;
  readonly heads: number;
  readonly chunkShards: number;
  readonly maxChunks: number;
  readonly torrents: number;
  readonly arena: number;
  /** Words in all. */
  readonly words: number;
}

/** The most words of one SharedArrayBuffer: 4 GiB. */
const MOST_WORDS = 2 ** 30;
const LINE = 16;

/**
 * Blocks are at least 3/8 full at any time, and the free ones of a size are not used for another:
 * this much arena for each peer has room for both, whatever the swarms went through before.
 */
const ARENA_PER_PEER = 4;
/** Less arena than this for each peer would refuse peers long before the ceiling. */
const LEAST_ARENA_PER_PEER = 1.5;
const LEAST_ARENA_WORDS = 65_536;

/**
 * Plans a table for `limits`. Throws a RangeError when it would not fit the 4 GiB of one shared
 * memory.
 */
export function planTable(identityBytes: IdentityBytes, limits: TableLimits): TablePlan {
  const { maxTorrents, maxPeers } = limits;
  const peerWords = identityBytes / 4 + (identityBytes === 20 ? 2 : 1);
  const bucketsPerShard = Math.max(FIRST_BUCKETS, Math.ceil((maxTorrents * 1.25) / SHARDS) + 64);
  // A shard may hold a chunk that is not full.
  const maxChunks = Math.ceil(maxTorrents / CHUNK_SLOTS) + SHARDS;
  const heads = HEADER.words + SHARDS * SHARD.words;
  const chunkShards = heads + SHARDS * bucketsPerShard;
  const torrents = roundUp(chunkShards + maxChunks, CHUNK_SLOTS * TORRENT.words);
  const arena = torrents + maxChunks * CHUNK_SLOTS * TORRENT.words;
  const wish = LEAST_ARENA_WORDS + maxPeers * peerWords * ARENA_PER_PEER;
  const words = Math.min(MOST_WORDS, roundUp(arena + wish, LINE));
  if (words - arena < maxPeers * peerWords * LEAST_ARENA_PER_PEER) {
    throw new RangeError(
      `${maxTorrents} torrents and ${maxPeers} peers need more than the 4 GiB of one table`,
    );
  }
  return {
    maxTorrents,
    maxPeers,
    identityBytes,
    peerWords,
    bucketsPerShard,
    heads,
    chunkShards,
    maxChunks,
    torrents,
    arena,
    words,
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
