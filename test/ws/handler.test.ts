// What becomes of single messages. Whole conversations are compared with a model in
// handler-model.test.ts.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { COUNTER } from "../../src/app/counters.ts";
import { slotOf } from "../../src/ws/connections.ts";
import { KIND } from "../../src/ws/deliveries.ts";
import { OUTCOME, REFUSAL } from "../../src/ws/handler.ts";
import { HandlerHarness, id, type Socket } from "./handler-harness.ts";

const infoHash = id("torrent");
let harness: HandlerHarness;

beforeEach(() => {
  harness = new HandlerHarness();
});

function announce(peer: string, more: object = {}) {
  return { action: "announce", info_hash: infoHash, peer_id: id(peer), left: 5, ...more };
}

function makeOffers(count: number, prefix = "offer") {
  return Array.from({ length: count }, (_, n) => ({
    offer: { type: "offer", sdp: `sdp of ${prefix}${n}` },
    offer_id: id(`${prefix}${n}`),
  }));
}

function answer(peer: string, to: string, offerId: string, more: object = {}) {
  const { left: _, ...fields } = announce(peer);
  const description = { type: "answer", sdp: `sdp of ${peer}` };
  return { ...fields, to_peer_id: id(to), answer: description, offer_id: offerId, ...more };
}

/** Sends a message that gets one response and nothing else, and gives the response. */
function ask(from: Socket, message: unknown): any {
  const { outcome, deliveries } = harness.send(from, message);
  expect(outcome).toBe(OUTCOME.handled);
  expect(deliveries).toEqual([{ to: from, kind: KIND.response, message: expect.anything() }]);
  return deliveries[0].message;
}

/** Announces, and gives the sockets that offers went to. */
function offerTo(from: Socket, peer: string, more: object): (Socket | undefined)[] {
  const { deliveries } = harness.send(from, announce(peer, more));
  return deliveries.filter(({ kind }) => kind === KIND.offer).map(({ to }) => to);
}

