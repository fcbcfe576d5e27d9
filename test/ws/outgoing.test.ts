// What the clients of one worker are sent, and what happens to those that do not read.

import { fullGC, heapSize } from "bun:jsc";
import { beforeEach, describe, expect, test } from "bun:test";
import { OPCODE, RSV1 } from "../../src/ws/socket/frame.ts";
import { readFrames } from "./frames.ts";
import {
  announce,
  endOfTurn,
  id,
  MAX_QUEUED,
  PING_INTERVAL,
  WorkerHarness,
} from "./worker-harness.ts";

let harness: WorkerHarness;

beforeEach(() => {
  harness = new WorkerHarness();
});

test("everything of one turn leaves together, at its end, in order", async () => {
  const [a, b] = [harness.open(), harness.open()];
  a.say(announce("t", "a"));
  b.say(announce("t", "b", "one"));
  b.say(announce("t", "c", "two", 2));
  expect([a.takeBytes().length, b.takeBytes().length]).toEqual([0, 0]);
  await endOfTurn();
  expect(b.take()[0]).toMatchObject({ incomplete: 2 });
  expect(a.take()[0]).toMatchObject({ incomplete: 1 });
  expect(harness.count("connections")).toBe(2);
});

test("a client that reads gets more in one turn than may wait for others", async () => {
  const [a, b] = [harness.open(), harness.open()];
  a.say(announce("t", "a"));
  const offers = 20;
  for (let i = 0; i < offers; i++) b.say(announce("t", `b${i}`, "x".repeat(1000)));
  await endOfTurn();
  const received = [...a.take(), ...b.take()].filter((message) => "offer" in message);
  expect(received).toHaveLength(offers);
  expect(harness.count("queueFull")).toBe(0);
  expect(a.hasEnded || b.hasEnded).toBe(false);
});

test("what one turn gathers for all clients is sent before its end when it is much", () => {
  const readers = Array.from({ length: 10 }, () => harness.open());
  for (const [i, reader] of readers.entries()) reader.say(announce(`t${i}`, "reader"));
  const writer = harness.open();
  const sdp = "x".repeat(200_000);
  const sent = readers.map((_, i) => {
    writer.say(announce(`t${i}`, "writer", sdp));
    return readers.reduce((sum, reader) => sum + reader.takeBytes().length, 0);
  });
  // After 1 MiB.
  expect(sent.findIndex((bytes) => bytes > 0)).toBe(5);
  expect(sent[5]).toBeGreaterThan(6 * sdp.length);
});

