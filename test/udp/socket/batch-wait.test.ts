// When a worker waits for more requests, by a clock that the tests advance.

import { describe, expect, test } from "bun:test";
import { BatchWait } from "../../../src/udp/socket/batch-wait.ts";

const SLOTS = 64;

/** The last of the waits after `batches` batches of `size`, one each `milliseconds`. */
function lastWait(wait: BatchWait, size: number, milliseconds: number, batches: number, start = 0) {
  let last = NaN;
  for (let i = 1; i <= batches; i++) {
    wait.count(size);
    last = wait.next(start + i * milliseconds);
  }
  return last;
}

describe("a wait", () => {
  test.each([
    ["1,000 requests/s", 1, 1, 0],
    ["5,000 requests/s", 1, 0.2, 0],
    ["20,000 requests/s", 1, 0.05, 200],
    ["50,000 requests/s in batches of ten", 10, 0.2, 200],
    ["300,000 requests/s, of which 200 µs bring a batch", 60, 0.2, 200],
    ["640,000 requests/s, of which 100 µs bring a batch", 64, 0.1, 100],
  ])("at %s", (_name, size, milliseconds, expected) => {
    const wait = new BatchWait(200, SLOTS);
    expect(lastWait(wait, size, milliseconds, 1000)).toBeCloseTo(expected, 0);
  });

  test("never happens with 0", () => {
    expect(lastWait(new BatchWait(0, SLOTS), 60, 0.2, 1000)).toBe(0);
  });

  test("is not caused by one burst after silence", () => {
    const wait = new BatchWait(200, SLOTS);
    expect(lastWait(wait, 1, 1, 100)).toBe(0);
    wait.count(60);
    expect(wait.next(1100)).toBe(0);
  });

  test("ends with the rate that caused it, within two milliseconds of requests", () => {
    const wait = new BatchWait(200, SLOTS);
    expect(lastWait(wait, 10, 0.2, 100)).toBe(200);
    wait.count(1);
    wait.next(20.5);
    expect(lastWait(wait, 1, 1, 3, 20.5)).toBe(0);
  });
});
