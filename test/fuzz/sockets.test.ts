// A short run of what `bun run fuzz` does at length.

import { expect, test } from "bun:test";
import { fuzzSockets } from "./socket-fuzzer.ts";

const TIMEOUT_MS = 60_000;

test.each([1, 2])(
  "all backends answer all frames alike, seed %i",
  async (seed) => {
    const tally = await fuzzSockets(seed, 400);
    for (const kind of [
      "text",
      "bytes",
      "compressed",
      "fragments",
      "control",
      "fault",
      // 1000, 1002, 1007 and 1009.
      "close 03e8",
      "close 03ea",
      "close 03ef",
      "close 03f1",
    ]) {
      expect([kind, (tally[kind] ?? 0) > 5]).toEqual([kind, true]);
    }
  },
  TIMEOUT_MS,
);
