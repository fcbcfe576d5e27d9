// The layout of a table's shared memory. One table holds torrents and the peers of one kind. The
// main thread allocates the memory and every worker views it; all of them compute the same
// positions from the same plan. Positions are words of 4 bytes, and structures are named by the
// word at which they begin: a torrent is the word of its `record`, a peer is the word of the
// `peer`.
//
//   header            hash key, counts, the arena's free lists
//   shards            one cache line each: lock, torrents, buckets, chunks with free slots
//   heads             for each shard: the first torrent of each bucket of its index
//   chunks            for each chunk of torrent records: its shard, its free slots
//   arena marks       for each unit of the arena: whether a free block begins there
//   address counts    peers of each address, if they are limited: see memory/counting-sketch.ts
//   torrents          records of one cache line each, in chunks that shards take and return
//   arena             blocks of peers, and directories of large swarms
//
// All of it is reserved at start-up, and no page is touched before it is needed.

import { SKETCH_WORDS } from "../memory/counting-sketch.ts";

/** Words before the shards. */
export const HEADER = {
  /** Two words: the key of every hash in the table. */
  key: 0,
  /** MAGIC, then VERSION. A view rejects memory of another layout. */
  magic: 2,
  version: 3,
  /** Torrents in the table. Each count has a cache line of its own. */
  torrents: 16,
  /** Peers in the table. */
  peers: 32,
  /** Guards the next three words. */
  chunksLock: 48,
  /** Number of chunks that a shard has ever taken. Any of them may be in use. */
  chunks: 49,
  /** The first chunk that belongs to no shard, counted from 1; 0 for none. */
  freeChunk: 50,
  arenaLock: 64,
  /** The first word of the arena that was never allocated. */
  arenaFresh: 65,
  /** One bit for each order that has a free block. */
  arenaOrders: 66,
  /** 32 words: the first free block of each order, 0 for none. */
  arenaFree: 80,
  words: 112,
} as const;

/** "AQUA" as it appears in memory. */
export const MAGIC = 0x41555141;
/** Increases with every change to the contents of a table's memory. */
export const VERSION = 1;

/**
 * Words of a shard. `freeChunk` is its first chunk with a free slot, counted from 1; 0 for none.
 */
export const SHARD = { lock: 0, torrents: 1, buckets: 2, freeChunk: 3, words: 16 } as const;

/** Number of shards, a power of two: many times the number of workers on any machine. */
export const SHARD_BITS = 7;
export const SHARDS = 1 << SHARD_BITS;

/** Buckets of a shard's index in an empty table. */
export const INITIAL_BUCKETS = 8;

/** Torrent records that a shard takes at a time: one page of 4 KiB. */
export const CHUNK_SLOTS = 64;

/**
 * The state of a chunk, outside its page: the word of the shard that owns it, 0 for none; 64 bits
 * for its free slots; its neighbours in its shard's list of chunks with free slots, or the next
 * chunk that belongs to no shard, counted from 1; whether its page may hold memory.
 */
export const CHUNK = { shard: 0, free: 1, next: 3, previous: 4, isTouched: 5, words: 8 } as const;

/**
 * A torrent record: 16 words, one cache line.
 *
 *     0       1 ..... 5      6      7          8         9         10 ........ 15
 *   [ hash | info hash ... | next | leechers | seeders | storage | inline ......... ]
 *
 * `hash` is the seeded hash of the info hash, and `next` is the slot of the next torrent in the
 * bucket. `storage` gives the meaning of the inline words: STORAGE_INLINE for the peers themselves,
 * STORAGE_SETS for two sets of three words each (see peer-sets.ts), any other value for the word of
 * a block of 2^storage peers. A record without peers is free: a torrent is removed with its last
 * peer.
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
 * The words of an announce as a worker passes it to a table: the number of peers wanted; flags; the
 * info hash; the peer as the table stores it, without the time (see peer-blocks.ts); and what
 * Table.hashAnnounce fills in: the hashes of the info hash and of the peer, and a random number
 * from which the peers to hand out are drawn.
 */
export const ANNOUNCE = {
  numwant: 0,
  flags: 1,
  infoHash: 2,
  peer: 7,
  torrentHash: 14,
  peerHash: 15,
  seed: 16,
  words: 17,
} as const;

/** Flags of an announce. */
export const FLAG_SEEDER = 1;
export const FLAG_STOPPED = 2;
/** Gives the peer to the announcing connection, whichever connection held it. */
export const FLAG_TAKE_OVER = 4;
/**
 * The announce was to another node of the cluster, some time ago: it changes nothing if the table
 * knows a later one of the peer.
 */
export const FLAG_MERGE = 8;

/**
 * Bytes that identify a peer. 4 and 16: its address, together with its port (UDP tracker). 20: its
 * peer id, beside which the table stores the connection that holds the peer (WebTorrent tracker).
 */
export type IdentityBytes = 4 | 16 | 20;

