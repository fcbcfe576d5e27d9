import { describe, expect, test } from "bun:test";
import { CountingSketch, SKETCH_WORDS } from "../../src/memory/counting-sketch.ts";
import { Random } from "../../src/memory/random.ts";

const OFFSET = 3;

function newSketch() {
  const words = new Int32Array(new SharedArrayBuffer((SKETCH_WORDS + 2 * OFFSET) * 4));
  return { sketch: new CountingSketch(words, OFFSET), words };
}

describe("a counting sketch", () => {
  test("counts a key up to its limit, and again after removals", () => {
    const { sketch } = newSketch();
    for (const hash of [0, -1, 12_345, 0x7fffffff, 1 << 31]) {
      expect([1, 2, 3, 4].map(() => sketch.add(hash, 3))).toEqual([true, true, true, false]);
      expect(sketch.count(hash)).toBe(3);
      sketch.remove(hash);
      expect([sketch.add(hash, 3), sketch.add(hash, 3)]).toEqual([true, false]);
    }
  });

  test("never counts too low, hardly too high, and ends empty like a map", () => {
    const { sketch, words } = newSketch();
    const random = new Random(1, 2, 3);
    const hashes = Array.from({ length: 200_000 }, () => random.next());
    const counts = new Map<number, number>();
    for (let i = 0; i < 1_000_000; i++) {
      const hash = hashes[Math.min(random.below(hashes.length), random.below(hashes.length))];
      const count = counts.get(hash) ?? 0;
      if (count > 0 && random.below(3) === 0) {
        sketch.remove(hash);
        counts.set(hash, count - 1);
      } else {
        expect(sketch.add(hash, 1_000_000)).toBe(true);
        counts.set(hash, count + 1);
      }
    }
    let excess = 0;
    for (const [hash, count] of counts) {
      expect(sketch.count(hash)).toBeGreaterThanOrEqual(count);
      excess = Math.max(excess, sketch.count(hash) - count);
    }
    expect(excess).toBeLessThan(40);
    for (const [hash, count] of counts) for (let i = 0; i < count; i++) sketch.remove(hash);
    expect(words.every((word) => word === 0)).toBe(true);
  });

  test("does not limit keys that share one counter with a key at its limit", () => {
    const { sketch } = newSketch();
    const key = 5;
    // The first key has the same low bits and so the same first counter; the other keys are random.
    const others = Array.from({ length: 100 }, (_, i) => key + ((i + 1) << 18));
    for (let i = 0; i < 1000; i++) sketch.add(key, 1000);
    for (const other of others) expect(sketch.add(other, 1000)).toBe(true);
  });

  test("writes to its own words only", () => {
    const { sketch, words } = newSketch();
    const random = new Random(4, 5, 6);
    for (let i = 0; i < 100_000; i++) sketch.add(random.next(), 10);
    for (const edge of [0, 1, 2]) expect([words[edge], words.at(-1 - edge)]).toEqual([0, 0]);
  });
});
