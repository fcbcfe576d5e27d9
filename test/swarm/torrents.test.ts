// The index of torrents with hashes that the tests choose: evenly spread, all in one shard, or all
// equal.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../src/memory/random.ts";
import {
  CHUNK_SLOTS,
  HEADER,
  MAGIC,
  planTable,
  SHARD,
  SHARDS,
  TORRENT,
} from "../../src/swarm/layout.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { linearBucket, shardWord, splitSource, Torrents } from "../../src/swarm/torrents.ts";

function newTorrents(maxTorrents: number) {
  const plan = planTable(4, { maxTorrents, maxPeers: 1 });
  const words = new Int32Array(new SharedArrayBuffer(plan.words * 4));
  Torrents.initialize(words);
  return { plan, torrents: new Torrents(words, plan), words };
}

/** Info hash number `n`, at word 2. */
function infoHash(n: number): Int32Array {
  return new Int32Array([-1, -1, n, n * 7, 0, -n, 1]);
}

describe("linear hashing", () => {
  test("moves a hash to another bucket only when its bucket is split", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 5000 }), (hash, buckets) => {
        const before = linearBucket(hash, buckets);
        expect(before >= 0 && before < buckets).toBe(true);
        const after = linearBucket(hash, buckets + 1);
        if (after !== before) expect([splitSource(buckets), buckets]).toEqual([before, after]);
      }),
      { numRuns: 2000 },
    );
  });

  test("spreads hashes over all buckets, twice as many in those not yet split", () => {
    for (const buckets of [1, 2, 3, 8, 12, 64, 100]) {
      const counts = Array.from({ length: buckets }, () => 0);
      for (let hash = 0; hash < 1024; hash++) counts[linearBucket(hash, buckets)]++;
      const whole = 2 ** Math.ceil(Math.log2(buckets));
      const expected = counts.map((_, bucket) => {
        const isSplit = bucket + whole / 2 < buckets || bucket >= whole / 2;
        return buckets === 1 || isSplit ? 1024 / whole : 2048 / whole;
      });
      expect(counts).toEqual(expected);
    }
  });
});

/** Functions from numbers to hashes. The low bits of a hash select the shard. */
const spreads: [string, (n: number) => number][] = [
  ["spread evenly", (n) => Math.imul(n + 1, 0x9e3779b1)],
  ["all of one shard", (n) => (Math.imul(n + 1, 0x9e3779b1) & ~(SHARDS - 1)) | 5],
  ["of three values", (n) => (n % 3) * SHARDS * 8 - 1],
  ["all the same", () => -1],
];

describe.each(spreads)("torrents with hashes %s", (_name, hashOf) => {
  test("are found while they exist, however many come and go", () => {
    const { torrents, words } = newTorrents(1000);
    const random = new Random(1, 2, 3);
    const known = new Map<number, number>();
    for (let i = 0; i < 6000; i++) {
      const n = random.below(400);
      const found = torrents.find(hashOf(n), infoHash(n), 2);
      expect(found).toBe(known.get(n) ?? 0);
      // The torrents become many, then few.
      const isRemoval = random.below(10) < (i % 2000 < 1000 ? 2 : 8);
      if (found !== 0 && isRemoval) {
        torrents.remove(found);
        known.delete(n);
      } else if (found === 0 && !isRemoval) {
        known.set(n, torrents.add(hashOf(n), infoHash(n), 2));
      }
    }
    expect(Atomics.load(words, HEADER.torrents)).toBe(known.size);
    for (const [n, record] of known) expect(torrents.find(hashOf(n), infoHash(n), 2)).toBe(record);
    // No two torrents share a record, and each record has its torrent's info hash.
    expect(new Set(known.values()).size).toBe(known.size);
    for (const [n, record] of known) {
      const start = record + TORRENT.infoHash;
      expect([...words.subarray(start, start + 5)]).toEqual([...infoHash(n).subarray(2)]);
      expect(words[record + TORRENT.hash]).toBe(hashOf(n));
    }
  });

  test("fill the table to its limit, stay in their shards, and make room again", () => {
    const limit = 500;
    const { plan, torrents, words } = newTorrents(limit);
    const records = Array.from({ length: limit }, (_, n) => {
      return torrents.add(hashOf(n), infoHash(n), 2);
    });
    expect(records).not.toContain(0);
    expect(torrents.add(hashOf(limit), infoHash(limit), 2)).toBe(0);
    expect(words[HEADER.torrents]).toBe(limit);
    for (const [n, record] of records.entries()) {
      expect(torrents.find(hashOf(n), infoHash(n), 2)).toBe(record);
    }
    const shards = new Set(records.map((_, n) => shardWord(hashOf(n))));
    for (let shard = 0; shard < SHARDS; shard++) {
      const word = HEADER.words + shard * SHARD.words;
      const heads = plan.heads + shard * plan.bucketsPerShard;
      const isUsed = words.subarray(heads, heads + plan.bucketsPerShard).some((slot) => slot !== 0);
      expect(isUsed).toBe(shards.has(word));
      expect(words[word + SHARD.torrents] > 0).toBe(shards.has(word));
      expect(words[word + SHARD.buckets]).toBeLessThanOrEqual(plan.bucketsPerShard);
    }
    const chunks = torrents.chunks();
    for (const record of records) torrents.remove(record);
    expect(words[HEADER.torrents]).toBe(0);
    const again = records.map((_, n) => torrents.add(hashOf(n), infoHash(n), 2));
    expect(new Set(again).size).toBe(limit);
    expect(again).not.toContain(0);
    expect(torrents.chunks()).toBe(chunks);
  });
});