const PEER_NAMES = { 4: "IPv4", 16: "IPv6", 20: "WebTorrent" } as const;

/** The limits of a table. */
export interface TableLimits {
  readonly maxTorrents: number;
  readonly maxPeers: number;
  /**
   * Maximum number of peers of one IPv4 address or IPv6 /64, in all torrents together; 0 for no
   * limit.
   */
  readonly maxPeersPerAddress?: number;
}

/** The words at which the parts of a table begin, and the sizes that determine them. */
export interface TablePlan extends Required<TableLimits> {
  readonly identityBytes: IdentityBytes;
  /** Words of a peer, see peer-blocks.ts. */
  readonly peerWords: number;
  /** Peers that fit a torrent record. */
  readonly inlinePeers: number;
  /** The size class of the smallest block, which is one unit of the arena. */
  readonly unitSizeClass: number;
  readonly bucketsPerShard: number;
  readonly heads: number;
  readonly chunks: number;
  readonly maxChunks: number;
  readonly arenaMarks: number;
  readonly addressCounts: number;
  readonly torrents: number;
  readonly arena: number;
  /** Units of the arena. */
  readonly units: number;
  /** Words in total. */
  readonly words: number;
}

/** Maximum words of one SharedArrayBuffer: 4 GiB. */
const MAX_WORDS = 2 ** 30;
const LINE = 16;
const PAGE = 1024;

/**
 * Blocks are always at least three eighths full. The rest is room for the blocks that do not fit
 * between others while swarms of all sizes come and go (test/swarm/capacity.test.ts).
 */
const ARENA_PER_PEER = 4;
/** With less arena for each peer, swarms of some sizes would not reach the limit. */
const MIN_ARENA_PER_PEER = 2.25;
const MIN_ARENA_WORDS = 65_536;

/** Plans a table for `limits`. Throws a RangeError if it does not fit 4 GiB. */
export function planTable(identityBytes: IdentityBytes, limits: TableLimits): TablePlan {
  const { maxTorrents, maxPeers, maxPeersPerAddress = 0 } = limits;
  const peerWords = identityBytes / 4 + (identityBytes === 20 ? 2 : 1);
  const inlinePeers = Math.floor(TORRENT.inlineWords / peerWords);
  // The smallest block holds twice the inline peers and at least two, rounded up to a power of two.
  const unitSizeClass = Math.max(1, Math.ceil(Math.log2(Math.max(1, inlinePeers * 2))));
  const unitWords = peerWords << unitSizeClass;
  const bucketsPerShard = Math.max(INITIAL_BUCKETS, Math.ceil((maxTorrents * 1.25) / SHARDS) + 64);
  const maxChunks = SHARDS * countChunks(maxTorrents / SHARDS);

  const heads = HEADER.words + SHARDS * SHARD.words;
  const chunks = roundUp(heads + SHARDS * bucketsPerShard, LINE);
  const arenaMarks = chunks + maxChunks * CHUNK.words;
  const torrentWords = maxChunks * CHUNK_SLOTS * TORRENT.words;
  const wantedUnits = Math.ceil(
    (MIN_ARENA_WORDS + maxPeers * peerWords * ARENA_PER_PEER) / unitWords,
  );
  // A unit takes its words and one byte of the marks.
  const countWords = maxPeersPerAddress > 0 ? SKETCH_WORDS : 0;
  const room = MAX_WORDS - arenaMarks - countWords - torrentWords - PAGE;
  const units = Math.min(wantedUnits, Math.floor(room / (unitWords + 0.25)));
  if (units * unitWords < maxPeers * peerWords * MIN_ARENA_PER_PEER) {
    const fitting = Math.floor((units * unitWords) / (peerWords * MIN_ARENA_PER_PEER));
    const remedy = fitting > 0 ? `lower max_peers to ${fitting}` : "lower max_torrents";
    throw new RangeError(
      `${maxTorrents} torrents and ${maxPeers} ${PEER_NAMES[identityBytes]} peers need more than ` +
        `the 4 GiB of one table; ${remedy}`,
    );
  }
  const addressCounts = roundUp(arenaMarks + units / 4, LINE);
  const torrents = roundUp(addressCounts + countWords, PAGE);
  const arena = torrents + torrentWords;
  return {
    maxTorrents,
    maxPeers,
    maxPeersPerAddress,
    identityBytes,
    peerWords,
    inlinePeers,
    unitSizeClass,
    bucketsPerShard,
    heads,
    chunks,
    maxChunks,
    arenaMarks,
    addressCounts,
    torrents,
    arena,
    units,
    words: arena + units * unitWords,
  };
}

/**
 * Chunks that a shard may need if it has `mean` torrents on average. The hash is seeded, so the
 * number is random; eight standard deviations never occur. One more chunk may be partly full.
 */
function countChunks(mean: number): number {
  return Math.ceil((mean + 8 * Math.sqrt(mean)) / CHUNK_SLOTS) + 1;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