describe("an announce", () => {
  test("is answered with the counts, the peer among them", () => {
    harness = new HandlerHarness({ announceInterval: 77 });
    const socket = harness.open();
    expect(ask(socket, announce("a"))).toEqual({
      action: "announce",
      info_hash: infoHash,
      complete: 0,
      incomplete: 1,
      interval: 77,
    });
    expect(ask(socket, announce("b", { left: 0 }))).toMatchObject({ complete: 1, incomplete: 1 });
    expect(ask(socket, announce("c", { left: null }))).toMatchObject({
      complete: 1,
      incomplete: 2,
    });
    expect(harness.count(COUNTER.responses)).toBe(3);
  });

  test("moves a peer between leechers and seeders, to and fro", () => {
    const socket = harness.open();
    for (const [more, complete] of [
      [{}, 0],
      [{ event: "completed", left: 5 }, 1],
      [{ left: 0, event: "started" }, 1],
      [{ left: null }, 0],
      [{ left: 0, event: "paused" }, 1],
      [{ left: undefined, event: "update" }, 0],
      [{ event: "" }, 0],
    ] as const) {
      const response = ask(socket, announce("a", more));
      expect(response).toMatchObject({ complete, incomplete: 1 - complete });
    }
    expect(harness.table.peerCount).toBe(1);
  });

  test("with the event stopped removes the peer, and passes no offers on", () => {
    const socket = harness.open();
    ask(socket, announce("a"));
    ask(socket, announce("b"));
    const stopped = announce("a", { event: "stopped", left: undefined, offers: makeOffers(2) });
    expect(ask(socket, stopped)).toMatchObject({ complete: 0, incomplete: 1 });
    expect(ask(socket, stopped)).toMatchObject({ complete: 0, incomplete: 1 });
    expect(ask(socket, announce("b", { event: "stopped", left: 0 }))).toMatchObject({
      complete: 0,
      incomplete: 0,
    });
    expect([harness.table.peerCount, harness.table.torrentCount]).toEqual([0, 0]);
  });

  test("with an answer of null is none the less an announce", () => {
    const message = announce("a", { answer: null });
    expect(ask(harness.open(), message)).toMatchObject({ incomplete: 1 });
  });

  test.each([
    ["info_hash", REFUSAL.infoHash],
    ["peer_id", REFUSAL.peerId],
  ])("with a wrong %s is refused, with the info hash that it had", (key, reason) => {
    const socket = harness.open();
    for (const wrong of [undefined, null, 5, [], {}, "", "short", id("\u0100"), "x".repeat(40)]) {
      const message = announce("a", { [key]: wrong });
      const echo = typeof message.info_hash === "string" ? message.info_hash : "";
      expect(ask(socket, message)).toEqual({
        action: "announce",
        info_hash: echo,
        "failure reason": reason,
      });
    }
    expect(harness.table.peerCount).toBe(0);
  });

  test("of one peer too many is refused, and leaves nothing behind", () => {
    harness = new HandlerHarness({ mostPeersEach: 2 });
    const [socket, other] = [harness.open(1), harness.open(2)];
    ask(socket, announce("a"));
    ask(socket, announce("b"));
    expect(ask(socket, announce("c"))["failure reason"]).toBe(REFUSAL.tooMany);
    expect(harness.table.peerCount).toBe(2);
    expect(ask(socket, announce("a", { left: 0 }))).toMatchObject({ complete: 1, incomplete: 1 });
    expect(ask(other, announce("c"))).toMatchObject({ complete: 1, incomplete: 2 });
    ask(socket, announce("a", { event: "stopped" }));
    expect(ask(socket, announce("d"))).toMatchObject({ incomplete: 3 });
    harness.close(socket);
    harness.close(other);
    expect(harness.table.peerCount).toBe(0);
  });

  test("of one peer too many does not take a peer over before it is refused", () => {
    harness = new HandlerHarness({ mostPeersEach: 1 });
    const [first, second] = [harness.open(1), harness.open(1)];
    ask(first, announce("x"));
    ask(second, announce("y"));
    expect(ask(second, announce("x"))["failure reason"]).toBe(REFUSAL.tooMany);
    expect(harness.table.peerCount).toBe(2);
    harness.close(second);
    expect(harness.table.peerCount).toBe(1);
  });

  test("for which the table has no room is refused", () => {
    harness = new HandlerHarness({ limits: { maxTorrents: 10, maxPeers: 2 } });
    const socket = harness.open();
    ask(socket, announce("a"));
    ask(socket, announce("b"));
    expect(ask(socket, announce("c"))).toEqual({
      action: "announce",
      info_hash: infoHash,
      "failure reason": REFUSAL.full,
    });
    expect(harness.count(COUNTER.tableFull)).toBe(1);
    expect(ask(socket, announce("a"))).toMatchObject({ incomplete: 2 });
    harness.close(socket);
    expect(harness.table.peerCount).toBe(0);
  });
});

