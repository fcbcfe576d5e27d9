// Numbers that are drawn again from one seed. Seeds are fixed, so these tests are deterministic.

import { expect, test } from "bun:test";
import { Draws } from "../../src/memory/draws.ts";
import { Random } from "../../src/memory/random.ts";

const SEEDS = 200_000;

/** Distance of chi-square from its mean, in standard deviations, for equally likely bins. */
function deviation(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const square = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return (square - freedom) / Math.sqrt(2 * freedom);
}

test("a seed gives the same numbers again, and another seed others", () => {
  const draws = new Draws();
  const take = (seed: number): number[] => {
    draws.restart(seed);
    return Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? draws.next() : draws.below(1000)));
  };
  expect(take(7)).toEqual(take(7));
  expect(take(-1)).toEqual(take(0xffffffff));
  expect(take(7)).not.toEqual(take(8));
});

test.each([2, 3, 30, 257])("every number below %i is as likely as any other", (limit) => {
  const draws = new Draws();
  // As tables seed it, and with seeds that are not random at all.
  for (const nextSeed of [
    (
      (random) => () =>
        random.next()
    )(new Random(1, 2, 3)),
    count(),
  ]) {
    const first = Array.from({ length: limit }, () => 0);
    const fourth = Array.from({ length: limit }, () => 0);
    for (let i = 0; i < SEEDS; i++) {
      draws.restart(nextSeed());
      first[draws.below(limit)]++;
      draws.next();
      draws.below(10);
      fourth[draws.below(limit)]++;
    }
    expect(Math.abs(deviation(first))).toBeLessThan(5);
    expect(Math.abs(deviation(fourth))).toBeLessThan(5);
  }
});

test("two draws from one seed are independent", () => {
  const draws = new Draws();
  const random = new Random(4, 5, 6);
  const pairs = Array.from({ length: 256 }, () => 0);
  for (let i = 0; i < SEEDS; i++) {
    draws.restart(random.next());
    pairs[draws.below(16) * 16 + draws.below(16)]++;
  }
  expect(Math.abs(deviation(pairs))).toBeLessThan(5);
});

test("below a limit of 0 or less, which only stale memory gives, drawing ends", () => {
  const draws = new Draws();
  expect(draws.below(0)).toBe(0);
  expect(draws.below(-5)).toBeDefined();
});

function count(): () => number {
  let seed = 0;
  return () => seed++;
}
