// Tests the word of the lock on one thread. test/threads/ has threads that contend for it.

import { expect, test } from "bun:test";
import { acquire, release } from "../../src/memory/lock.ts";

const FREE = 0;
const CONTENDED = 2;

test("a thread takes and releases an uncontended lock again and again", () => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  for (let i = 0; i < 3; i++) {
    acquire(words, 1);
    expect(words[1]).not.toBe(FREE);
    release(words, 1);
    expect([...words]).toEqual([0, FREE, 0]);
  }
});

test("release wakes a sleeper only if there may be one", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  acquire(words, 1);
  // Acts as a second thread that has stopped spinning.
  Atomics.store(words, 1, CONTENDED);
  const woken = Atomics.waitAsync(words, 1, CONTENDED);
  release(words, 1);
  expect(words[1]).toBe(FREE);
  expect(await woken.value).toBe("ok");
});

test("a contended lock can be taken once it is free", () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(words, 0, CONTENDED);
  release(words, 0);
  acquire(words, 0);
  expect(words[0]).not.toBe(FREE);
});
