import { expect, test } from "bun:test";
import { advanceClock, readClock } from "../../src/memory/clock.ts";

test("the clock shows the latest second and never goes back", () => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  expect(readClock(words, 1)).toBe(0);
  const shown = [5, 3, 5, 6, 0, -1, 1_000_000, 999_999].map((seconds) => {
    advanceClock(words, 1, seconds);
    return readClock(words, 1);
  });
  expect(shown).toEqual([5, 5, 5, 6, 6, 6, 1_000_000, 1_000_000]);
  expect([words[0], words[2]]).toEqual([0, 0]);
});