test("an index grows by single buckets up to its capacity", () => {
  const { plan, torrents, words } = newTorrents(500);
  const buckets = HEADER.words + 5 * SHARD.words + SHARD.buckets;
  const seen: number[] = [];
  for (let n = 0; n < 100; n++) {
    torrents.add(Math.imul(n, 0x9e3779b1 & ~(SHARDS - 1)) | 5, infoHash(n), 2);
    seen.push(words[buckets]);
  }
  expect(plan.bucketsPerShard).toBe(69);
  const expected = seen.map((_, n) => Math.min(Math.max(8, n + 1), plan.bucketsPerShard));
  expect(seen).toEqual(expected);
});

test("an index uses its buckets evenly and does not grow for removed torrents", () => {
  const { plan, torrents, words } = newTorrents(500);
  const buckets = HEADER.words + 5 * SHARD.words + SHARD.buckets;
  for (let n = 0; n < 500; n++) {
    const record = torrents.add(Math.imul(n, 0x9e3779b1 & ~(SHARDS - 1)) | 5, infoHash(n), 2);
    if (n >= 60) torrents.remove(record);
  }
  expect(words[buckets]).toBe(61);
  const heads = plan.heads + 5 * plan.bucketsPerShard;
  const isUsed = words.subarray(heads, heads + 61).filter((slot) => slot !== 0);
  // By chance, one bucket in e is empty.
  expect(isUsed.length).toBeGreaterThan(30);
});

test("a table hashes with the key it was created with", () => {
  const { buffer } = createTable(4, { maxTorrents: 1, maxPeers: 1 }, new Int32Array([5, 6, 7]));
  expect([...new Int32Array(buffer, HEADER.key * 4, 3)]).toEqual([5, 6, MAGIC]);
});

test("a view rejects memory without a table and memory of another version", () => {
  const limits = { maxTorrents: 1, maxPeers: 1 };
  const memory = createTable(4, limits, new Int32Array([5, 6]));
  expect(Buffer.from(memory.buffer).toString("latin1", 8, 12)).toBe("AQUA");
  new Table(memory);
  new Int32Array(memory.buffer)[HEADER.version]++;
  expect(() => new Table(memory)).toThrow("no table of version");
  const buffer = new SharedArrayBuffer(memory.buffer.byteLength);
  expect(() => new Table({ ...memory, buffer })).toThrow("no table of version");
});

test("a reused record is empty", () => {
  const { torrents, words } = newTorrents(10);
  const old = torrents.add(3, infoHash(1), 2);
  words.fill(77, old + TORRENT.leechers, old + TORRENT.words);
  torrents.remove(old);
  const record = torrents.add(3, infoHash(2), 2);
  expect(record).toBe(old);
  const { leechers, seeders, storage } = TORRENT;
  expect([leechers, seeders, storage].map((word) => words[record + word])).toEqual([0, 0, 0]);
});

