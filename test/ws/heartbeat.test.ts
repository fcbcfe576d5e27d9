import { beforeEach, describe, expect, test } from "bun:test";
import {
  announce,
  type FakeSocket,
  MAX_AGE,
  PING_INTERVAL,
  WorkerHarness,
} from "./worker-harness.ts";

let harness: WorkerHarness;

beforeEach(() => {
  harness = new WorkerHarness();
});

describe("pings", () => {
  const pingsOf = (sockets: FakeSocket[]): number[] => sockets.map(({ pings }) => pings);

  /** Connections that have said nothing for a while. */
  function openSilent(): FakeSocket[] {
    const sockets = Array.from({ length: 60 }, () => harness.open());
    harness.pass(PING_INTERVAL);
    for (const socket of sockets) socket.pings = 0;
    return sockets;
  }

  test("go to every silent connection once in an interval, a few at a time", () => {
    const sockets = openSilent();
    for (let second = 0; second < PING_INTERVAL; second++) {
      const before = pingsOf(sockets).reduce((sum, pings) => sum + pings);
      harness.pass(1);
      const pinged = pingsOf(sockets).reduce((sum, pings) => sum + pings) - before;
      expect(pinged).toBeLessThanOrEqual(3);
    }
    expect(new Set(pingsOf(sockets))).toEqual(new Set([1]));
    sockets[7].terminate();
    harness.pass(2 * PING_INTERVAL);
    expect(new Set(pingsOf(sockets.toSpliced(7, 1)))).toEqual(new Set([3]));
    expect(sockets[7].pings).toBe(1);
  });

  test("leave no connection without anything for 60 seconds", () => {
    for (let start = 0; start < PING_INTERVAL; start++) {
      const socket = harness.open();
      socket.say(announce("t", `p${start}`));
      harness.pass(1.5 * PING_INTERVAL + 1);
      expect(socket.pings).toBeGreaterThan(0);
      socket.terminate();
      harness.pass(1);
    }
  });

  test("that are late are made up for, once", () => {
    const sockets = openSilent();
    for (const [second, pings] of [
      [5 * PING_INTERVAL, [1]],
      [5 * PING_INTERVAL, [1]],
      [5.4 * PING_INTERVAL, [1, 2]],
      [6 * PING_INTERVAL, [2]],
    ] as const) {
      harness.tickAt(second);
      expect(new Set(pingsOf(sockets))).toEqual(new Set(pings));
    }
  });

  test("go to no connection that is being closed", () => {
    const socket = harness.open();
    socket.close = () => undefined;
    for (let i = 0; i < 16; i++) socket.say("junk");
    harness.pass(2 * MAX_AGE);
    expect([socket.pings, socket.hasEnded]).toEqual([0, false]);
  });
});

describe("a connection without a sign of life", () => {
  test.each([0, 1, 30, 99])("is closed after max_connection_age, slot %i", (slot) => {
    harness.pass(7);
    const sockets = Array.from({ length: slot + 1 }, () => harness.open());
    harness.pass(MAX_AGE);
    expect(sockets[slot].hasEnded).toBe(false);
    harness.pass(1);
    expect(sockets[slot].hasEnded).toBe(true);
    expect(harness.count("connections")).toBe(0);
  });

  test("is none that says something, or answers a ping", () => {
    const [talker, listener] = [harness.open(), harness.open()];
    for (let i = 0; i < 5; i++) {
      harness.pass(MAX_AGE);
      talker.say(announce("t", "a"));
      listener.answerPing();
    }
    harness.pass(MAX_AGE);
    expect([talker.hasEnded, listener.hasEnded]).toEqual([false, false]);
    harness.pass(1);
    expect([talker.hasEnded, listener.hasEnded]).toEqual([true, true]);
  });

  test("is asked before it is closed, after a time in which the tracker did not run", () => {
    const [alive, dead] = [harness.open(), harness.open()];
    harness.tickAt(10 * MAX_AGE);
    expect([alive.pings, dead.pings]).toEqual([1, 1]);
    alive.answerPing();
    harness.pass(1);
    expect([alive.hasEnded, dead.hasEnded]).toEqual([false, true]);
  });

  test("is none that was closed before", () => {
    const socket = harness.open();
    harness.pass(MAX_AGE - 1);
    socket.terminate();
    const next = harness.open();
    harness.pass(10);
    expect(next.hasEnded).toBe(false);
  });
});
