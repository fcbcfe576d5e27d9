import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { udpSchema } from "../../src/udp/config.ts";
import {
  CHUNK,
  CHUNK_SLOTS,
  HEADER,
  planTable,
  SHARD,
  SHARDS,
  TORRENT,
} from "../../src/swarm/layout.ts";

const MAX_WORDS = 2 ** 30;
const families = [4, 16, 20] as const;
const PEER_WORDS = { 4: 2, 16: 5, 20: 7 };

describe.each(families)("the plan of a table of %i-byte identities", (identityBytes) => {
  const limits = fc.record({
    maxTorrents: fc.integer({ min: 1, max: 5_000_000 }),
    maxPeers: fc.integer({ min: 1, max: 20_000_000 }),
  });

  test("has room for everything that the limits allow, without overlap", () => {
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
        expect(plan.chunks).toBeGreaterThanOrEqual(plan.heads + SHARDS * plan.bucketsPerShard);
        expect(plan.arenaMarks).toBe(plan.chunks + plan.maxChunks * CHUNK.words);
        // Every shard may have started a chunk that is almost empty.
        expect(plan.maxChunks * CHUNK_SLOTS).toBeGreaterThanOrEqual(
          maxTorrents + SHARDS * (CHUNK_SLOTS - 1),
        );
        expect(plan.torrents).toBeGreaterThanOrEqual(plan.arenaMarks + plan.units / 4);
        expect(plan.arena).toBe(plan.torrents + plan.maxChunks * CHUNK_SLOTS * TORRENT.words);
        expect(plan.words).toBe(plan.arena + plan.units * (plan.peerWords << plan.unitSizeClass));
        expect(plan.words).toBeGreaterThanOrEqual(plan.arena + maxPeers * plan.peerWords * 2.25);
        expect(plan.words).toBeLessThanOrEqual(MAX_WORDS);
      }),
    );
  });

  test("puts chunks of records and the arena on pages of their own", () => {
    fc.assert(
      fc.property(limits, (limits) => {
        const { arena, torrents } = planTable(identityBytes, limits);
        expect((torrents * 4) % 4096).toBe(0);
        expect((arena * 4) % 4096).toBe(0);
      }),
    );
  });

  test("fits the default limits with about four times the room that their peers need", () => {
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
  ])("rejects %i torrents and %i peers and says what to lower", (...limits) => {
    const [maxTorrents, maxPeers] = limits;
    const plan = (maxPeers: number) => planTable(identityBytes, { maxTorrents, maxPeers });
    const refusal = () => {
      try {
        plan(maxPeers);
        return "none";
      } catch (error) {
        return (error as RangeError).message;
      }
    };
    const names = { 4: "IPv4", 16: "IPv6", 20: "WebTorrent" };
    const start = `${maxTorrents} torrents and ${maxPeers} ${names[identityBytes]} peers need more`;
    expect(refusal()).toStartWith(`${start} than the 4 GiB of one table; lower max_`);
    const fitting = Number(/lower max_peers to (\d+)$/.exec(refusal())?.[1] ?? 0);
    expect(fitting > 0).toBe(maxTorrents < 60_000_000);
    if (fitting === 0) return;
    expect(plan(fitting).words).toBeLessThanOrEqual(MAX_WORDS);
    expect(() => plan(fitting + 1)).toThrow(RangeError);
  });
});
