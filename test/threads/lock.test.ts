// The lock among real threads, more of them than the machine has cores.

import { describe, expect, test } from "bun:test";
import { acquire, release } from "../../src/memory/lock.ts";
import type { LockJob } from "./lock-fixture.ts";
import { LOCK } from "./shared-words.ts";
import { runWorker, waitUntil } from "./start-worker.ts";

const TIMEOUT_MS = 60_000;
const CONTENDED = 2;

function startHolders(memory: SharedArrayBuffer, jobs: Omit<LockJob, "memory">[]) {
  return Promise.all(jobs.map((job) => runWorker<string>("lock-fixture.ts", { ...job, memory })));
}

function countsOf(words: Int32Array): number[] {
  return LOCK.counts.map((count) => words[count]);
}

describe("a lock", () => {
  test(
    "admits one thread at a time",
    async () => {
      const words = new Int32Array(new SharedArrayBuffer(256));
      const rounds = 100_000;
      const jobs = Array.from({ length: 4 }, () => ({ rounds, napEvery: 0 }));
      await startHolders(words.buffer as SharedArrayBuffer, jobs);
      expect(countsOf(words)).toEqual([4 * rounds, 4 * rounds, 4 * rounds]);
      expect(words[LOCK.lock]).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "wakes every thread that fell asleep while a holder slept",
    async () => {
      const words = new Int32Array(new SharedArrayBuffer(256));
      await startHolders(words.buffer as SharedArrayBuffer, [
        { rounds: 2000, napEvery: 20 },
        { rounds: 20_000, napEvery: 0 },
        { rounds: 20_000, napEvery: 0 },
      ]);
      expect(countsOf(words)).toEqual([42_000, 42_000, 42_000]);
      expect(words[LOCK.lock]).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "makes waiting threads sleep instead of spin until it is released",
    async () => {
      const words = new Int32Array(new SharedArrayBuffer(256));
      acquire(words, LOCK.lock);
      const jobs = Array.from({ length: 3 }, () => ({ rounds: 1, napEvery: 0 }));
      const others = startHolders(words.buffer as SharedArrayBuffer, jobs);
      await waitUntil(() => Atomics.load(words, LOCK.lock) === CONTENDED);
      expect(countsOf(words)).toEqual([0, 0, 0]);
      release(words, LOCK.lock);
      await others;
      expect(countsOf(words)).toEqual([3, 3, 3]);
      expect(words[LOCK.lock]).toBe(0);
    },
    TIMEOUT_MS,
  );
});
