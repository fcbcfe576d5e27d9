// What becomes of single messages; offers and answers have a file of their own,
// handler-offers.test.ts. Whole conversations are compared with a model in handler-model.test.ts.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { COUNTER } from "../../src/app/metrics.ts";
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
} from "./handler-harness.ts";

let harness: HandlerHarness;

beforeEach(() => {
  harness = new HandlerHarness();
});

describe("an announce", () => {
  test("is answered with the counts, the peer among them", () => {
    harness = new HandlerHarness({ announceInterval: 77 });
    const socket = harness.open();
    expect(harness.ask(socket, announce("a"))).toEqual({
      action: "announce",
      info_hash: infoHash,
      complete: 0,
      incomplete: 1,
      interval: 77,
    });
    expect(harness.ask(socket, announce("b", { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 1,
    });
    expect(harness.ask(socket, announce("c", { left: null }))).toMatchObject({
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
      const response = harness.ask(socket, announce("a", more));
      expect(response).toMatchObject({ complete, incomplete: 1 - complete });
    }
    expect(harness.table.peerCount).toBe(1);
  });

  test("with the event stopped removes the peer, and passes no offers on", () => {
    const socket = harness.open();
    harness.ask(socket, announce("a"));
    harness.ask(socket, announce("b"));
    const stopped = announce("a", { event: "stopped", left: undefined, offers: makeOffers(2) });
    expect(harness.ask(socket, stopped)).toMatchObject({ complete: 0, incomplete: 1 });
    expect(harness.ask(socket, stopped)).toMatchObject({ complete: 0, incomplete: 1 });
    expect(harness.ask(socket, announce("b", { event: "stopped", left: 0 }))).toMatchObject({
      complete: 0,
      incomplete: 0,
    });
    expect([harness.table.peerCount, harness.table.torrentCount]).toEqual([0, 0]);
  });

  test("with an answer of null is none the less an announce", () => {
    const message = announce("a", { answer: null });
    expect(harness.ask(harness.open(), message)).toMatchObject({ incomplete: 1 });
  });

  test.each([
    ["info_hash", REASON.infoHash],
    ["peer_id", REASON.peerId],
  ])("with a wrong %s is refused, with the info hash that it had", (key, reason) => {
    const socket = harness.open();
    for (const wrong of [undefined, null, 5, [], {}, "", "short", id("\u0100"), "x".repeat(40)]) {
      const message = announce("a", { [key]: wrong });
      const echo = typeof message.info_hash === "string" ? message.info_hash : "";
      expect(harness.ask(socket, message)).toEqual({
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
    harness.ask(socket, announce("a"));
    harness.ask(socket, announce("b"));
    expect(harness.ask(socket, announce("c"))["failure reason"]).toBe(REASON.tooMany);
    expect(harness.table.peerCount).toBe(2);
    expect(harness.ask(socket, announce("a", { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 1,
    });
    expect(harness.ask(other, announce("c"))).toMatchObject({ complete: 1, incomplete: 2 });
    harness.ask(socket, announce("a", { event: "stopped" }));
    expect(harness.ask(socket, announce("d"))).toMatchObject({ incomplete: 3 });
    harness.close(socket);
    harness.close(other);
    expect(harness.table.peerCount).toBe(0);
  });

  test("of one peer too many is taken when others of its connection have expired", () => {
    harness = new HandlerHarness({ mostPeersEach: 4 });
    const socket = harness.open();
    const refused = (peer: string): boolean =>
      "failure reason" in harness.ask(socket, announce(peer));
    for (const peer of ["a", "b", "c"]) harness.ask(socket, announce(peer));
    harness.now += 100;
    harness.ask(socket, announce("d"));
    // Nothing has expired, and it is not looked for again at once.
    expect(refused("e")).toBe(true);
    harness.expire(50);
    expect(harness.table.peerCount).toBe(1);
    expect(refused("e")).toBe(true);
    harness.now += 10;
    for (const peer of ["e", "f", "g"]) expect(refused(peer)).toBe(false);
    expect(refused("h")).toBe(true);
    expect(refused("d")).toBe(false);
    harness.close(socket);
    expect(harness.table.peerCount).toBe(0);
  });

  test("beyond those that an address may have are refused, on all its connections", () => {
    harness = new HandlerHarness({ maxPeersPerAddress: 3 });
    const [one, other, stranger] = [harness.open(7, 0), harness.open(7, 1), harness.open(8, 1)];
    for (const [i, peer] of ["a", "b", "c"].entries()) {
      expect(harness.ask(i === 0 ? one : other, announce(peer))).toMatchObject({ complete: 0 });
    }
    const refusal = { "failure reason": REASON.addressFull, info_hash: infoHash };
    expect(harness.ask(one, announce("d"))).toMatchObject(refusal);
    expect(harness.count(COUNTER.addressFull)).toBe(1);
    expect(harness.table.peerCount).toBe(3);
    // Those that are known, and other addresses, are served; a peer that stops makes room.
    expect(harness.ask(one, announce("a"))).toMatchObject({ incomplete: 3 });
    expect(harness.ask(stranger, announce("e"))).toMatchObject({ incomplete: 4 });
    harness.ask(other, announce("b", { event: "stopped" }));
    harness.ask(other, announce("b", { event: "stopped" }));
    expect(harness.ask(one, announce("d"))).toMatchObject({ incomplete: 4 });
    expect(harness.ask(one, announce("f"))).toMatchObject(refusal);
    // So does a connection that closes.
    harness.close(other);
    expect(harness.ask(one, announce("f"))).toMatchObject({ incomplete: 4 });
    expect(harness.ask(one, announce("g"))).toMatchObject(refusal);
  });

  test("of many peers of one connection, of which all have expired, are all taken", () => {
    harness = new HandlerHarness({
      limits: { maxTorrents: 10, maxPeers: 20_000 },
      mostPeersEach: 5000,
    });
    const socket = harness.open();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 5000; i++) {
        expect(harness.ask(socket, announce(`${round} ${i}`))).toHaveProperty("complete");
      }
      expect(harness.table.peerCount).toBe(5000);
      harness.now += 100;
      harness.expire(50);
      expect(harness.table.peerCount).toBe(0);
    }
  });

  test("of one peer too many does not take a peer over before it is refused", () => {
    harness = new HandlerHarness({ mostPeersEach: 1 });
    const [first, second] = [harness.open(1), harness.open(1)];
    harness.ask(first, announce("x"));
    harness.ask(second, announce("y"));
    expect(harness.ask(second, announce("x"))["failure reason"]).toBe(REASON.tooMany);
    expect(harness.table.peerCount).toBe(2);
    harness.close(second);
    expect(harness.table.peerCount).toBe(1);
  });

  test("for which the table has no room is refused", () => {
    harness = new HandlerHarness({ limits: { maxTorrents: 10, maxPeers: 2 } });
    const socket = harness.open();
    harness.ask(socket, announce("a"));
    harness.ask(socket, announce("b"));
    expect(harness.ask(socket, announce("c"))).toEqual({
      action: "announce",
      info_hash: infoHash,
      "failure reason": REASON.full,
    });
    expect(harness.count(COUNTER.tableFull)).toBe(1);
    expect(harness.ask(socket, announce("a"))).toMatchObject({ incomplete: 2 });
    harness.close(socket);
    expect(harness.table.peerCount).toBe(0);
  });
});

describe("a peer id on a second connection", () => {
  test.each([1, 2])("is held, from whatever address, and nothing is sent: %i", (address) => {
    const [old, young] = [harness.open(1, 1), harness.open(address, 0)];
    harness.ask(old, announce("a"));
    harness.ask(young, announce("b"));
    const message = announce("a", { left: 0, offers: makeOffers(3) });
    expect(harness.send(young, message)).toEqual({ outcome: OUTCOME.held, deliveries: [] });
    const { name, generation } = old;
    expect(harness.handlers[0].holder).toEqual({ name, generation });
    expect(harness.refuseHeld(young, message)).toEqual([
      {
        to: young,
        kind: KIND.response,
        message: {
          action: "announce",
          info_hash: infoHash,
          "failure reason": REASON.peerHeld,
        },
      },
    ]);
    expect(harness.ask(old, announce("a"))).toMatchObject({ complete: 0, incomplete: 2 });
    harness.close(old);
    expect(harness.ask(young, announce("a", { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 1,
    });
  });

  test("is taken over from a connection that closed without a word", () => {
    const [old, young] = [harness.open(1, 1), harness.open(2, 0)];
    harness.ask(old, announce("a"));
    // Its worker has not yet come to remove its peers.
    harness.own[1].close(0);
    expect(harness.ask(young, announce("a", { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 0,
    });
    harness.ask(harness.open(1, 1), announce("a", { event: "stopped" }));
    harness.handlers[1].removePeers(old);
    expect(harness.table.peerCount).toBe(1);
    harness.close(young);
    expect(harness.table.peerCount).toBe(0);
  });

  test("is not removed by who does not hold it", () => {
    const [old, young] = [harness.open(1), harness.open(2)];
    harness.ask(old, announce("a"));
    expect(harness.ask(young, announce("a", { event: "stopped" }))).toMatchObject({
      incomplete: 1,
    });
    expect(harness.table.peerCount).toBe(1);
  });

  test("is another peer in another swarm", () => {
    const [one, other] = [harness.open(1), harness.open(2)];
    harness.ask(one, announce("a"));
    expect(harness.ask(other, announce("a", { info_hash: id("another") }))).toMatchObject({
      incomplete: 1,
    });
  });
});

describe("a closing connection", () => {
  test("takes all its peers along, of all swarms, and nobody else's", () => {
    const [socket, other] = [harness.open(1), harness.open(2)];
    for (const peer of ["a", "b", "c"]) {
      for (const torrent of ["t", "u"])
        harness.ask(socket, announce(peer, { info_hash: id(torrent) }));
    }
    harness.ask(other, announce("d", { info_hash: id("t") }));
    harness.close(socket);
    expect([harness.table.peerCount, harness.table.torrentCount]).toEqual([1, 1]);
  });

  test("leaves nothing to who gets its slot", () => {
    const old = harness.open(1);
    harness.ask(old, announce("a"));
    harness.close(old);
    const young = harness.open(2);
    expect([young.name, young.generation]).toEqual([old.name, old.generation + 1]);
    expect(harness.ask(young, announce("a"))).toMatchObject({ incomplete: 1 });
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
    harness.ask(socket, announce("a", { left: 0 }));
    harness.ask(socket, announce("b"));
    const one = { action: "scrape", files: { [infoHash]: counts(1, 1) } };
    expect(harness.ask(socket, { action: "scrape", info_hash: infoHash })).toEqual(one);
    expect(harness.ask(socket, { action: "scrape", info_hash: [infoHash] })).toEqual(one);
    expect(harness.ask(socket, { action: "scrape", info_hash: [id("none"), infoHash] })).toEqual({
      action: "scrape",
      files: { [id("none")]: counts(0, 0), [infoHash]: counts(1, 1) },
    });
  });

  test("of more than the limit is answered up to it", () => {
    const hashes = Array.from({ length: 8 }, (_, n) => id(`torrent ${n}`));
    const { files } = harness.ask(harness.open(), { action: "scrape", info_hash: hashes });
    expect(Object.keys(files)).toEqual(hashes.slice(0, 5));
    const later = { action: "scrape", info_hash: [...hashes.slice(0, 5), 5] };
    expect(Object.keys(harness.ask(harness.open(), later).files)).toEqual(hashes.slice(0, 5));
  });

  test.each([
    [undefined, "", REASON.noInfoHash],
    [[], "", REASON.noInfoHash],
    [null, "", REASON.infoHash],
    [5, "", REASON.infoHash],
    [[infoHash, 5], "", REASON.infoHash],
    [[infoHash, "short"], "short", REASON.infoHash],
    [[[infoHash]], "", REASON.infoHash],
  ])("of %j is refused", (info_hash, echo, reason) => {
    expect(harness.ask(harness.open(), { action: "scrape", info_hash })).toEqual({
      action: "scrape",
      info_hash: echo,
      "failure reason": reason,
    });
  });
});

test("an unknown action gets an error with its name, and its info hash", () => {
  expect(harness.ask(harness.open(), { action: "hello", info_hash: infoHash })).toEqual({
    action: "hello",
    info_hash: infoHash,
    "failure reason": REASON.action,
  });
});

test.each(["", "{", "null", "[]", "5", "{}", '{"action":5}'])("%j is bad", (text) => {
  expect(harness.send(harness.open(), text)).toEqual({ outcome: OUTCOME.bad, deliveries: [] });
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

  /**
   * The message is handled, the sender gets at most one response, and an error about its offers
   * beside it, and the peers stay sound.
   */
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
    for (const { message } of responses.slice(1)) {
      expect(message["failure reason"]).toBe(REASON.offerId);
    }
    expect(responses.length).toBeLessThanOrEqual(2);
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
