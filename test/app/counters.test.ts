import { expect, test } from "bun:test";
import { allocateCounters, Counters, sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";

test("workers add to their own counters, and a sum covers all of them", () => {
  const buffer = allocateCounters(3);
  const workers = [0, 1, 2].map((worker) => new Counters(buffer, worker));
  for (const [index, counter] of Object.values(COUNTER).entries()) {
    for (const [worker, counters] of workers.entries()) counters.add(counter, index * 10 + worker);
    workers[1].add(counter, 1);
  }
  const sums = Object.values(COUNTER).map((counter) => sumCounter(buffer, counter));
  expect(sums).toEqual(Object.values(COUNTER).map((_, index) => index * 30 + 4));
});

test("counters exceed 32 bits", () => {
  const buffer = allocateCounters(1);
  const counters = new Counters(buffer, 0);
  counters.add(COUNTER.bytesOut, 2 ** 40);
  counters.add(COUNTER.bytesOut, 1);
  expect(sumCounter(buffer, COUNTER.bytesOut)).toBe(2 ** 40 + 1);
});

test("workers do not share cache lines of 64 bytes", () => {
  const buffer = allocateCounters(2);
  new Counters(buffer, 0).add(COUNTER.requests, 1);
  new Counters(buffer, 1).add(COUNTER.requests, 1);
  const [first, second] = [...new Float64Array(buffer).entries()].filter(([, count]) => count > 0);
  expect((second[0] - first[0]) * 8).toBeGreaterThanOrEqual(128);
  expect(() => new Counters(buffer, 2)).toThrow(RangeError);
});
