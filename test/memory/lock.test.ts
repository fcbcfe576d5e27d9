// The lock's word as one thread sees it. Threads that fight for it are in test/threads/.

import { expect, test } from "bun:test";
import { acquire, release } from "../../src/memory/lock.ts";

const FREE = 0;
const CONTENDED = 2;

test("a lock that nobody else wants is taken and let go, again and again", () => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  for (let i = 0; i < 3; i++) {
    acquire(words, 1);
    expect(words[1]).not.toBe(FREE);
    release(words, 1);
    expect([...words]).toEqual([0, FREE, 0]);
  }
});

test("letting go wakes a sleeper only when there may be one", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  acquire(words, 1);
  // As a second thread does that has given up spinning.
  Atomics.store(words, 1, CONTENDED);
  const woken = Atomics.waitAsync(words, 1, CONTENDED);
  release(words, 1);
  expect(words[1]).toBe(FREE);
  expect(await woken.value).toBe("ok");
});

test("whoever finds it free after a fight may take it", () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(words, 0, CONTENDED);
  release(words, 0);
  acquire(words, 0);
  expect(words[0]).not.toBe(FREE);
});
