// Offers and answers, as clients get them: one suite for every number of workers.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTracker, type Tracker } from "../support/tracker.ts";
import {
  announce,
  answer,
  connectMany,
  connectWs,
  id,
  isAnswer,
  isOffer,
  isResponse,
  newTorrent,
  offers,
  say,
} from "../support/ws-client.ts";

describe.each([1, 2])("%i socket workers", (workers) => {
  let tracker: Tracker;
  let url: string;

  beforeAll(async () => {
    const config = `socket_workers = ${workers}\n[network]\naddress = '127.0.0.1:0'`;
    tracker = await startTracker({ program: "ws", config });
    url = `ws://127.0.0.1:${tracker.ports[0]}/announce`;
  });

  afterAll(async () => {
    expect(await tracker.stop()).toBe(0);
    for (const line of tracker.stderr.trim().split("\n")) {
      expect(line).toMatch(/listening on|max_connections: \d+ fit/);
    }
  });

  test("offers go to other peers, one each, and answers go back, once", async () => {
    const torrent = newTorrent();
    const clients = await connectMany(url, 6);
    for (const [i, client] of clients.entries()) await say(client, announce(torrent, `peer${i}`));
    const [first, ...others] = clients;
    const names = ["o1", "o2", "o3", "o4", "o5", "o6", "o7"];
    await say(first, announce(torrent, "peer0", offers(...names)));
    const received = await Promise.all(others.map((client) => client.take(isOffer)));
    for (const [i, offer] of received.entries()) {
      const offerId = offer.offer_id as string;
      const name = names.find((candidate) => id(candidate) === offerId)!;
      expect(offer).toEqual({
        action: "announce",
        info_hash: id(torrent),
        peer_id: id("peer0"),
        offer: offers(name).offers[0].offer,
        offer_id: offerId,
      });
      others[i].send(answer(torrent, `peer${i + 1}`, offer));
      others[i].send(answer(torrent, `peer${i + 1}`, offer));
    }
    expect(new Set(received.map(({ offer_id }) => offer_id)).size).toBe(5);
    for (let i = 0; i < others.length; i++) {
      const message = await first.take(isAnswer);
      const peer = Number((message.peer_id as string)[4]);
      expect(message).toEqual({
        action: "announce",
        info_hash: id(torrent),
        peer_id: id(`peer${peer}`),
        answer: { type: "answer", sdp: `answer of peer${peer}` },
        offer_id: received[peer - 1].offer_id,
      });
    }
    // What came a second time would have come by now.
    for (const client of clients) await say(client, announce(torrent, "last"));
    for (const client of clients) expect(client.inbox).toEqual([]);
    await Promise.all(clients.map((client) => client.close()));
  });

  test("a response comes before the offers that it is about", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    await say(a, announce(torrent, "a"));
    // Two peers of one connection: it receives its own offers.
    a.send(announce(torrent, "b", offers("o1")));
    expect(isResponse(await a.take())).toBe(true);
    expect(await a.take()).toMatchObject({ peer_id: id("b"), offer_id: id("o1") });
  });

  test("a seeder's offers go to leechers only", async () => {
    const torrent = newTorrent();
    const clients = await connectMany(url, 3);
    const [seeder, leecher, other] = clients;
    await say(leecher, announce(torrent, "leecher"));
    await say(other, announce(torrent, "other", { left: 0 }));
    await say(seeder, announce(torrent, "seeder", { left: 0, ...offers("o1", "o2", "o3") }));
    await leecher.take(isOffer);
    await say(leecher, announce(torrent, "leecher", offers("p1", "p2", "p3")));
    await Promise.all([other.take(isOffer), seeder.take(isOffer)]);
    for (const client of clients) {
      await say(client, announce(newTorrent(), "x"));
      expect(client.inbox).toEqual([]);
      await client.close();
    }
  });

  test.each([
    ["no more than max_offers", { numwant: 50 }, 20, 10],
    ["no more than numwant", { numwant: 2 }, 5, 2],
    ["none for a numwant of 0", { numwant: 0 }, 5, 0],
    ["all for a numwant that is no number", { numwant: "x" }, 5, 5],
  ])("of many offers, %s are passed on", async (_name, fields, count, expected) => {
    const torrent = newTorrent();
    await using watcher = await connectWs(url);
    for (let i = 0; i < 15; i++) await say(watcher, announce(torrent, `w${i}`));
    await using a = await connectWs(url);
    const names = Array.from({ length: count }, (_, i) => `o${i}`);
    await say(a, announce(torrent, "a", { ...offers(...names), ...fields }));
    const received = [];
    for (let i = 0; i < expected; i++) received.push(await watcher.take(isOffer));
    expect(new Set(received.map(({ offer_id }) => offer_id)).size).toBe(expected);
    await say(watcher, announce(torrent, "w0"));
    expect(watcher.inbox).toEqual([]);
  });

  test("offers that are none are passed over, and the rest count", async () => {
    const torrent = newTorrent();
    await using watcher = await connectWs(url);
    for (let i = 0; i < 15; i++) await say(watcher, announce(torrent, `w${i}`));
    await using a = await connectWs(url);
    const good = offers("good", "fine").offers;
    const bad = [
      null,
      5,
      "offer",
      [],
      {},
      { offer: null, offer_id: id("x") },
      { offer: {}, offer_id: id("x") },
      { offer: { type: "offer", sdp: 5 }, offer_id: id("x") },
    ];
    await say(a, announce(torrent, "a", { offers: [...bad, good[0], ...bad, good[1]] }));
    const received = [await watcher.take(isOffer), await watcher.take(isOffer)];
    expect(new Set(received.map(({ offer_id }) => offer_id))).toEqual(
      new Set([id("fine"), id("good")]),
    );
    for (const offers of [5, null, "x", {}, [[]]]) {
      expect(isResponse(await say(a, announce(torrent, "a", { offers })))).toBe(true);
    }
    await say(watcher, announce(torrent, "w0"));
    expect(watcher.inbox).toEqual([]);
  });

  test("an offer id is any string of 1 to 64 characters, and others are an error", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    await using b = await connectWs(url);
    await say(b, announce(torrent, "b"));
    for (const offer_id of ["0", "12345678901234567", id("\u0100"), "\u20ac".repeat(64)]) {
      await say(a, announce(torrent, "a", { offers: [{ offer: { sdp: "x" }, offer_id }] }));
      const offer = await b.take(isOffer);
      expect(offer.offer_id).toBe(offer_id);
      b.send(answer(torrent, "b", offer));
      expect(await a.take(isAnswer)).toMatchObject({ peer_id: id("b"), offer_id });
    }
    for (const offer_id of ["", "x".repeat(65), 5, undefined]) {
      const message = announce(torrent, "a", { offers: [{ offer: { sdp: "x" }, offer_id }] });
      expect(isResponse(await say(a, message))).toBe(true);
      expect(await a.take()).toEqual({
        action: "announce",
        info_hash: id(torrent),
        "failure reason": "offer_id must be a string of 1 to 64 characters",
      });
    }
    expect([a.inbox, b.inbox]).toEqual([[], []]);
  });

  test("an answer counts from whom the offer was for, and from nobody else", async () => {
    const torrent = newTorrent();
    const clients = await connectMany(url, 3);
    const [a, b, thief] = clients;
    await say(b, announce(torrent, "b"));
    await say(a, announce(torrent, "a", offers("o1")));
    await say(thief, announce(torrent, "thief"));
    const offer = await b.take(isOffer);
    // As himself, in the name of another, and with an offer nobody made.
    thief.send(answer(torrent, "thief", offer));
    thief.send(answer(torrent, "b", offer));
    b.send(answer(torrent, "b", { ...offer, offer_id: id("o2") }));
    b.send(answer(torrent, "b", { ...offer, peer_id: id("thief") }));
    b.send(answer(torrent, "b", { ...offer, peer_id: id("gone") }));
    await Promise.all([thief, b].map((client) => say(client, announce(newTorrent(), "x"))));
    b.send(answer(torrent, "b", offer));
    expect(await a.take(isAnswer)).toMatchObject({ peer_id: id("b"), offer_id: id("o1") });
    await say(a, announce(newTorrent(), "x"));
    for (const client of clients) {
      expect(client.inbox).toEqual([]);
      await client.close();
    }
  });

  test("an answer changes no counts", async () => {
    const torrent = newTorrent();
    await using a = await connectWs(url);
    await using b = await connectWs(url);
    await say(b, announce(torrent, "b", { left: 0 }));
    await say(a, announce(torrent, "a", offers("o1")));
    b.send(answer(torrent, "b", await b.take(isOffer), { left: undefined }));
    await a.take(isAnswer);
    expect(await say(a, announce(torrent, "a"))).toMatchObject({ complete: 1, incomplete: 1 });
  });

  test("an answer to a peer that has gone leaves everybody connected", async () => {
    const torrent = newTorrent();
    await using b = await connectWs(url);
    await say(b, announce(torrent, "b"));
    const a = await connectWs(url);
    await say(a, announce(torrent, "a", offers("o1")));
    const offer = await b.take(isOffer);
    await a.close();
    while ((await say(b, announce(torrent, "b"))).incomplete !== 1);
    b.send(answer(torrent, "b", offer));
    expect(await say(b, announce(torrent, "b"))).toMatchObject({ incomplete: 1 });
    expect(b.inbox).toEqual([]);
  });
});
