import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { udpSchema } from "../../src/udp/config.ts";
import { CHUNK_SLOTS, HEADER, planTable, SHARD, SHARDS, TORRENT } from "../../src/swarm/layout.ts";

const MOST_WORDS = 2 ** 30;
const families = [4, 16, 20] as const;
const PEER_WORDS = { 4: 2, 16: 5, 20: 7 };

describe.each(families)("the plan of a table of %i-byte identities", (identityBytes) => {
  const limits = fc.record({
    maxTorrents: fc.integer({ min: 1, max: 5_000_000 }),
    maxPeers: fc.integer({ min: 1, max: 20_000_000 }),
  });

  test("has room for all that the limits allow, one behind the other", () => {
    fc.assert(
      fc.property(limits, (limits) => {
        const plan = planTable(identityBytes, limits);
        const { maxPeers, maxTorrents } = limits;
        expect(plan).toMatchObject({
          ...limits,
          identityBytes,
          peerWords: PEER_WORDS[identityBytes],
        });
        expect(plan.heads).toBe(HEADER.words + SHARDS * SHARD.words);
        expect(plan.bucketsPerShard * SHARDS).toBeGreaterThan(maxTorrents);
        expect(plan.chunkShards).toBe(plan.heads + SHARDS * plan.bucketsPerShard);
        // Every shard may have begun a chunk that is nearly empty.
        expect(plan.maxChunks * CHUNK_SLOTS).toBeGreaterThanOrEqual(
          maxTorrents + SHARDS * (CHUNK_SLOTS - 1),
        );
        expect(plan.torrents).toBeGreaterThanOrEqual(plan.chunkShards + plan.maxChunks);
        expect(plan.arena).toBe(plan.torrents + plan.maxChunks * CHUNK_SLOTS * TORRENT.words);
        expect(plan.words).toBeGreaterThanOrEqual(plan.arena + maxPeers * plan.peerWords * 1.5);
        expect(plan.words).toBeLessThanOrEqual(MOST_WORDS);
      }),
    );
  });

  test("puts a chunk of records on a page of its own, and ends on a cache line", () => {
    fc.assert(
      fc.property(limits, (limits) => {
        const { torrents, words } = planTable(identityBytes, limits);
        expect((torrents * 4) % 4096).toBe(0);
        expect((words * 4) % 64).toBe(0);
      }),
    );
  });

  test("fits the default limits, and has four times the room for their peers or nearly", () => {
    const { max_peers, max_torrents } = udpSchema.limits;
    const plan = planTable(identityBytes, {
      maxTorrents: max_torrents.value,
      maxPeers: max_peers.value,
    });
    const room = (plan.words - plan.arena) / (max_peers.value * plan.peerWords);
    expect(room).toBeGreaterThan(3.9);
  });

  test.each([
    [70_000_000, 1],
    [1, 20_000_000 * 40],
    [50_000_000, 100_000_000],
  ])("of %i torrents and %i peers would need too much", (maxTorrents, maxPeers) => {
    expect(() => planTable(identityBytes, { maxTorrents, maxPeers })).toThrow(
      new RangeError(
        `${maxTorrents} torrents and ${maxPeers} peers need more than the 4 GiB of one table`,
      ),
    );
  });
});

test("the most peers beside few torrents are where 1.5 times their words fill the table", () => {
  for (const identityBytes of families) {
    const plan = planTable(identityBytes, { maxTorrents: 1, maxPeers: 1 });
    const most = Math.floor((MOST_WORDS - plan.arena) / 1.5 / plan.peerWords);
    expect(planTable(identityBytes, { maxTorrents: 1, maxPeers: most }).words).toBe(MOST_WORDS);
    expect(() => planTable(identityBytes, { maxTorrents: 1, maxPeers: most + 1 })).toThrow(
      RangeError,
    );
  }
});
