// Compares the generator with a slow implementation of sfc32, and its numbers with chi-square. The
// seeds are fixed, so these tests are deterministic.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../src/memory/random.ts";

/** Returns the first `count` numbers of PractRand's sfc32 after the 15 that it discards. */
function sfc32(seed: number[], count: number): number[] {
  let [a, b, c] = seed.map((word) => BigInt.asUintN(32, BigInt(word)));
  const numbers: number[] = [];
  for (let counter = 1n; counter <= BigInt(15 + count); counter++) {
    const result = BigInt.asUintN(32, a + b + counter);
    a = b ^ (b >> 9n);
    b = BigInt.asUintN(32, c * 9n);
    c = BigInt.asUintN(32, ((c << 21n) | (c >> 11n)) + result);
    if (counter > 15n) numbers.push(Number(BigInt.asIntN(32, result)));
  }
  return numbers;
}

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.next());
}

const zeros = (count: number) => Array.from({ length: count }, () => 0);

/** Distance of chi-square from its mean, in standard deviations, for equally likely bins. */
function deviation(counts: number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const square = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return (square - freedom) / Math.sqrt(2 * freedom);
}

describe("Random", () => {
  test("equals the slow version for any seed", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 3, maxLength: 3 }), (seed) => {
        const [seed0, seed1, seed2] = seed;
        expect(draw(new Random(seed0, seed1, seed2), 40)).toEqual(sfc32(seed, 40));
      }),
    );
  });

  test("treats signed and unsigned seeds with the same bits alike", () => {
    expect(draw(new Random(-1, 0x80000000, 0), 20)).toEqual(
      draw(new Random(0xffffffff, -0x80000000, 0), 20),
    );
  });

  test("gets a new seed from entropy each time", () => {
    expect(draw(Random.fromEntropy(), 8)).not.toEqual(draw(Random.fromEntropy(), 8));
  });

  test("sets every bit of next half the time", () => {
    const random = new Random(1, 2, 3);
    const draws = 100_000;
    const counts = zeros(32);
    for (let i = 0; i < draws; i++) {
      const bits = random.next();
      for (let bit = 0; bit < 32; bit++) counts[bit] += (bits >>> bit) & 1;
    }
    // Five standard deviations of a fair coin flipped 100,000 times.
    for (const count of counts) expect(Math.abs(count - draws / 2)).toBeLessThan(791);
  });

  for (const limit of [2, 3, 7, 30, 64, 74, 1000]) {
    test(`below(${limit}) returns every number equally often`, () => {
      const random = new Random(limit, 5, 6);
      const counts = zeros(limit);
      for (let i = 0; i < limit * 1000; i++) counts[random.below(limit)]++;
      expect(counts.length).toBe(limit);
      expect(Math.abs(deviation(counts))).toBeLessThan(4);
    });
  }

  test("below has no bias where a modulo of 31 or 32 bits has the largest", () => {
    const random = new Random(7, 8, 9);
    for (const limit of [3 * 2 ** 29, 2 ** 30 + 1, 2 ** 31 - 1, 2 ** 31]) {
      const counts = zeros(6);
      for (let i = 0; i < 60_000; i++) counts[Math.floor((random.below(limit) / limit) * 6)]++;
      expect(counts.length).toBe(6);
      expect(Math.abs(deviation(counts))).toBeLessThan(4);
    }
  });

  test("below stays below its limit", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, limit) => {
        const random = new Random(seed, 0, 0);
        for (let i = 0; i < 20; i++) {
          const number = random.below(limit);
          expect(Number.isInteger(number) && number >= 0 && number < limit).toBe(true);
        }
      }),
    );
  });

  test("below(1) is 0", () => {
    const random = new Random(1, 1, 1);
    for (let i = 0; i < 100; i++) expect(random.below(1)).toBe(0);
  });
});
