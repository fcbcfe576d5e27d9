import { expect, test } from "bun:test";
import { advanceClock, readClock, tickAge, tickOf } from "../../src/memory/clock.ts";

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

test("a tick has an age of up to 18 hours, and none in the near future", () => {
  for (const now of [0, 5, 40_000, 65_535, 65_536, 131_075]) {
    for (const age of [0, 1, 300, 32_400, 65_000]) {
      expect(tickAge(tickOf(now - age), tickOf(now))).toBe(age);
    }
    for (const ahead of [1, 5, 256]) expect(tickAge(tickOf(now + ahead), tickOf(now))).toBe(0);
  }
});