describe("offers", () => {
  test("are passed on as they came, each to another peer, never to the sender", () => {
    const sender = harness.open(1);
    const others = [harness.open(2, 0), harness.open(3, 1), harness.open(4, 1)];
    others.forEach((socket, n) => ask(socket, announce(`peer ${n}`)));
    const { deliveries } = harness.send(sender, announce("a", { offers: makeOffers(5) }));
    expect(deliveries[0]).toMatchObject({ to: sender, kind: KIND.response });
    const passed = deliveries.slice(1);
    expect(new Set(passed.map(({ to }) => to))).toEqual(new Set(others));
    expect(passed.map(({ kind }) => kind)).toEqual([KIND.offer, KIND.offer, KIND.offer]);
    expect(passed.map(({ message }) => message)).toEqual(
      makeOffers(3).map(({ offer, offer_id }) => ({
        action: "announce",
        info_hash: infoHash,
        peer_id: id("a"),
        offer,
        offer_id,
      })),
    );
    expect(harness.count(COUNTER.offers)).toBe(3);
  });

  test("of a seeder go to leechers only, those of a leecher to both", () => {
    const [sender, seeder, leecher] = [harness.open(1), harness.open(2), harness.open(3)];
    ask(seeder, announce("s", { left: 0 }));
    ask(leecher, announce("l"));
    expect(offerTo(sender, "a", { left: 0, offers: makeOffers(5) })).toEqual([leecher]);
    const reached = offerTo(sender, "a", { left: 1, offers: makeOffers(5) });
    expect(new Set(reached)).toEqual(new Set([seeder, leecher]));
  });

  test("are no more than max_offers, numwant and the offers themselves", () => {
    harness = new HandlerHarness({ maxOffers: 3 });
    const sender = harness.open(1);
    for (let n = 0; n < 8; n++) ask(harness.open(2 + n), announce(`peer ${n}`));
    for (const [offers, numwant, count] of [
      [8, undefined, 3],
      [8, 50, 3],
      [8, 2, 2],
      [8, 0, 0],
      [1, 50, 1],
      [0, 50, 0],
    ] as const) {
      expect(offerTo(sender, "a", { offers: makeOffers(offers), numwant }).length).toBe(count);
    }
  });

  test("go nowhere when none are allowed", () => {
    harness = new HandlerHarness({ maxOffers: 0 });
    ask(harness.open(1), announce("a"));
    expect(ask(harness.open(2), announce("b", { offers: makeOffers(3) }))).toMatchObject({
      incomplete: 2,
    });
  });

  test("pass over peers whose connection takes no more", () => {
    const sender = harness.open(1);
    const others = Array.from({ length: 4 }, (_, n) => harness.open(2 + n, n % 2));
    others.forEach((socket, n) => ask(socket, announce(`peer ${n}`)));
    harness.setFull(others[0], true);
    harness.setFull(others[3], true);
    const reached = offerTo(sender, "a", { offers: makeOffers(2) });
    expect(new Set(reached)).toEqual(new Set([others[1], others[2]]));
    harness.setFull(others[0], false);
    expect(offerTo(sender, "a", { offers: makeOffers(4) }).length).toBe(3);
  });

  test("of one page reach another peer of the same connection", () => {
    const socket = harness.open();
    ask(socket, announce("b"));
    expect(offerTo(socket, "a", { offers: makeOffers(3) })).toEqual([socket]);
  });

  test("reach only the swarm that they are for", () => {
    const [sender, other] = [harness.open(1), harness.open(2)];
    ask(other, announce("b", { info_hash: id("another") }));
    expect(offerTo(sender, "a", { offers: makeOffers(3) })).toEqual([]);
  });
});

