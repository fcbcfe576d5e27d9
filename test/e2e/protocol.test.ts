// The tracker as a program, asked over real sockets: one suite for every combination of workers and
// backends. AQUATIC_UDP names a compiled binary to test instead of the source.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  type AnnounceRequest,
  buildAnnounce,
  buildConnect,
  buildScrape,
  EVENT,
  parseResponse,
  type Response,
} from "../support/bep15.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";
import { openUdpClient, type UdpClient } from "../support/udp-client.ts";

const setUps = ["mmsg", "bun"].flatMap((backend) =>
  [1, 2].flatMap((sockets) => [0, 1, 2].map((requests) => [backend, sockets, requests] as const)),
);
const families = [
  { name: "IPv4", address: "127.0.0.1", index: 0 },
  { name: "IPv6", address: "::1", index: 1 },
] as const;

describe.each(setUps)("%s, %i socket workers, %i request workers", (backend, sockets, requests) => {
  let tracker: Tracker;

  beforeAll(async () => {
    tracker = await startTracker({
      config: `
        socket_workers = ${sockets}
        request_workers = ${requests}
        [network]
        address = ['127.0.0.1:0', '[::1]:0']
        socket_backend = '${backend}'
        max_response_peers = 60
        max_scrape_torrents = 100
        [statistics]
        interval = 0`,
    });
  });

  afterAll(async () => {
    const code = await tracker.stop();
    await tracker[Symbol.asyncDispose]();
    expect(code).toBe(0);
    expect(tracker.stdout).toBe("");
  });

  describe.each(families)("over $name", ({ address, index }) => {
    const open = (localAddress = address): Promise<UdpClient> =>
      openUdpClient({ address, port: tracker.ports[index], localAddress });

    test("issues connection ids and accepts them from any port of the host", async () => {
      await using client = await open();
      await using other = await open();
      const connectionId = await client.connect();
      const announce = buildAnnounce({ connectionId, port: 7000, left: 1n });
      expect(await ask(other, announce)).toMatchObject({ kind: "announce", leechers: 1 });
    });

    test("introduces the peers of a swarm to each other", async () => {
      await using client = await open();
      const connectionId = await client.connect();
      const infoHash = randomBytes(20);
      const announce = async (fields: Partial<AnnounceRequest>) => {
        const response = await ask(client, buildAnnounce({ connectionId, infoHash, ...fields }));
        if (response.kind !== "announce") throw new Error(`answered with ${response.kind}`);
        return response;
      };
      for (let port = 1; port <= 80; port++) {
        const left = port <= 10 ? 0n : 1n << 40n;
        const { peers, seeders, leechers, interval } = await announce({ port, left, numwant: 30 });
        expect({ seeders, leechers }).toEqual({
          seeders: Math.min(port, 10),
          leechers: Math.max(0, port - 10),
        });
        expect(interval).toBe(900);
        expect(peers).toHaveLength(port <= 10 ? 0 : Math.min(30, port - 1));
        const ports = new Set(peers.map((peer) => peer.port));
        expect(ports.size).toBe(peers.length);
        expect(ports).not.toContain(port);
        expect(peers.every((peer) => peer.address === address && peer.port < port)).toBe(true);
      }
      expect((await announce({ port: 80, left: 1n, numwant: -1 })).peers).toHaveLength(60);
      expect((await announce({ port: 80, left: 1n, numwant: 61 })).peers).toHaveLength(60);
      expect((await announce({ port: 80, left: 1n, numwant: 1 })).peers).toHaveLength(1);
      const seeder = await announce({ port: 1, left: 0n, numwant: 60 });
      expect(seeder.peers.every((peer) => peer.port > 10)).toBe(true);
      const stopped = await announce({ port: 80, event: EVENT.stopped });
      expect(stopped).toMatchObject({ seeders: 10, leechers: 69, peers: [] });
    });

    test("answers a scrape in request order", async () => {
      await using client = await open();
      const connectionId = await client.connect();
      const [one, two, unknown] = [randomBytes(20), randomBytes(20), randomBytes(20)];
      await ask(client, buildAnnounce({ connectionId, infoHash: one, port: 1, left: 0n }));
      await ask(client, buildAnnounce({ connectionId, infoHash: two, port: 2, left: 5n }));
      const infoHashes = [two, unknown, one, two];
      const response = await ask(client, buildScrape({ connectionId, infoHashes }));
      const none = { seeders: 0, leechers: 0, downloads: 0 };
      expect(response).toMatchObject({
        kind: "scrape",
        swarms: [{ ...none, leechers: 1 }, none, { ...none, seeders: 1 }, { ...none, leechers: 1 }],
      });
      const many = Array.from({ length: 120 }, (_, i) => (i % 2 === 0 ? one : two));
      const cut = await ask(client, buildScrape({ connectionId, infoHashes: many }));
      expect(cut).toMatchObject({ swarms: { length: 100 } });
    });

    test("answers a wrong connection id with no more bytes than the request", async () => {
      await using client = await open();
      const connectionId = 0x1234567812345678n;
      const message = "Connection invalid or expired";
      const announce = buildAnnounce({ connectionId });
      expect(await ask(client, announce)).toMatchObject({ kind: "error", message });
      const scrape = buildScrape({ connectionId, infoHashes: [randomBytes(20)] });
      const response = await client.request(scrape);
      expect(response?.length).toBeLessThanOrEqual(scrape.length);
      expect(response?.readUInt32BE(0)).toBe(3);
    });

    test("ignores datagrams that are no requests, and keeps serving", async () => {
      await using client = await open();
      client.send(new Uint8Array(0));
      client.send(randomBytes(15));
      client.send(buildConnect({ protocolId: 1n }));
      client.send(Buffer.alloc(16, 0xff));
      client.send(randomBytes(9000));
      expect(await client.request(buildConnect({ extra: randomBytes(50) }))).toHaveLength(16);
      expect(await client.collect(1, { timeoutMs: 50 })).toEqual([]);
    });

    test("survives clients that close their port before the response arrives", async () => {
      await using client = await open();
      const connectionId = await client.connect();
      for (let i = 0; i < 50; i++) {
        await using gone = await open();
        gone.send(buildAnnounce({ connectionId, port: 9 }));
      }
      for (let i = 0; i < 20; i++) await client.connect();
    });
  });

  test("separates the swarms of the two families", async () => {
    const infoHash = randomBytes(20);
    for (const { address, index } of families) {
      await using client = await openUdpClient({ address, port: tracker.ports[index] });
      const connectionId = await client.connect();
      const announce = buildAnnounce({ connectionId, infoHash, port: 5, left: 1n });
      expect(await ask(client, announce)).toMatchObject({ leechers: 1, peers: [] });
    }
  });

  test("answers hundreds of concurrent requests, each with its own response", async () => {
    await using client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
    const connectionId = await client.connect();
    const infoHashes = Array.from({ length: 10 }, () => randomBytes(20));
    const requests = Array.from({ length: 300 }, (_, i) => {
      const announce = { connectionId, infoHash: infoHashes[i % 10], port: 1 + i, numwant: 1 };
      return ask(client, buildAnnounce({ ...announce, transactionId: i }));
    });
    const responses = await Promise.all(requests);
    expect(new Set(responses.map((response) => response.transactionId)).size).toBe(300);
    const scrape = await ask(client, buildScrape({ connectionId, infoHashes }));
    expect(scrape).toMatchObject({ swarms: infoHashes.map(() => ({ leechers: 0, seeders: 30 })) });
  });
});

/** A datagram may be lost on a busy machine, so each request is tried three times. */
async function ask(client: UdpClient, request: Uint8Array): Promise<Response> {
  for (let tries = 0; tries < 3; tries++) {
    const response = await client.request(request);
    if (response !== undefined) return parseResponse(response, client.addressBytes);
  }
  throw new Error("no answer");
}