test("a torrent is identified by every word of its info hash and by its hash", () => {
  const { torrents } = newTorrents(10);
  const key = new Int32Array([1, 2, 3, 4, 5]);
  const record = torrents.add(9, key, 0);
  expect(torrents.find(9, key, 0)).toBe(record);
  for (const word of key.keys()) {
    const other = key.slice();
    other[word]++;
    expect(torrents.find(9, other, 0)).toBe(0);
  }
  // In the same bucket, but with another hash.
  expect(torrents.find(9 | (1 << 30), key, 0)).toBe(0);
});

test("an empty chunk serves any shard, and its page returns to the system once", () => {
  const { torrents } = newTorrents(1000);
  const [other, third] = [6, 7].map((hash) => shardWord(hash));
  // Two chunks of one shard, both full.
  const records = Array.from({ length: 2 * CHUNK_SLOTS }, (_, n) => {
    return torrents.add(5 + n * SHARDS, infoHash(n), 2);
  });
  expect(torrents.chunks()).toBe(2);
  const returned: number[][] = [];
  const returnAll = () => {
    for (const chunk of [0, 1]) {
      torrents.returnChunk(chunk, (word, count) => returned.push([word, count]));
    }
  };
  returnAll();
  expect(returned).toEqual([]);
  for (const record of records.slice(0, CHUNK_SLOTS)) torrents.remove(record);
  expect([0, 1].map((chunk) => torrents.chunkShard(chunk))).toEqual([0, shardWord(5)]);
  returnAll();
  returnAll();
  expect(returned).toEqual([[torrents.chunkRecord(0), CHUNK_SLOTS * TORRENT.words]]);
  const record = torrents.add(6, infoHash(1), 2);
  expect([0, 1].map((chunk) => torrents.chunkShard(chunk))).toEqual([other, shardWord(5)]);
  torrents.remove(record);
  torrents.add(7, infoHash(1), 2);
  expect(torrents.chunkShard(0)).toBe(third);
  expect(torrents.chunks()).toBe(2);
  returnAll();
  expect(returned).toHaveLength(1);
});

test("a table accepts all of max_torrents whatever its shards held before", () => {
  const limit = 200_000;
  const { torrents, words } = newTorrents(limit);
  const random = new Random(3, 1, 4);
  const records: number[] = [];
  const add = () => {
    const hash = random.next();
    const record = torrents.add(hash, infoHash(hash), 2);
    if (record !== 0) records.push(record);
    return record !== 0;
  };
  for (let round = 0; round < 8; round++) {
    while (records.length < limit) expect(add()).toBe(true);
    expect(add()).toBe(false);
    // Removing half of them leaves holes in the chunks of every shard.
    for (let i = 0; i < limit / 2; i++) {
      const index = random.below(records.length);
      torrents.remove(records[index]);
      records[index] = records.at(-1)!;
      records.pop();
    }
  }
  expect(words[HEADER.torrents]).toBe(limit / 2);
});

test("chunks belong to the shard that took them and follow each other", () => {
  const { plan, torrents } = newTorrents(1000);
  expect([torrents.chunks(), torrents.chunkShard(0)]).toEqual([0, 0]);
  const first = torrents.add(5, infoHash(0), 2);
  const second = torrents.add(6, infoHash(1), 2);
  expect(torrents.chunks()).toBe(2);
  expect([0, 1, 2].map((chunk) => torrents.chunkShard(chunk))).toEqual([
    shardWord(5),
    shardWord(6),
    0,
  ]);
  expect([first, second]).toEqual([torrents.chunkRecord(0), torrents.chunkRecord(1)]);
  expect([first, second]).toEqual([plan.torrents, plan.torrents + CHUNK_SLOTS * TORRENT.words]);
});

test("adding a torrent without a free chunk fails and changes nothing", () => {
  const { plan, torrents, words } = newTorrents(1000);
  // As if other shards had taken all chunks.
  words[HEADER.chunks] = plan.maxChunks;
  expect(torrents.add(5, infoHash(0), 2)).toBe(0);
  expect([words[HEADER.torrents], words[HEADER.chunks]]).toEqual([0, plan.maxChunks]);
  expect(torrents.find(5, infoHash(0), 2)).toBe(0);
});