describe("an answer", () => {
  let offerer: Socket;
  let answerer: Socket;
  const offerId = id("offer0");

  beforeEach(() => {
    offerer = harness.open(1, 0);
    answerer = harness.open(2, 1);
    ask(answerer, announce("b"));
    expect(offerTo(offerer, "a", { offers: makeOffers(1) })).toEqual([answerer]);
  });

  /** Whether the message is passed on; what is not is passed over in silence. */
  function isPassed(from: Socket, message: object): boolean {
    const lost = harness.count(COUNTER.lostAnswers);
    const { outcome, deliveries } = harness.send(from, message);
    expect(outcome).toBe(OUTCOME.handled);
    expect(harness.count(COUNTER.lostAnswers) - lost).toBe(deliveries.length === 0 ? 1 : 0);
    return deliveries.length > 0;
  }

  test("is passed on to the peer that made the offer, without to_peer_id", () => {
    const { deliveries } = harness.send(answerer, answer("b", "a", offerId));
    expect(deliveries).toEqual([
      {
        to: offerer,
        kind: KIND.answer,
        message: {
          action: "announce",
          info_hash: infoHash,
          peer_id: id("b"),
          answer: { type: "answer", sdp: "sdp of b" },
          offer_id: offerId,
        },
      },
    ]);
    expect(harness.count(COUNTER.answers)).toBe(1);
  });

  test("is no announce: it changes no counts", () => {
    ask(answerer, announce("b", { left: 0 }));
    isPassed(answerer, answer("b", "a", offerId, { left: 7, event: "stopped" }));
    expect(ask(offerer, announce("a"))).toMatchObject({ complete: 1, incomplete: 1 });
  });

  test("is passed on once", () => {
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(false);
  });

  test("is passed on once for each time that an offer was made", () => {
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
    expect(offerTo(offerer, "a", { offers: makeOffers(1) })).toEqual([answerer]);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(false);
  });

  test.each([
    [60, true],
    [61, false],
  ])("%i seconds later is passed on: %p", (seconds, expected) => {
    harness.now += seconds;
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(expected);
  });

  test("is not passed on from whom the offer did not reach", () => {
    const third = harness.open(3);
    ask(third, announce("c"));
    expect(isPassed(third, answer("c", "a", offerId))).toBe(false);
    // Nor in another's name, nor as no peer at all.
    expect(isPassed(third, answer("b", "a", offerId))).toBe(false);
    expect(isPassed(third, answer("d", "a", offerId))).toBe(false);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
  });

  test("is not passed on from who got the slot of the peer that it reached", () => {
    const slot = slotOf(answerer.name);
    // Its worker has not yet come to remove its peers.
    harness.own[answerer.worker].close(slot);
    const young = harness.open(2, answerer.worker);
    expect(slotOf(young.name)).toBe(slot);
    expect(isPassed(young, answer("b", "a", offerId))).toBe(false);
  });

  test("is not passed on to who got the slot of the peer that offered", () => {
    harness.own[offerer.worker].close(slotOf(offerer.name));
    harness.open(1, offerer.worker);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(false);
  });

  test("is not passed on to another peer, nor with another offer id or info hash", () => {
    const third = harness.open(3);
    ask(third, announce("c"));
    ask(answerer, announce("b", { info_hash: id("another") }));
    expect(isPassed(answerer, answer("b", "c", offerId))).toBe(false);
    expect(isPassed(answerer, answer("b", "a", id("offer1")))).toBe(false);
    const elsewhere = answer("b", "a", offerId, { info_hash: id("another") });
    expect(isPassed(answerer, elsewhere)).toBe(false);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
  });

  test("to a peer that has left goes nowhere", () => {
    harness.close(offerer);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(false);
  });

  test("finds the peer on its new connection", () => {
    const renewed = harness.open(1, 1);
    ask(renewed, announce("a"));
    harness.close(offerer);
    const { deliveries } = harness.send(answerer, answer("b", "a", offerId));
    expect(deliveries.map(({ to }) => to)).toEqual([renewed]);
  });

  test.each([
    ["answer", {}, REFUSAL.sdp],
    ["answer", "v=0", REFUSAL.sdp],
    ["answer", 0, REFUSAL.sdp],
    ["answer", { sdp: 5 }, REFUSAL.sdp],
    ["offer_id", undefined, REFUSAL.offerId],
    ["offer_id", "short", REFUSAL.offerId],
    ["to_peer_id", undefined, REFUSAL.toPeerId],
    ["to_peer_id", id("\u0100"), REFUSAL.toPeerId],
  ])("with the %s %j is refused", (key, value, reason) => {
    expect(ask(answerer, answer("b", "a", offerId, { [key]: value }))).toEqual({
      action: "announce",
      info_hash: infoHash,
      "failure reason": reason,
    });
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
  });
});

