// What becomes of offers, and of the answers to them.

import { beforeEach, describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/app/metrics.ts";
import { slotOf } from "../../src/ws/connections.ts";
import { KIND } from "../../src/ws/deliveries.ts";
import { OUTCOME } from "../../src/ws/handler.ts";
import {
  announce,
  answer,
  HandlerHarness,
  id,
  infoHash,
  makeOffers,
  REASON,
  type Socket,
} from "./handler-harness.ts";

let harness: HandlerHarness;

beforeEach(() => {
  harness = new HandlerHarness();
});

describe("offers", () => {
  test("are passed on as they came, each to another peer, never to the sender", () => {
    const sender = harness.open(1);
    const others = [harness.open(2, 0), harness.open(3, 1), harness.open(4, 1)];
    others.forEach((socket, n) => harness.ask(socket, announce(`peer ${n}`)));
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

  test("reach every peer of a small swarm equally often", () => {
    const sender = harness.open(1);
    const others = Array.from({ length: 5 }, (_, n) => harness.open(2 + n));
    others.forEach((socket, n) => harness.ask(socket, announce(`peer ${n}`)));
    const reached = new Map<Socket | undefined, number>();
    const rounds = 1000;
    for (let round = 0; round < rounds; round++) {
      for (const socket of harness.offerTo(sender, "a", { offers: makeOffers(3) })) {
        reached.set(socket, (reached.get(socket) ?? 0) + 1);
      }
    }
    // Three fifths of the rounds, with a standard deviation of 15.
    for (const socket of others) expect(reached.get(socket)! / rounds).toBeCloseTo(0.6, 0.8);
  });

  test("of a seeder go to leechers only, those of a leecher to both", () => {
    const [sender, seeder, leecher] = [harness.open(1), harness.open(2), harness.open(3)];
    harness.ask(seeder, announce("s", { left: 0 }));
    harness.ask(leecher, announce("l"));
    expect(harness.offerTo(sender, "a", { left: 0, offers: makeOffers(5) })).toEqual([leecher]);
    const reached = harness.offerTo(sender, "a", { left: 1, offers: makeOffers(5) });
    expect(new Set(reached)).toEqual(new Set([seeder, leecher]));
  });

  test("are no more than max_offers, numwant and the offers themselves", () => {
    harness = new HandlerHarness({ maxOffers: 3 });
    const sender = harness.open(1);
    for (let n = 0; n < 8; n++) harness.ask(harness.open(2 + n), announce(`peer ${n}`));
    for (const [offers, numwant, count] of [
      [8, undefined, 3],
      [8, 50, 3],
      [8, 2, 2],
      [8, 0, 0],
      [1, 50, 1],
      [0, 50, 0],
    ] as const) {
      expect(harness.offerTo(sender, "a", { offers: makeOffers(offers), numwant }).length).toBe(
        count,
      );
    }
  });

  test("are more, or fewer, from the moment on when max_offers changes", () => {
    harness = new HandlerHarness({ maxOffers: 1 });
    const sender = harness.open(1);
    for (let n = 0; n < 100; n++) harness.ask(harness.open(2 + n), announce(`peer ${n}`));
    for (const maxOffers of [1, 100, 0, 5]) {
      harness.settings.maxOffers = maxOffers;
      const reached = harness.offerTo(sender, "a", { offers: makeOffers(101) });
      expect(new Set(reached).size).toBe(maxOffers);
    }
  });

  test("go nowhere when none are allowed", () => {
    harness = new HandlerHarness({ maxOffers: 0 });
    harness.ask(harness.open(1), announce("a"));
    expect(harness.ask(harness.open(2), announce("b", { offers: makeOffers(3) }))).toMatchObject({
      incomplete: 2,
    });
  });

  test("pass over peers whose connection takes no more", () => {
    const sender = harness.open(1);
    const others = Array.from({ length: 4 }, (_, n) => harness.open(2 + n, n % 2));
    others.forEach((socket, n) => harness.ask(socket, announce(`peer ${n}`)));
    harness.setFull(others[0], true);
    harness.setFull(others[3], true);
    const reached = harness.offerTo(sender, "a", { offers: makeOffers(2) });
    expect(new Set(reached)).toEqual(new Set([others[1], others[2]]));
    harness.setFull(others[0], false);
    expect(harness.offerTo(sender, "a", { offers: makeOffers(4) }).length).toBe(3);
  });

  test("of one page reach another peer of the same connection", () => {
    const socket = harness.open();
    harness.ask(socket, announce("b"));
    expect(harness.offerTo(socket, "a", { offers: makeOffers(3) })).toEqual([socket]);
  });

  test("reach only the swarm that they are for", () => {
    const [sender, other] = [harness.open(1), harness.open(2)];
    harness.ask(other, announce("b", { info_hash: id("another") }));
    expect(harness.offerTo(sender, "a", { offers: makeOffers(3) })).toEqual([]);
  });
});

describe("the id of an offer", () => {
  const good = [
    "x",
    "0".repeat(17),
    id("o"),
    id("\u20ac"),
    "y".repeat(21),
    '"\\\u20ac\0'.repeat(16),
  ];

  /** An announce with an offer for each of the ids. */
  const announceOf = (ids: unknown[]) =>
    announce("a", { offers: ids.map((offer_id) => ({ offer: { sdp: "v=0" }, offer_id })) });

  test.each(good)(
    "is any string of 1 to 64 characters: %j, by which its answer is found",
    (name) => {
      const [offerer, answerer] = [harness.open(1, 0), harness.open(2, 1)];
      harness.ask(answerer, announce("b"));
      const { deliveries } = harness.send(offerer, announceOf([name]));
      expect(deliveries.map(({ to, kind }) => [to, kind])).toEqual([
        [offerer, KIND.response],
        [answerer, KIND.offer],
      ]);
      expect(deliveries[1].message.offer_id).toBe(name);
      for (const other of good) {
        if (other === name) continue;
        expect(harness.send(answerer, answer("b", "a", other)).deliveries).toEqual([]);
      }
      // However it is escaped.
      const escaped = JSON.stringify(answer("b", "a", "@")).replace('"@"', () => escapeAll(name));
      const passed = harness.send(answerer, escaped).deliveries;
      expect(passed.map(({ to, kind }) => [to, kind])).toEqual([[offerer, KIND.answer]]);
      expect(passed[0].message.offer_id).toBe(name);
      expect(harness.send(answerer, answer("b", "a", name)).deliveries).toEqual([]);
    },
  );

  test.each([[""], ["x".repeat(65)], [null], [5], [[]], [undefined]])(
    "is not %j: the client learns it, once, and its other offers are passed on",
    (name: unknown) => {
      const [offerer, answerer] = [harness.open(1, 0), harness.open(2, 1)];
      harness.ask(answerer, announce("b"));
      const { outcome, deliveries } = harness.send(offerer, announceOf([name, "good", name]));
      expect(outcome).toBe(OUTCOME.handled);
      expect(deliveries.map(({ to, kind }) => [to, kind])).toEqual([
        [offerer, KIND.response],
        [answerer, KIND.offer],
        [offerer, KIND.response],
      ]);
      expect(deliveries[0].message).toMatchObject({ incomplete: 2 });
      expect(deliveries[1].message.offer_id).toBe("good");
      expect(deliveries[2].message).toEqual({
        action: "announce",
        info_hash: infoHash,
        "failure reason": REASON.offerId,
      });
    },
  );

  function escapeAll(text: string): string {
    const codes = Array.from(text.split(""), (char) => char.charCodeAt(0).toString(16));
    return `"${codes.map((code) => `\\u${code.padStart(4, "0")}`).join("")}"`;
  }
});

describe("an answer", () => {
  let offerer: Socket;
  let answerer: Socket;
  const offerId = id("offer0");

  beforeEach(() => {
    offerer = harness.open(1, 0);
    answerer = harness.open(2, 1);
    harness.ask(answerer, announce("b"));
    expect(harness.offerTo(offerer, "a", { offers: makeOffers(1) })).toEqual([answerer]);
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
    harness.ask(answerer, announce("b", { left: 0 }));
    isPassed(answerer, answer("b", "a", offerId, { left: 7, event: "stopped" }));
    expect(harness.ask(offerer, announce("a"))).toMatchObject({ complete: 1, incomplete: 1 });
  });

  test("is passed on once", () => {
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(false);
  });

  test("is passed on once for each time that an offer was made", () => {
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
    expect(harness.offerTo(offerer, "a", { offers: makeOffers(1) })).toEqual([answerer]);
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
    harness.ask(third, announce("c"));
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
    harness.ask(third, announce("c"));
    harness.ask(answerer, announce("b", { info_hash: id("another") }));
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
    harness.close(offerer);
    harness.ask(renewed, announce("a"));
    const { deliveries } = harness.send(answerer, answer("b", "a", offerId));
    expect(deliveries.map(({ to }) => to)).toEqual([renewed]);
  });

  test.each([
    ["answer", {}, REASON.sdp],
    ["answer", "v=0", REASON.sdp],
    ["answer", 0, REASON.sdp],
    ["answer", { sdp: 5 }, REASON.sdp],
    ["offer_id", undefined, REASON.offerId],
    ["offer_id", "", REASON.offerId],
    ["offer_id", "x".repeat(65), REASON.offerId],
    ["to_peer_id", undefined, REASON.toPeerId],
    ["to_peer_id", id("\u0100"), REASON.toPeerId],
  ])("with the %s %j is refused", (key, value, reason) => {
    expect(harness.ask(answerer, answer("b", "a", offerId, { [key]: value }))).toEqual({
      action: "announce",
      info_hash: infoHash,
      "failure reason": reason,
    });
    expect(isPassed(answerer, answer("b", "a", offerId))).toBe(true);
  });
});
