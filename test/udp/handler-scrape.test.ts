// The response to a scrape: one datagram in, one out.

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/app/metrics.ts";
import { buildScrape } from "../support/bep15.ts";
import { HandlerHarness, source } from "./harness.ts";

/** Info hash number `n`. */
function hash(n: number): Buffer {
  return Buffer.alloc(20, n);
}

const empty = { seeders: 0, downloads: 0, leechers: 0 };

describe.each([4, 16] as const)("from an address of %i bytes", (family) => {
  const client = source(family);

  /** Torrent n has n leechers and 10 n seeders, for n from 1 to 3. */
  function newHarness(): HandlerHarness {
    const harness = new HandlerHarness({ maxScrapeTorrents: 4 });
    for (const n of [1, 2, 3]) {
      for (let host = 1; host <= n * 11; host++) {
        const left = host <= n ? 1n : 0n;
        harness.announce(source(family, host), { infoHash: hash(n), left });
      }
    }
    return harness;
  }

  function swarm(n: number) {
    return { seeders: n * 10, downloads: 0, leechers: n };
  }

  test.each([
    ["one torrent", [1], [swarm(1)]],
    ["the torrents in request order", [3, 1, 2], [swarm(3), swarm(1), swarm(2)]],
    ["duplicates in request order", [2, 1, 2, 2], [swarm(2), swarm(1), swarm(2), swarm(2)]],
    ["zeros for unknown torrents", [9, 1, 8, 2], [empty, swarm(1), empty, swarm(2)]],
    ["no more torrents than the limit", [1, 2, 3, 1, 2], [swarm(1), swarm(2), swarm(3), swarm(1)]],
  ])("the response has %s", (_what, hashes, swarms) => {
    const harness = newHarness();
    const answer = harness.scrape(client, hashes.map(hash));
    expect(answer).toMatchObject({ kind: "scrape", swarms });
    expect(harness.count(COUNTER.malformed)).toBe(0);
  });

  test("an incomplete info hash is ignored", () => {
    const harness = newHarness();
    for (let bytes = 1; bytes < 20; bytes++) {
      const extra = hash(2).subarray(0, bytes);
      const connectionId = harness.connect(client);
      const infoHashes = [hash(1)];
      const request = buildScrape({ connectionId, infoHashes, extra, transactionId: 8 });
      expect(harness.ask(request, client)).toEqual({
        kind: "scrape",
        transactionId: 8,
        swarms: [swarm(1)],
      });
    }
  });

  test("a datagram of the maximum size is answered", () => {
    const harness = newHarness();
    const hashes = Array.from({ length: 3000 }, () => hash(3));
    expect(harness.scrape(client, hashes)).toMatchObject({
      swarms: [swarm(3), swarm(3), swarm(3), swarm(3)],
    });
  });

  test("the response fits one packet for any request and any limit", () => {
    const harness = new HandlerHarness({ maxScrapeTorrents: 3000, maxResponsePeers: 1 });
    const hashes = Array.from({ length: 3000 }, (_, i) => hash(i));
    expect(harness.scrape(client, hashes)).toEqual({
      kind: "scrape",
      transactionId: expect.any(Number),
      swarms: Array.from({ length: family === 4 ? 122 : 120 }, () => empty),
    });
  });

  test.each([0, 1, 19])("%i bytes of an info hash get an error", (bytes) => {
    const harness = newHarness();
    const connectionId = harness.connect(client);
    const extra = new Uint8Array(bytes);
    expect(harness.ask(buildScrape({ connectionId, extra, transactionId: 1 }), client)).toEqual({
      kind: "error",
      transactionId: 1,
      message: "Scrape without an info hash",
    });
    expect(harness.count(COUNTER.malformed)).toBe(1);
  });

  test("a scrape creates nothing", () => {
    const harness = new HandlerHarness();
    harness.scrape(client, [hash(1), hash(2)]);
    expect([harness.tables[4].torrentCount, harness.tables[16].torrentCount]).toEqual([0, 0]);
  });

  test("a scrape sees the swarms of its own family only", () => {
    const harness = newHarness();
    const other = source(family === 4 ? 16 : 4);
    expect(harness.scrape(other, [hash(1)])).toMatchObject({ swarms: [empty] });
  });
});