describe("a peer id on a second connection", () => {
  test("is taken over from the same address, and the first one's end does not matter", () => {
    const [old, young] = [harness.open(1, 0), harness.open(1, 1)];
    ask(old, announce("a"));
    expect(ask(young, announce("a", { left: 0 }))).toMatchObject({ complete: 1, incomplete: 0 });
    expect(harness.table.peerCount).toBe(1);
    ask(old, announce("a", { event: "stopped" }));
    expect(harness.table.peerCount).toBe(1);
    harness.close(old);
    expect(harness.table.peerCount).toBe(1);
    harness.close(young);
    expect(harness.table.peerCount).toBe(0);
  });

  test("from another address is held, and nothing is sent", () => {
    const [old, young] = [harness.open(1, 1), harness.open(2, 0)];
    ask(old, announce("a"));
    ask(young, announce("b"));
    const message = announce("a", { left: 0, offers: makeOffers(3) });
    expect(harness.send(young, message)).toEqual({ outcome: OUTCOME.held, deliveries: [] });
    const { name, generation } = old;
    expect(harness.handlers[0].holder).toEqual({ name, generation });
    harness.handlers[0].refuseHeld(young, JSON.stringify(message));
    expect(harness.takeDeliveries()).toEqual([
      {
        to: young,
        kind: KIND.response,
        message: {
          action: "announce",
          info_hash: infoHash,
          "failure reason": REFUSAL.peerHeld,
        },
      },
    ]);
    expect(ask(old, announce("a"))).toMatchObject({ complete: 0, incomplete: 2 });
    harness.close(old);
    expect(ask(young, announce("a", { left: 0 }))).toMatchObject({ complete: 1, incomplete: 1 });
  });

  test("is taken over from a connection that closed without a word", () => {
    const [old, young] = [harness.open(1, 1), harness.open(2, 0)];
    ask(old, announce("a"));
    // Its worker has not yet come to remove its peers.
    harness.own[1].close(0);
    expect(ask(young, announce("a"))).toMatchObject({ incomplete: 1 });
    harness.handlers[1].removePeers(old);
    expect(harness.table.peerCount).toBe(1);
  });

  test("is not removed by who does not hold it", () => {
    const [old, young] = [harness.open(1), harness.open(2)];
    ask(old, announce("a"));
    expect(ask(young, announce("a", { event: "stopped" }))).toMatchObject({ incomplete: 1 });
    expect(harness.table.peerCount).toBe(1);
  });

  test("is another peer in another swarm", () => {
    const [one, other] = [harness.open(1), harness.open(2)];
    ask(one, announce("a"));
    expect(ask(other, announce("a", { info_hash: id("another") }))).toMatchObject({
      incomplete: 1,
    });
  });
});

describe("a closing connection", () => {
  test("takes all its peers along, of all swarms, and nobody else's", () => {
    const [socket, other] = [harness.open(1), harness.open(2)];
    for (const peer of ["a", "b", "c"]) {
      for (const torrent of ["t", "u"]) ask(socket, announce(peer, { info_hash: id(torrent) }));
    }
    ask(other, announce("d", { info_hash: id("t") }));
    harness.close(socket);
    expect([harness.table.peerCount, harness.table.torrentCount]).toEqual([1, 1]);
  });

  test("leaves nothing to who gets its slot", () => {
    const old = harness.open(1);
    ask(old, announce("a"));
    harness.close(old);
    const young = harness.open(2);
    expect([young.name, young.generation]).toEqual([old.name, old.generation + 1]);
    expect(ask(young, announce("a"))).toMatchObject({ incomplete: 1 });
    harness.close(young);
    expect(harness.table.peerCount).toBe(0);
  });
});

describe("a scrape", () => {
  const counts = (complete: number, incomplete: number) => ({
    complete,
    incomplete,
    downloaded: 0,
  });

  test("of one torrent, and of several, known or not", () => {
    const socket = harness.open();
    ask(socket, announce("a", { left: 0 }));
    ask(socket, announce("b"));
    const one = { action: "scrape", files: { [infoHash]: counts(1, 1) } };
    expect(ask(socket, { action: "scrape", info_hash: infoHash })).toEqual(one);
    expect(ask(socket, { action: "scrape", info_hash: [infoHash] })).toEqual(one);
    expect(ask(socket, { action: "scrape", info_hash: [id("none"), infoHash] })).toEqual({
      action: "scrape",
      files: { [id("none")]: counts(0, 0), [infoHash]: counts(1, 1) },
    });
  });

  test("of more than the limit is answered up to it", () => {
    const hashes = Array.from({ length: 8 }, (_, n) => id(`torrent ${n}`));
    const { files } = ask(harness.open(), { action: "scrape", info_hash: hashes });
    expect(Object.keys(files)).toEqual(hashes.slice(0, 5));
    const later = { action: "scrape", info_hash: [...hashes.slice(0, 5), 5] };
    expect(Object.keys(ask(harness.open(), later).files)).toEqual(hashes.slice(0, 5));
  });

  test.each([
    [undefined, "", REFUSAL.noInfoHash],
    [[], "", REFUSAL.noInfoHash],
    [null, "", REFUSAL.infoHash],
    [5, "", REFUSAL.infoHash],
    [[infoHash, 5], "", REFUSAL.infoHash],
    [[infoHash, "short"], "short", REFUSAL.infoHash],
    [[[infoHash]], "", REFUSAL.infoHash],
  ])("of %j is refused", (info_hash, echo, reason) => {
    expect(ask(harness.open(), { action: "scrape", info_hash })).toEqual({
      action: "scrape",
      info_hash: echo,
      "failure reason": reason,
    });
  });
});