describe("a client that does not read", () => {
  test("loses its oldest offers first, then its connection", async () => {
    const [slow, other] = [harness.open(), harness.open()];
    slow.say(announce("t", "slow"));
    await endOfTurn();
    slow.take();
    for (let i = 0; i < 20; i++) {
      other.say({ ...announce("t", "other", "x".repeat(700)) });
      await endOfTurn();
      slow.room = 0;
    }
    // The first was taken. Of those after it some were passed over, and none is sent.
    expect(slow.take().map(({ offer_id }) => offer_id)).toEqual([id("other0")]);
    expect(harness.count("offers")).toBeLessThan(8);
    // Responses are never dropped: they drive out the offers, and at last the connection.
    for (let i = 0; !slow.hasEnded && i < 1000; i++) slow.say(announce("t", "slow"));
    expect(slow.hasEnded).toBe(true);
    expect(harness.count("queueFull")).toBeGreaterThan(0);
    expect(harness.peerCount).toBe(1);
  });

  test("gets what waited when it has read", async () => {
    const [slow, other] = [harness.open(), harness.open()];
    slow.say(announce("t", "slow"));
    await endOfTurn();
    expect(slow.take()).toHaveLength(1);
    slow.room = 0;
    slow.say(announce("t", "slow"));
    other.say(announce("t", "other", "sdp"));
    await endOfTurn();
    expect(slow.take()).toEqual([]);
    slow.room = Infinity;
    slow.drain();
    await endOfTurn();
    expect(slow.take()).toMatchObject([{ incomplete: 1 }, { peer_id: id("other") }]);
  });

  test("neither loses what it did not take nor gets it twice", async () => {
    const [slow, other] = [harness.open(), harness.open()];
    slow.room = 0;
    slow.say(announce("t", "slow"));
    other.say(announce("t", "other", "sdp"));
    await endOfTurn();
    const sent = harness.count("bytesOut");
    slow.say(announce("u", "slow"));
    await endOfTurn();
    expect([slow.takeBytes().length, harness.count("bytesOut")]).toEqual([0, sent]);
    // It has read something, but not enough.
    slow.drain();
    await endOfTurn();
    expect(slow.takeBytes()).toHaveLength(0);
    slow.room = Infinity;
    slow.drain();
    await endOfTurn();
    const received = slow.takeBytes();
    expect(harness.count("bytesOut") - sent).toBe(received.length);
    const messages = readFrames(received).map(({ payload }) => JSON.parse(payload.toString()));
    expect(messages).toMatchObject([
      { info_hash: id("t"), incomplete: 1 },
      { peer_id: id("other") },
      { info_hash: id("u"), incomplete: 1 },
    ]);
  });

  test("gets whole frames, wherever each write stops", async () => {
    for (const step of [1, 2, 3, 7, 50, 101, 300]) {
      harness = new WorkerHarness();
      const [slow, other] = [harness.open(), harness.open()];
      slow.room = 0;
      const received: Buffer[] = [];
      slow.say(announce("t", "slow"));
      other.say(announce("t", "other", "s".repeat(200)));
      slow.say(announce("u", "slow"));
      for (let i = 0; i < 1000; i++) {
        await endOfTurn();
        const bytes = slow.takeBytes();
        received.push(bytes);
        if (i === 3) slow.say(announce("v", "slow"));
        if (i > 3 && bytes.length === 0) break;
        slow.room = step;
        slow.drain();
      }
      const messages = readFrames(Buffer.concat(received)).map(({ payload }) =>
        JSON.parse(payload.toString()),
      );
      expect(messages).toMatchObject([
        { info_hash: id("t"), incomplete: 1 },
        { peer_id: id("other") },
        { info_hash: id("u"), incomplete: 1 },
        { info_hash: id("v"), incomplete: 1 },
      ]);
      expect(slow.hasEnded).toBe(false);
    }
  });

  test("does not lose the rest of an offer when offers are dropped", async () => {
    const [slow, other] = [harness.open(), harness.open()];
    const torrents = ["a", "b", "c", "d"];
    for (const torrent of torrents) slow.say(announce(torrent, "slow"));
    await endOfTurn();
    slow.take();
    slow.room = 10;
    for (const torrent of torrents) other.say(announce(torrent, "other", torrent.repeat(1500)));
    await endOfTurn();
    expect(harness.count("queueFull")).toBeGreaterThan(0);
    slow.room = Infinity;
    slow.drain();
    await endOfTurn();
    const [first, ...rest] = slow.take().map(({ offer }) => (offer as { sdp: string }).sdp);
    expect(first).toBe("a".repeat(1500));
    expect(rest).not.toContain("b".repeat(1500));
    expect(slow.hasEnded).toBe(false);
  });

  test("has bytes counted, not characters", async () => {
    const wide = "\u20ac".repeat(1000);
    for (const isFirstTaken of [false, true]) {
      harness = new WorkerHarness();
      const [slow, other] = [harness.open(), harness.open()];
      slow.say(announce("t", "slow"));
      await endOfTurn();
      slow.take();
      if (!isFirstTaken) slow.room = 0;
      // Of 3,000 bytes, half of what may wait is filled by one, and all by two.
      for (let i = 0; i < 4; i++) {
        other.say(announce("t", "other", wide));
        await endOfTurn();
        slow.room = 0;
      }
      expect(harness.count("offers")).toBe(isFirstTaken ? 2 : 1);
      expect(slow.take()).toHaveLength(isFirstTaken ? 1 : 0);
    }
  });
});

