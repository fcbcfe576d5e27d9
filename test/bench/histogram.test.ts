import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  addHistogram,
  HISTOGRAM_LENGTH,
  recordDuration,
  summarizeDurations,
} from "../../bench/load/histogram.ts";

function summarize(durations: number[]) {
  const counts = new Float64Array(HISTOGRAM_LENGTH);
  for (const duration of durations) recordDuration(counts, 0, duration);
  return summarizeDurations(counts);
}

/** The exact percentile: the smallest duration that so many are not above. */
function percentile(durations: number[], fraction: number): number {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * fraction) - 1];
}

describe("percentiles", () => {
  test("are never below the exact ones, and at most 1 in 32 above", () => {
    const duration = fc.oneof(fc.nat(63), fc.nat(5000), fc.nat(2 ** 31 - 1));
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (durations) => {
        const found = summarize(durations);
        for (const [value, fraction] of [
          [found.p50, 0.5],
          [found.p99, 0.99],
          [found.p999, 0.999],
        ] as const) {
          const exact = percentile(durations, fraction);
          expect(value).toBeGreaterThanOrEqual(exact);
          expect(value).toBeLessThanOrEqual(exact + exact / 32);
        }
        expect(found.max).toBe(Math.max(...durations));
        expect(found.count).toBe(durations.length);
        const sum = durations.reduce((total, value) => total + value, 0);
        expect(found.mean).toBeCloseTo(sum / durations.length, 6);
      }),
    );
  });

  test("below 64 are exact", () => {
    const durations = Array.from({ length: 64 }, (_, i) => i);
    expect(summarize(durations)).toEqual({
      count: 64,
      mean: 31.5,
      p50: 31,
      p99: 63,
      p999: 63,
      max: 63,
    });
  });

  test("of nothing are 0, and what is too long goes into the last class", () => {
    expect(summarize([])).toEqual({ count: 0, mean: 0, p50: 0, p99: 0, p999: 0, max: 0 });
    expect(summarize([2 ** 40]).max).toBe(2 ** 40);
    expect(summarize([2 ** 40]).count).toBe(1);
  });
});

test("histograms of several workers add up", () => {
  const memory = new Float64Array(HISTOGRAM_LENGTH * 2);
  recordDuration(memory, 0, 10);
  recordDuration(memory, HISTOGRAM_LENGTH, 1000);
  recordDuration(memory, HISTOGRAM_LENGTH, 20);
  const sum = new Float64Array(HISTOGRAM_LENGTH);
  addHistogram(sum, memory, 0);
  addHistogram(sum, memory, HISTOGRAM_LENGTH);
  const { count, p50, max } = summarizeDurations(sum);
  expect({ count, p50, max }).toEqual({ count: 3, p50: 20, max: 1000 });
});
