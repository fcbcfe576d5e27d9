import { expect, test } from "bun:test";
import { Random } from "../../../src/memory/random.ts";
import { Origins } from "../../../src/udp/link/origins.ts";

const MAX_PEER_AGE = 1200;

test.each([0, 1, 10, 100, 1000, 10_000, 100_000])("%i peers are counted, about", (count) => {
  const origins = new Origins(MAX_PEER_AGE);
  const random = new Random(1, 2, count);
  for (let i = 0; i < count; i++) {
    const hash = random.next();
    for (const second of [5000, 5300, 5600]) origins.add(3, hash, second + random.below(300));
  }
  const tolerance = Math.max(1, count * 0.15);
  expect(Math.abs(origins.count(3, 5900) - count)).toBeLessThanOrEqual(tolerance);
  expect(origins.count(4, 5900)).toBe(0);
  origins.forget(3);
  expect(origins.count(3, 5900)).toBe(0);
});

test("peers count until they expire, to within an eighth of their age", () => {
  const origins = new Origins(MAX_PEER_AGE);
  const random = new Random(1, 2, 3);
  // Some of them before the start of this tracker.
  for (let i = 0; i < 500; i++) origins.add(0, random.next(), -100 + random.below(10));
  const counts = [-90, 0, 900, 1099].map((second) => origins.count(0, second));
  for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(75);
  expect(origins.count(0, -100 + MAX_PEER_AGE + 160)).toBe(0);
  for (let i = 0; i < 500; i++) origins.add(0, random.next(), 3000);
  expect(Math.abs(origins.count(0, 3000) - 500)).toBeLessThan(75);
});
