// Counts of durations in classes that widen with them: exact below 64, then 32 classes for each
// doubling, so that a percentile is at most 3 % off. Lies in memory that its one writer shares with
// the thread that reports.

const EXACT = 64;
const PER_DOUBLING = 32;
/** Durations up to 2 ** 31 - 1. */
const CLASSES = EXACT + 25 * PER_DOUBLING;

/** After the classes: the longest duration, and the sum of all. */
const MAX = CLASSES;
const SUM = CLASSES + 1;

/** Numbers that one histogram takes. */
export const HISTOGRAM_LENGTH = CLASSES + 2;

/** Adds a duration, a whole number of at least 0, to the histogram at `counts[at]`. */
export function recordDuration(counts: Float64Array, at: number, duration: number): void {
  counts[at + classOf(duration)]++;
  counts[at + SUM] += duration;
  if (duration > counts[at + MAX]) counts[at + MAX] = duration;
}

/** Adds the histogram at `counts[at]` to `sum`. */
export function addHistogram(sum: Float64Array, counts: Float64Array, at: number): void {
  for (let i = 0; i < HISTOGRAM_LENGTH; i++) {
    if (i === MAX) sum[i] = Math.max(sum[i], counts[at + i]);
    else sum[i] += counts[at + i];
  }
}

export interface Durations {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Percentiles of a histogram at the start of `counts`: the highest duration of their class. */
export function summarizeDurations(counts: Float64Array): Durations {
  let count = 0;
  for (let i = 0; i < CLASSES; i++) count += counts[i];
  const max = counts[MAX];
  const percentile = (fraction: number): number => {
    let left = Math.ceil(count * fraction);
    for (let i = 0; i < CLASSES; i++) {
      left -= counts[i];
      if (left <= 0 && count > 0) return Math.min(highestOf(i), max);
    }
    return max;
  };
  const mean = count > 0 ? counts[SUM] / count : 0;
  return { count, mean, p50: percentile(0.5), p99: percentile(0.99), p999: percentile(0.999), max };
}

function classOf(duration: number): number {
  if (duration < EXACT) return duration;
  if (duration > 0x7fffffff) return CLASSES - 1;
  // Of the 6 highest bits, the first is always 1: 32 classes from each power of two to the next.
  const shift = 26 - Math.clz32(duration);
  return EXACT + (shift - 1) * PER_DOUBLING + (duration >>> shift) - PER_DOUBLING;
}

function highestOf(index: number): number {
  if (index < EXACT) return index;
  const shift = Math.floor((index - EXACT) / PER_DOUBLING) + 1;
  const top = ((index - EXACT) % PER_DOUBLING) + PER_DOUBLING;
  return (top + 1) * 2 ** shift - 1;
}
