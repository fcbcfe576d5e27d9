// Tests the doorbell on one thread and its event loop. test/threads/ has threads that ring for each
// other.

import { describe, expect, test } from "bun:test";
import {
  awaitDoorbell,
  claimSleeper,
  markAwake,
  markAsleep,
  ringDoorbell,
  sleepAtDoorbell,
} from "../../src/memory/doorbell.ts";

const BELL = 2;
const nothing = () => false;

function newBell(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(16));
}

describe("sleepAtDoorbell", () => {
  test("does not sleep if there is work, which it checks once it counts as asleep", () => {
    const words = newBell();
    const seen: number[] = [];
    sleepAtDoorbell(words, BELL, Infinity, () => {
      seen.push(words[BELL]);
      return true;
    });
    // A thread that publishes from here on sees a sleeper.
    expect(seen).toEqual([1]);
    expect(words[BELL]).toBe(0);
  });

  test("does not sleep if the bell rings while it looks for work", () => {
    const words = newBell();
    sleepAtDoorbell(words, BELL, Infinity, () => {
      ringDoorbell(words, BELL);
      return false;
    });
    expect([...words]).toEqual([0, 0, 0, 0]);
  });

  test("stops waiting when the time has passed", () => {
    const words = newBell();
    sleepAtDoorbell(words, BELL, 1, nothing);
    expect([...words]).toEqual([0, 0, 0, 0]);
  });
});

describe("awaitDoorbell", () => {
  test("resolves when the bell rings and not before", async () => {
    const words = newBell();
    let isAwake = false;
    const sleep = awaitDoorbell(words, BELL, nothing).then(() => (isAwake = true));
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    expect([isAwake, words[BELL]]).toEqual([false, 1]);
    ringDoorbell(words, BELL);
    await sleep;
    expect([isAwake, words[BELL]]).toEqual([true, 0]);
  });

  test("resolves at once if there is work or the bell rings meanwhile", async () => {
    const words = newBell();
    await awaitDoorbell(words, BELL, () => words[BELL] === 1);
    expect(words[BELL]).toBe(0);
    await awaitDoorbell(words, BELL, () => {
      ringDoorbell(words, BELL);
      return false;
    });
    expect(words[BELL]).toBe(0);
  });

  test("works again and again", async () => {
    const words = newBell();
    for (let i = 0; i < 100; i++) {
      const sleep = awaitDoorbell(words, BELL, nothing);
      ringDoorbell(words, BELL);
      await sleep;
    }
    expect(words[BELL]).toBe(0);
  });
});

test("only one thread claims a sleeper, and only while it is marked as asleep", () => {
  const words = newBell();
  expect(claimSleeper(words, BELL)).toBe(false);
  markAsleep(words, BELL);
  expect([claimSleeper(words, BELL), claimSleeper(words, BELL)]).toEqual([true, false]);
  markAsleep(words, BELL);
  markAwake(words, BELL);
  expect(claimSleeper(words, BELL)).toBe(false);
  expect([...words]).toEqual([0, 0, 0, 0]);
});

test("ringing does nothing while the sleeper is awake", () => {
  const words = newBell();
  ringDoorbell(words, BELL);
  expect([...words]).toEqual([0, 0, 0, 0]);
});
