// The WebTorrent protocol, as a client sees it, but for offers and answers: one suite for every
// number of workers.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { startTracker, type Tracker } from "../support/tracker.ts";
import {
  announce,
  connectMany,
  connectWs,
  id,
  isOffer,
  isResponse,
  type Json,
  newTorrent,
  offers,
  say,
} from "../support/ws-client.ts";

/** What is answered to an HTTP request that is written by hand, up to the first line's end. */
async function askRaw(port: number, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, "127.0.0.1", () => socket.write(request));
  socket.once("data", (data) => resolve(data.toString("latin1")));
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("no answer")));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

describe.each([1, 2])("%i socket workers", (workers) => {
  let tracker: Tracker;
  let url: string;

  beforeAll(async () => {
    tracker = await startTracker({
      program: "ws",
      config: [
        `socket_workers = ${workers}`,
        "[network]",
        "address = ['127.0.0.1:0', '[::1]:0']",
        "max_message_size = 20000",
        "max_scrape_torrents = 3",
      ].join("\n"),
    });
    url = `ws://127.0.0.1:${tracker.ports[0]}/announce`;
  });

  afterAll(async () => {
    expect(await tracker.stop()).toBe(0);
    for (const line of tracker.stderr.trim().split("\n")) {
      expect(line).toMatch(/listening on|max_connections: \d+ fit/);
    }
  });

  test("an announce is answered with the counts, the announcer included", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    expect(await say(a, announce(torrent, "a", { event: "started", left: null }))).toEqual({
      action: "announce",
      info_hash: id(torrent),
      complete: 0,
      incomplete: 1,
      interval: 120,
    });
    expect(await say(a, announce(torrent, "b", { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 1,
    });
  });

  const seeding = { complete: 1, incomplete: 0 };
  const leeching = { complete: 0, incomplete: 1 };
  test.each([
    [{ left: 0 }, seeding],
    [{ left: 5, event: "completed" }, seeding],
    [{ left: 0.0, event: "update" }, seeding],
    [{ left: null }, leeching],
    [{ left: undefined }, leeching],
    [{ left: -1 }, leeching],
    [{ left: "0" }, leeching],
    [{ left: [] }, leeching],
    [{ left: false }, leeching],
    [{ left: 1, event: null }, leeching],
    [{ left: 1, event: "" }, leeching],
    [{ left: 1, event: "paused" }, leeching],
    [{ left: 1, event: 7 }, leeching],
  ])("%j is a seeder or a leecher, and may change", async (fields, counts) => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    expect(await say(a, announce(torrent, "a", fields))).toMatchObject(counts);
    expect(await say(a, announce(torrent, "a", { left: 0 }))).toMatchObject(seeding);
    expect(await say(a, announce(torrent, "a", fields))).toMatchObject(counts);
  });

  test("a peer that stops is gone, and one that was never there may stop too", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    await using b = await connectWs(url);
    const stopped = { event: "stopped", left: undefined };
    expect(await say(a, announce(torrent, "a", stopped))).toMatchObject({
      complete: 0,
      incomplete: 0,
    });
    await say(a, announce(torrent, "a"));
    expect(await say(b, announce(torrent, "b"))).toMatchObject({ incomplete: 2 });
    expect(await say(b, announce(torrent, "b", stopped))).toMatchObject({ incomplete: 1 });
    expect(await say(a, announce(torrent, "a", stopped))).toMatchObject({ incomplete: 0 });
  });

  test("all peers of a connection go with it, and none of others", async () => {
    const torrents = [newTorrent(), newTorrent()];
    await using watcher = await connectWs(url);
    const a = await connectWs(url);
    for (const torrent of torrents) {
      await say(watcher, announce(torrent, "w"));
      for (const peer of ["a", "b", "c"]) await say(a, announce(torrent, peer));
    }
    await a.close();
    for (const torrent of torrents) {
      while ((await say(watcher, announce(torrent, "w"))).incomplete !== 1);
    }
  });

  test("a peer that reconnects is not removed when its old connection ends", async () => {
    const torrent = newTorrent();
    await using watcher = await connectWs(url);
    const clients = await connectMany(url, 4);
    for (const [i, client] of clients.entries()) {
      // Whether the tracker knows by then or not.
      if (i > 0) clients[i - 1].socket.close();
      expect(await say(client, announce(torrent, "a"))).toMatchObject({ incomplete: 1 });
    }
    expect(await say(watcher, announce(torrent, "w"))).toMatchObject({ incomplete: 2 });
    await Promise.all(clients.slice(0, 3).map((client) => client.closed));
    // Offers find the newest connection.
    await say(watcher, announce(torrent, "w", offers("o1")));
    expect(await clients[3].take(isOffer)).toMatchObject({ offer_id: id("o1") });
    await clients[3].close();
    while ((await say(watcher, announce(torrent, "w"))).incomplete !== 1);
  });

  test("IPv4 and IPv6 clients share their swarm", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    await using b = await connectWs(`ws://[::1]:${tracker.ports[1]}/`);
    await say(a, announce(torrent, "a"));
    expect(await say(b, announce(torrent, "b", offers("o1")))).toMatchObject({ incomplete: 2 });
    expect(await a.take(isOffer)).toMatchObject({ peer_id: id("b") });
  });

  test("a scrape of one or of several", async () => {
    const torrents = [newTorrent(), newTorrent(), newTorrent(), newTorrent()];
    await using a = await connectWs(url);
    await say(a, announce(torrents[0], "a"));
    await say(a, announce(torrents[0], "b", { left: 0 }));
    await say(a, announce(torrents[1], "a"));
    const none = { complete: 0, incomplete: 0, downloaded: 0 };
    a.send({ action: "scrape", info_hash: id(torrents[0]) });
    expect(await a.take()).toEqual({
      action: "scrape",
      files: { [id(torrents[0])]: { complete: 1, incomplete: 1, downloaded: 0 } },
    });
    a.send({ action: "scrape", info_hash: torrents.map(id) });
    expect(await a.take()).toEqual({
      action: "scrape",
      files: {
        [id(torrents[0])]: { complete: 1, incomplete: 1, downloaded: 0 },
        [id(torrents[1])]: { ...none, incomplete: 1 },
        [id(torrents[2])]: none,
      },
    });
  });

  const noHashes = [undefined, null, 5, [], [5], {}, "", "short", id("\u0100"), [id("a"), null]];
  test.each(noHashes.map((info_hash) => ({ info_hash })))(
    "a scrape of %j is an error",
    async ({ info_hash }) => {
      await using a = await connectWs(url);
      a.send({ action: "scrape", info_hash });
      const bad = Array.isArray(info_hash) ? info_hash.at(-1) : info_hash;
      expect(await a.take()).toEqual({
        action: "scrape",
        info_hash: typeof bad === "string" ? bad : "",
        "failure reason": expect.any(String),
      });
    },
  );

  test("ids are compared by their characters, however they were escaped", async () => {
    const torrent = '\u0000\u0001\u001f"\\\u007f\u0080\u00ff<&>/';
    const hash = torrent.padEnd(20, "\u00e9");
    const escaped = hash.replace(/[^]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
    await using a = await connectWs(url);
    await using b = await connectWs(url);
    a.send(`{"action":"announce","info_hash":"${escaped}","peer_id":"${id("a")}","left":1}`);
    expect(await a.take()).toMatchObject({ info_hash: hash, incomplete: 1 });
    b.send({ ...announce("", "b"), info_hash: hash, ...offers("\u0000\u00ff") });
    expect(await b.take()).toMatchObject({ info_hash: hash, incomplete: 2 });
    expect(await a.take(isOffer)).toMatchObject({ info_hash: hash, offer_id: id("\u0000\u00ff") });
  });

  const short = "x".repeat(19);
  test.each([
    [{ info_hash: short }, short],
    [{ info_hash: `${short}xx` }, `${short}xx`],
    [{ info_hash: id("\u0100") }, id("\u0100")],
    [{ info_hash: 5 }, ""],
    [{ info_hash: undefined }, ""],
    [{ info_hash: null }, ""],
    [{ info_hash: [id("a")] }, ""],
    [{ peer_id: short }, id("bad")],
    [{ peer_id: undefined }, id("bad")],
    [{ peer_id: {} }, id("bad")],
    [{ answer: {}, to_peer_id: id("x"), offer_id: id("x") }, id("bad")],
    [{ answer: 5, to_peer_id: id("x"), offer_id: id("x") }, id("bad")],
    [{ answer: { sdp: null }, to_peer_id: id("x"), offer_id: id("x") }, id("bad")],
    [{ answer: { sdp: "x" }, to_peer_id: "x", offer_id: id("x") }, id("bad")],
    [{ answer: { sdp: "x" }, to_peer_id: id("x") }, id("bad")],
  ])("an announce with %j is an error that names action and info hash", async (fields, echo) => {
    await using a = await connectWs(url);
    a.send(announce("bad", "a", fields as Json));
    expect(await a.take()).toEqual({
      action: "announce",
      info_hash: echo,
      "failure reason": expect.any(String),
    });
    expect(isResponse(await say(a, announce(newTorrent(), "a")))).toBe(true);
  });

  test("an unknown action is an error", async () => {
    await using a = await connectWs(url);
    a.send({ action: "dance", info_hash: id("t") });
    expect(await a.take()).toEqual({
      action: "dance",
      info_hash: id("t"),
      "failure reason": "Unknown action",
    });
  });

  const junk = [
    "null",
    "5",
    "[]",
    '"announce"',
    "true",
    "",
    "{",
    "{}",
    '{"action":null}',
    '{"action":["announce"]}',
    `{"action":"${"x".repeat(30)}"}`,
    "[".repeat(10_000),
  ];
  test("what cannot be answered is borne for a while, then the connection is closed", async () => {
    await using a = await connectWs(url);
    for (const text of junk) a.send(text);
    expect(isResponse(await say(a, announce(newTorrent(), "a")))).toBe(true);
    for (const text of junk) a.send(text);
    expect((await a.closed).code).toBe(1008);
    expect(a.inbox).toEqual([]);
  });

  test("JSON in a binary frame is understood, and answered as text", async () => {
    await using a = await connectWs(url);
    const torrent = newTorrent();
    const bytes = new TextEncoder().encode(JSON.stringify(announce(torrent, "a")));
    a.send(bytes);
    expect(await a.take()).toMatchObject({ info_hash: id(torrent), incomplete: 1 });
  });

  test("a message over max_message_size ends the connection", async () => {
    await using a = await connectWs(url);
    a.send(announce(newTorrent(), "a", { padding: "x".repeat(19_000) }));
    expect(isResponse(await a.take())).toBe(true);
    a.send(announce(newTorrent(), "a", { padding: "x".repeat(20_000) }));
    // 1009; the client may learn of the end of the connection alone.
    expect([1006, 1009]).toContain((await a.closed).code);
  });

  test("every path is a tracker, and plain HTTP gets an answer", async () => {
    const origin = `127.0.0.1:${tracker.ports[0]}`;
    for (const path of ["", "/", "/announce", "/tracker/socket?x=1", "/health"]) {
      await using a = await connectWs(`ws://${origin}${path}`);
      expect(isResponse(await say(a, announce(newTorrent(), "a")))).toBe(true);
    }
    const health = await fetch(`http://${origin}/health`);
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
    const plain = await fetch(`http://${origin}/announce`);
    expect(plain.status).toBe(426);
    expect(await plain.text()).toContain("WebSocket");
    for (const [request, status] of [
      ["GET /health HTTP/1.0", 200],
      ["GET /announce?x=1 HTTP/1.0", 426],
      ["GET // HTTP/1.0", 426],
      ["GET /health HTTP/1.1\r\nHost: [bad", 200],
    ] as const) {
      expect(await askRaw(tracker.ports[0], `${request}\r\n\r\n`)).toStartWith(
        `HTTP/1.1 ${status} `,
      );
    }
    const post = await fetch(`http://${origin}/`, { method: "POST", body: "x".repeat(100_000) });
    expect([413, 426]).toContain(post.status);
  });
});
