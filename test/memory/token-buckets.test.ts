import { describe, expect, test } from "bun:test";
import { Random } from "../../src/memory/random.ts";
import { TOKEN, TOKEN_BUCKET_WORDS, TokenBuckets } from "../../src/memory/token-buckets.ts";

const RATE = 5;
const BURST = 20;
const KEY = 0x12345678;

function newBuckets(): TokenBuckets {
  return new TokenBuckets(
    new Int32Array(new SharedArrayBuffer(TOKEN_BUCKET_WORDS * 4)),
    RATE,
    BURST,
  );
}

/** Counts the results of `count` attempts at second `now`, by the names of TOKEN. */
function tryTimes(buckets: TokenBuckets, count: number, now: number, key = KEY) {
  const outcomes = { taken: 0, none: 0, flood: 0 };
  const names = Object.keys(TOKEN) as (keyof typeof TOKEN)[];
  for (let i = 0; i < count; i++) outcomes[names[buckets.take(key, now)]]++;
  return outcomes;
}

describe("a token bucket", () => {
  test.each([0, 1, 1000])("is full at second %i and then empties", (now) => {
    expect(tryTimes(newBuckets(), BURST, now)).toEqual({ taken: BURST, none: 0, flood: 0 });
  });

  test("reports a flood after a second's worth of failed attempts", () => {
    const buckets = newBuckets();
    expect(tryTimes(buckets, BURST + RATE + 100, 7)).toEqual({
      taken: BURST,
      none: RATE,
      flood: 100,
    });
    // The next second adds tokens and clears the failures.
    expect(tryTimes(buckets, 100, 8)).toEqual({ taken: RATE, none: RATE, flood: 100 - 2 * RATE });
  });

  test("fills at its rate and holds no more than its burst", () => {
    const buckets = newBuckets();
    tryTimes(buckets, BURST, 10);
    expect(tryTimes(buckets, 50, 13).taken).toBe(3 * RATE);
    expect(tryTimes(buckets, 50, 1000).taken).toBe(BURST);
    // At its rate, the bucket is never empty.
    for (let now = 2000; now < 2100; now++) {
      expect(tryTimes(buckets, RATE, now)).toEqual({ taken: RATE, none: 0, flood: 0 });
    }
  });

  test("is not affected by a hundred thousand other keys", () => {
    const buckets = newBuckets();
    const random = new Random(1, 2, 3);
    tryTimes(buckets, BURST + 1, 5);
    for (let i = 0; i < 100_000; i++) buckets.take(random.next(), 5);
    // The other keys did not fill it.
    expect(tryTimes(buckets, 1, 5).taken).toBe(0);
    const keys = Array.from({ length: 1000 }, () => random.next());
    expect(keys.filter((key) => buckets.take(key, 5) === TOKEN.taken)).toHaveLength(1000);
  });

  test("leaves a key its second bucket if it shares the first", () => {
    const buckets = newBuckets();
    tryTimes(buckets, 1000, 5, 3);
    expect(tryTimes(buckets, BURST, 5, 3 + (1 << 20)).taken).toBe(BURST);
  });
});
