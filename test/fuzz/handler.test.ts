// A short run of what `bun run fuzz` does at length.

import { expect, test } from "bun:test";
import { fuzzHandler } from "./handler-fuzzer.ts";

const TIMEOUT_MS = 60_000;

test.each([1, 2, 3])(
  "the handler answers every datagram like the model, seed %i",
  (seed) => {
    const tally = fuzzHandler(seed, 12_000);
    // Every possible response has occurred.
    for (const outcome of [
      "nothing",
      "connect",
      "announce",
      "scrape",
      "Connection invalid or expired",
      "Unknown action",
      "Announce shorter than 98 bytes",
      "Announce with port 0",
      "Scrape without an info hash",
      "Tracker is full",
      "Too many peers of your address",
    ]) {
      expect([outcome, (tally[outcome] ?? 0) > 5]).toEqual([outcome, true]);
    }
  },
  TIMEOUT_MS,
);

test("the same seed produces the same run", () => {
  expect(fuzzHandler(9, 500)).toEqual(fuzzHandler(9, 500));
});