describe("a client that reads nothing is closed", () => {
  const STALL_SECONDS = 30;

  test("though nothing more comes for it", async () => {
    const slow = harness.open();
    slow.room = 0;
    slow.say(announce("t", "slow"));
    await endOfTurn();
    harness.pass(STALL_SECONDS);
    expect(slow.hasEnded).toBe(false);
    harness.pass(1);
    expect(slow.hasEnded).toBe(true);
    expect(harness.peerCount).toBe(0);
  });

  test("though all that waits are the backend's answers to its pings", () => {
    const [deaf, other] = [harness.open(), harness.open()];
    deaf.bufferedBytes = 1;
    // It is found when it is pinged itself.
    harness.pass(PING_INTERVAL + STALL_SECONDS + 1);
    expect([deaf.hasEnded, other.hasEnded]).toEqual([true, false]);
  });

  test("but one that reads something is not", async () => {
    const slow = harness.open();
    slow.room = 0;
    slow.say(announce("t", "slow"));
    await endOfTurn();
    for (let i = 0; i < 5; i++) {
      harness.pass(STALL_SECONDS - 1);
      slow.room = 10;
      slow.drain();
      slow.say(announce("t", "slow"));
      await endOfTurn();
    }
    expect(slow.hasEnded).toBe(false);
    slow.room = Infinity;
    slow.drain();
    await endOfTurn();
    harness.pass(2 * STALL_SECONDS);
    expect(slow.hasEnded).toBe(false);
  });
});

test("what waits for a client keeps nothing else in memory", async () => {
  const [slow, other] = [harness.open(), harness.open()];
  for (let i = 0; i < 50; i++) slow.say(announce("t", `slow${i}`));
  await endOfTurn();
  slow.room = 0;
  slow.take();
  // All in one turn, so that it is due and not blocked yet.
  const before = (fullGC(), heapSize());
  for (let i = 0; i < 20; i++) {
    const message = JSON.stringify(announce("t", "other", "x"));
    other.say(message.replace("{", `{"padding":"${String(i + 10).repeat(250_000)}",`));
  }
  await endOfTurn();
  other.take();
  fullGC();
  expect(harness.count("offers")).toBe(20);
  expect(heapSize() - before).toBeLessThan(2_000_000);
  slow.room = Infinity;
  slow.drain();
  await endOfTurn();
  expect(slow.take()).toHaveLength(20);
});

test("bytes of frames are counted, not characters", async () => {
  const wide = "\u20ac".repeat(1000);
  const [a, b] = [harness.open(), harness.open()];
  a.say(announce("t", "a"));
  await endOfTurn();
  a.take();
  const before = harness.count("bytesOut");
  b.say(announce("t", "b", wide));
  await endOfTurn();
  const sent = [a.takeBytes(), b.takeBytes()];
  expect(harness.count("bytesOut") - before).toBe(sent[0].length + sent[1].length);
  expect(sent[0].toString()).toContain(wide);
});

test("messages are compressed for a client that accepts it, and control frames are not", async () => {
  const socket = harness.open();
  socket.compress = (message) => Buffer.from(message.toString().toUpperCase());
  socket.say(announce("t", "a"));
  harness.worker.incoming.sendControl(socket.client, OPCODE.pong, Buffer.from("pong"));
  await endOfTurn();
  const [message, pong] = readFrames(socket.takeBytes());
  expect(message.opcode).toBe(OPCODE.text | RSV1);
  expect(message.payload.toString()).toStartWith('{"ACTION":"ANNOUNCE"');
  expect([pong.opcode, pong.payload.toString()]).toEqual([OPCODE.pong, "pong"]);
});

test("a connection that is closed for an offer does not disturb the offers after it", async () => {
  const deaf = Array.from({ length: 5 }, () => harness.open());
  for (const [i, socket] of deaf.entries()) {
    socket.say(announce("t", `deaf${i}`));
    socket.say(announce(`own${i}`, `deaf${i}`));
  }
  await endOfTurn();
  for (const socket of deaf) {
    socket.room = 0;
    // Just short of half of what may wait: it is still offered something.
    for (let i = 0; i < 14; i++) socket.say(announce("t", socket.client.name.toString()));
    await endOfTurn();
  }
  const readers = Array.from({ length: 5 }, () => harness.open());
  for (const [i, socket] of readers.entries()) socket.say(announce("t", `reader${i}`));
  await endOfTurn();
  for (const socket of [...deaf, ...readers]) socket.take();

  const a = harness.open();
  a.say(announce("t", "a", "x".repeat(MAX_QUEUED), 10));
  await endOfTurn();
  for (const socket of readers) {
    for (const message of socket.take()) {
      expect(message).toMatchObject({ info_hash: id("t"), peer_id: id("a") });
    }
  }
  for (const socket of [a, ...deaf, ...readers]) {
    if (!socket.hasEnded) socket.terminate();
  }
  expect(harness.peerCount).toBe(0);
  expect(harness.count("connections")).toBe(0);
});