test("an unknown action gets an error with its name, and its info hash", () => {
  expect(ask(harness.open(), { action: "hello", info_hash: infoHash })).toEqual({
    action: "hello",
    info_hash: infoHash,
    "failure reason": REFUSAL.action,
  });
});

test.each(["", "{", "null", "[]", "5", "{}", '{"action":5}'])("%j is junk", (text) => {
  expect(harness.send(harness.open(), text)).toEqual({ outcome: OUTCOME.junk, deliveries: [] });
});

describe("whatever a client sends", () => {
  const valid = [
    announce("b", { numwant: 5, event: "started", offers: makeOffers(3) }),
    announce("b", { event: "completed" }),
    announce("b", { event: "stopped" }),
    answer("b", "a", id("offer0")),
    { action: "scrape", info_hash: [infoHash, id("another")] },
  ];
  const keys = [
    ...new Set(valid.flatMap((message) => Object.keys(message))),
    "__proto__",
    "constructor",
  ];

  /** The message is handled, the sender gets at most one response, and the peers stay sound. */
  function check(text: string): void {
    harness = new HandlerHarness();
    const outsider = harness.open(9, 1);
    const socket = harness.open(8, 0);
    harness.send(outsider, announce("a", { offers: makeOffers(1) }));
    harness.send(socket, announce("b", { offers: makeOffers(1) }));
    harness.send(outsider, announce("a", { offers: makeOffers(1) }));
    const { outcome, deliveries } = harness.send(socket, text);
    expect(outcome).toBeOneOf(Object.values(OUTCOME));
    const responses = deliveries.filter(({ kind }) => kind === KIND.response);
    expect(responses.length).toBeLessThanOrEqual(1);
    if (outcome !== OUTCOME.handled) expect(deliveries).toEqual([]);
    for (const { message } of responses) expect(message.action).toBeString();
    for (const { to, kind } of deliveries) {
      expect(to).toBeOneOf(kind === KIND.response ? [socket] : [socket, outsider]);
    }
    harness.close(socket);
    harness.close(outsider);
    expect(harness.table.peerCount).toBe(0);
  }

  test("any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), check));
  });

  test("any value under any known key", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...valid),
        fc.array(fc.tuple(fc.constantFrom(...keys), fc.jsonValue()), { maxLength: 3 }),
        (message, changes) => {
          const entries = [...Object.entries(message), ...changes];
          const members = entries.map(([key, value]) => {
            return `${JSON.stringify(key)}:${JSON.stringify(value) ?? "null"}`;
          });
          check(`{${members.join(",")}}`);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a valid message without a key, or with a part of it changed", () => {
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.nat(), fc.nat(5), fc.string(), (...given) => {
        const [message, place, length, inserted] = given;
        const text = JSON.stringify(message);
        const at = place % text.length;
        check(text.slice(0, at) + inserted + text.slice(at + length));
      }),
      { numRuns: 300 },
    );
    for (const message of valid) {
      for (const key of Object.keys(message))
        check(JSON.stringify({ ...message, [key]: undefined }));
    }
  });

  test("any offers", () => {
    const part = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...makeOffers(3)));
    const one = fc.record({ offer: part, offer_id: fc.oneof(part, fc.constant(id("x"))) });
    const offers = fc.oneof(part, fc.array(fc.oneof(part, one)));
    fc.assert(
      fc.property(offers, (some) => check(JSON.stringify(announce("b", { offers: some })))),
    );
  });
});
