// The effects of an announce and the response to it: one datagram in, one out.

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/app/metrics.ts";
import { CHUNK_SLOTS, TORRENT } from "../../src/swarm/layout.ts";
import {
  type AnnounceRequest,
  buildAnnounce,
  buildUrlData,
  EVENT,
  type Peer,
} from "../support/bep15.ts";
import { HandlerHarness, source, textOf } from "./harness.ts";

const infoHash = Buffer.alloc(20, 0xab);

/** Announces as client number `host` and returns the response, which must not be an error. */
function announce(
  harness: HandlerHarness,
  family: 4 | 16,
  host: number,
  request: Omit<AnnounceRequest, "connectionId"> = {},
) {
  const answer = harness.announce(source(family, host), { infoHash, left: 1n, ...request });
  if (answer?.kind !== "announce") throw new Error(`answered ${JSON.stringify(answer)}`);
  return answer;
}

function sorted(peers: Peer[]): string[] {
  return peers.map(({ address, port }) => `${address} ${port}`).toSorted();
}

describe.each([4, 16] as const)("from addresses of %i bytes", (family) => {
  const client = source(family);

  test("the response has the interval, the counts and the other peers", () => {
    const harness = new HandlerHarness({ announceInterval: 1234 });
    announce(harness, family, 1, { port: 1001 });
    announce(harness, family, 2, { port: 65535, left: 0n });
    expect(announce(harness, family, 3, { port: 256, transactionId: 77 })).toMatchObject({
      transactionId: 77,
      interval: 1234,
      leechers: 2,
      seeders: 1,
    });
    const { peers } = announce(harness, family, 3, { port: 256 });
    const others = [1, 2].map((host) => textOf(source(family, host)));
    expect(sorted(peers)).toEqual([`${others[0]} 1001`, `${others[1]} 65535`].toSorted());
  });

  test("fewer than 98 bytes get an error", () => {
    const harness = new HandlerHarness();
    const whole = buildAnnounce({ connectionId: harness.connect(client), transactionId: 3 });
    for (let length = 16; length < 98; length++) {
      expect(harness.ask(whole.subarray(0, length), client)).toEqual({
        kind: "error",
        transactionId: 3,
        message: "Announce shorter than 98 bytes",
      });
    }
    expect(harness.count(COUNTER.malformed)).toBe(82);
    expect(harness.tables[family].torrentCount).toBe(0);
    expect(harness.ask(whole, client)?.kind).toBe("announce");
    expect(harness.count(COUNTER.malformed)).toBe(82);
  });

  test("port 0 gets an error, even with stopped, and the source port does not replace it", () => {
    const harness = new HandlerHarness();
    for (const event of [EVENT.none, EVENT.stopped]) {
      const answer = harness.announce(client, { port: 0, event, transactionId: 4 });
      const message = "Announce with port 0";
      expect(answer).toEqual({ kind: "error", transactionId: 4, message });
    }
    expect(harness.count(COUNTER.malformed)).toBe(2);
    expect(harness.tables[family].torrentCount).toBe(0);
  });

  test("a peer is its source address and announced port, and nothing else", () => {
    const harness = new HandlerHarness();
    announce(harness, family, 1, { port: 10, ip: 0x7f000001, key: 1 });
    announce(harness, family, 1, { port: 10, ip: 0x08080808, key: 2, downloaded: 5n });
    announce(harness, family, 1, { port: 11 });
    harness.announce(source(family, 1, 4242), { infoHash, left: 1n, port: 10 });
    const { leechers, peers } = announce(harness, family, 2, { port: 12 });
    const one = textOf(client);
    expect([leechers, sorted(peers)]).toEqual([3, [`${one} 10`, `${one} 11`]]);
  });

  test.each([
    ["a path", buildUrlData("/announce?passkey=abc")],
    ["a long path", buildUrlData(`/${"x".repeat(600)}`)],
    ["padding and an end", Buffer.from([1, 1, 1, 0])],
    ["an option longer than the datagram", Buffer.from([2, 255, 1])],
    ["an option without its length", Buffer.from([2])],
    ["an unknown option", Buffer.from([200, 1, 1])],
    ["a byte", Buffer.from([0xff])],
    ["far too many bytes", Buffer.alloc(3000, 2)],
  ])("options (BEP 41) are ignored: %s", (_what, extra) => {
    const harness = new HandlerHarness();
    announce(harness, family, 1, { port: 9 });
    const answer = announce(harness, family, 2, { extra });
    expect(sorted(answer.peers)).toEqual([`${textOf(source(family, 1))} 9`]);
    expect(harness.count(COUNTER.malformed)).toBe(0);
  });

  test.each([
    [1, 1],
    [2, 2],
    [9, 9],
    [10, 10],
    [11, 10],
    [2 ** 31 - 1, 10],
    [0, 0],
    [-1, 10],
    [-(2 ** 31), 10],
  ])("numwant %i among 15 others with a limit of 10 returns %i peers", (numwant, given) => {
    const harness = new HandlerHarness({ maxResponsePeers: 10 });
    for (let host = 1; host <= 15; host++) announce(harness, family, host);
    const { peers } = announce(harness, family, 99, { numwant });
    expect(peers).toHaveLength(given);
    expect(new Set(sorted(peers)).size).toBe(given);
    expect(announce(harness, family, 99, { numwant }).leechers).toBe(16);
  });

  test("a swarm with fewer peers than wanted returns all, including the newest", () => {
    const harness = new HandlerHarness({ maxResponsePeers: 10 });
    expect(announce(harness, family, 1, { numwant: 5 }).peers).toEqual([]);
    for (let host = 2; host <= 4; host++) {
      const { peers } = announce(harness, family, host, { numwant: 5 });
      const others = Array.from({ length: host - 1 }, (_, i) => textOf(source(family, i + 1)));
      expect(peers.map(({ address }) => address).toSorted()).toEqual(others);
    }
  });

  test.each([255, 3600])(
    "with a limit of %i peers, a response has as many as fit one packet",
    (maxResponsePeers) => {
      const harness = new HandlerHarness({ maxResponsePeers, maxScrapeTorrents: 1 });
      for (let host = 1; host <= 300; host++) announce(harness, family, host, { numwant: 1 });
      const connectionId = harness.connect(source(family, 1));
      for (const numwant of [-1, 255, 299]) {
        const request = buildAnnounce({ connectionId, infoHash, left: 1n, numwant });
        const fitting = family === 4 ? 242 : 79;
        const bytes = 20 + fitting * (family + 2);
        expect(harness.send(request, source(family, 1))).toHaveLength(bytes);
        expect(bytes + (family === 4 ? 28 : 48)).toBeLessThanOrEqual(1500);
      }
    },
  );

  test("an address beyond its limit of peers gets an error, which is counted", () => {
    const limits = { maxTorrents: 10, maxPeers: 10, maxPeersPerAddress: 1 };
    const harness = new HandlerHarness({ limits });
    expect(announce(harness, family, 1, { port: 1 })).toMatchObject({ kind: "announce" });
    expect(harness.announce(source(family, 1), { infoHash, port: 2, transactionId: 6 })).toEqual({
      kind: "error",
      transactionId: 6,
      message: "Too many peers of your address",
    });
    expect(harness.count(COUNTER.addressFull)).toBe(1);
    expect(harness.count(COUNTER.tableFull)).toBe(0);
  });

  test("a connection id is valid in the client's own network only", () => {
    const harness = new HandlerHarness();
    const [own, neighbour, other] = [2, 3, 258].map((host) => source(family, host));
    const request = buildAnnounce({ connectionId: harness.connect(own), infoHash });
    expect(harness.ask(request, own)?.kind).toBe("announce");
    expect(harness.ask(request, neighbour)?.kind).toBe(family === 4 ? "error" : "announce");
    expect(harness.ask(request, other)?.kind).toBe("error");
  });

  test("a seeder gets leechers only, a leecher gets both", () => {
    const harness = new HandlerHarness();
    for (const host of [1, 2]) announce(harness, family, host, { left: 0n });
    for (const host of [3, 4, 5]) announce(harness, family, host, { left: 1n });
    const addresses = (host: number, left: bigint) => {
      const { peers } = announce(harness, family, host, { left });
      return peers.map(({ address }) => address).toSorted();
    };
    const texts = (hosts: number[]) => hosts.map((host) => textOf(source(family, host)));
    expect(addresses(1, 0n)).toEqual(texts([3, 4, 5]));
    expect(addresses(5, 1n)).toEqual(texts([1, 2, 3, 4]));
    // It has completed and is a seeder now.
    expect(addresses(5, 0n)).toEqual(texts([3, 4]));
    expect(addresses(4, 1n)).toEqual(texts([1, 2, 3, 5]));
  });

  test.each([
    [0n, 0, 1],
    [1n, 1, 0],
    [2n ** 31n, 1, 0],
    [2n ** 32n, 1, 0],
    [2n ** 63n, 1, 0],
    [2n ** 64n - 1n, 1, 0],
  ])("%p bytes left counts as %i leechers and %i seeders", (left, leechers, seeders) => {
    const harness = new HandlerHarness();
    expect(announce(harness, family, 1, { left })).toMatchObject({ leechers, seeders });
  });

  test.each([0, 1, 2, 4, 5, 0x03000000, 0x103, 2 ** 32 - 1])(
    "event %i counts as no event, and the peer joins the swarm",
    (event) => {
      const harness = new HandlerHarness();
      announce(harness, family, 1, { event });
      const answer = announce(harness, family, 2, { event });
      expect(answer).toMatchObject({ leechers: 2, seeders: 0 });
      expect(answer.peers).toHaveLength(1);
    },
  );

  test("stopped removes the peer, and the response has the counts and no peers", () => {
    const harness = new HandlerHarness();
    for (const host of [1, 2, 3]) announce(harness, family, host);
    announce(harness, family, 4, { left: 0n });
    const event = EVENT.stopped;
    const stopped = { peers: [], leechers: 2, seeders: 1, interval: 900 };
    expect(announce(harness, family, 3, { event })).toMatchObject(stopped);
    // Stopping again, or with another port, removes no peer.
    expect(announce(harness, family, 3, { event })).toMatchObject(stopped);
    expect(announce(harness, family, 2, { event, port: 7 })).toMatchObject(stopped);
    // A seeder stops as a leecher, and a leecher as a seeder.
    expect(announce(harness, family, 4, { event })).toMatchObject({ leechers: 2, seeders: 0 });
    expect(announce(harness, family, 2, { event, left: 0n })).toMatchObject({ leechers: 1 });
    expect(announce(harness, family, 1, { event })).toMatchObject({ leechers: 0, peers: [] });
    expect([harness.tables[family].torrentCount, harness.tables[family].peerCount]).toEqual([0, 0]);
  });

  test("stopped creates nothing", () => {
    const harness = new HandlerHarness({ limits: { maxTorrents: 1, maxPeers: 1 } });
    const answer = announce(harness, family, 1, { event: EVENT.stopped });
    expect(answer).toMatchObject({ leechers: 0, seeders: 0, peers: [] });
    expect([harness.tables[family].torrentCount, harness.tables[family].peerCount]).toEqual([0, 0]);
  });

  test("a full tracker refuses new peers and serves existing ones", () => {
    const harness = new HandlerHarness({ limits: { maxTorrents: 1, maxPeers: 2 } });
    announce(harness, family, 1);
    announce(harness, family, 2);
    const full = { kind: "error", transactionId: 6, message: "Tracker is full" };
    const newcomer = source(family, 3);
    expect(harness.announce(newcomer, { infoHash, transactionId: 6 })).toEqual(full as never);
    const elsewhere = { infoHash: Buffer.alloc(20, 1), transactionId: 6 };
    expect(harness.announce(client, elsewhere)).toEqual(full as never);
    expect(harness.count(COUNTER.tableFull)).toBe(2);
    expect(announce(harness, family, 1).peers).toHaveLength(1);
    announce(harness, family, 1, { event: EVENT.stopped });
    expect(announce(harness, family, 3)).toMatchObject({ leechers: 2 });
    expect(harness.count(COUNTER.tableFull)).toBe(2);
  });

  test("the swarms of the two families are separate", () => {
    const harness = new HandlerHarness();
    const other = family === 4 ? 16 : 4;
    announce(harness, family, 1);
    const answer = announce(harness, other, 2);
    expect(answer).toMatchObject({ leechers: 1, peers: [] });
    expect(harness.scrape(source(other, 3), [infoHash])).toMatchObject({
      swarms: [{ leechers: 1 }],
    });
    announce(harness, other, 2, { event: EVENT.stopped });
    expect([harness.tables[family].peerCount, harness.tables[other].peerCount]).toEqual([1, 0]);
  });

  test("info hashes that differ in a byte are different torrents", () => {
    const harness = new HandlerHarness();
    announce(harness, family, 1);
    for (let index = 0; index < 20; index++) {
      const other = Buffer.from(infoHash);
      other[index] ^= 1;
      expect(announce(harness, family, 2, { infoHash: other }).leechers).toBe(1);
    }
    expect(harness.tables[family].torrentCount).toBe(21);
  });

  test("the time of an announce is the low 16 bits of the clock", () => {
    const harness = new HandlerHarness();
    harness.now = 0x1fedc;
    announce(harness, family, 1);
    const { blocks, swarms, torrents } = harness.tables[family];
    const first = torrents.chunkRecord(0);
    const records = Array.from({ length: CHUNK_SLOTS }, (_, slot) => first + slot * TORRENT.words);
    // A torrent's only peer is in the record itself.
    const ticks = records
      .filter((record) => swarms.count(record) > 0)
      .map((record) => blocks.tickOf(record + TORRENT.inline));
    expect(ticks).toEqual([0xfedc]);
  });
});
