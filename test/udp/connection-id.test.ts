import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  CONNECTION_KEY_WORDS,
  ConnectionIds,
  keyPeriod,
  printConnectionKeys,
  renewConnectionKeys,
  takeOverConnectionKeys,
} from "../../src/udp/connection-id.ts";
import { repeatKey } from "./harness.ts";

const MAX_AGE = 300;
const KEY = [0x03020100, 0x07060504];

/** The words of an address: one for IPv4, four for IPv6. */
const address = fc.oneof(
  fc.array(fc.integer(), { minLength: 1, maxLength: 1 }),
  fc.array(fc.integer(), { minLength: 4, maxLength: 4 }),
);

function write(ids: ConnectionIds, address: number[], now: number): Int32Array {
  const output = new Int32Array(5).fill(-1);
  const words = new Int32Array([9, 9, ...address, 9]);
  ids.write(output, 2, words, 2, address.length, now);
  expect([output[0], output[1], output[4]]).toEqual([-1, -1, -1]);
  return output.slice(2, 4);
}

function isValid(ids: ConnectionIds, id: Int32Array, address: number[], now: number): boolean {
  const input = new Int32Array([0, 0, 0, ...id]);
  return ids.isValid(input, 3, new Int32Array([1, ...address, 1]), 1, address.length, now);
}

function newIds(key = KEY): ConnectionIds {
  return new ConnectionIds(repeatKey(key), MAX_AGE);
}

describe("a connection id", () => {
  test("consists of the second and the HalfSipHash-2-4 of address and second", () => {
    const hexOf = (address: number[]) => {
      return Buffer.from(write(newIds(), address, 1000).buffer).toString("hex");
    };
    expect(hexOf([0x0100000a])).toBe("e8030000d7471830");
    expect(hexOf([-0x47f2fee0, 0, 0, 0x01000000])).toBe("e8030000b76afff2");
  });

  test("is valid for its address from its creation to the maximum age", () => {
    const ids = newIds();
    fc.assert(
      fc.property(address, fc.nat(2 ** 31 - 1 - MAX_AGE), fc.nat(MAX_AGE), (address, now, age) => {
        expect(isValid(ids, write(ids, address, now), address, now + age)).toBe(true);
      }),
    );
  });

  test.each([
    [0, true],
    [1, true],
    [MAX_AGE, true],
    [MAX_AGE + 1, false],
    [2 ** 31 - 1, false],
    [2 ** 31, false],
    [-1, false],
    [-MAX_AGE, false],
  ])("at an age of %i seconds is valid: %p", (age, valid) => {
    const ids = newIds();
    // Far from 0, so that ids from the future exist. The clock counts in 32 bits.
    const id = write(ids, [7], 500_000);
    expect(isValid(ids, id, [7], (500_000 + age) | 0)).toBe(valid);
  });

  test("with any one bit flipped is invalid", () => {
    const ids = newIds();
    for (const address of [[0x0100000a], [0x20, 1, 2, 3]]) {
      for (const now of [0, 100, 123_456]) {
        const id = write(ids, address, now);
        for (let bit = 0; bit < 64; bit++) {
          const turned = id.slice();
          turned[bit >> 5] ^= 1 << (bit & 31);
          expect(isValid(ids, turned, address, now)).toBe(false);
        }
      }
    }
  });

  test("is invalid for any other address", () => {
    const ids = newIds();
    fc.assert(
      fc.property(address, address, fc.nat(1e6), (one, other, now) => {
        const isSame = one.join() === other.join();
        expect(isValid(ids, write(ids, one, now), other, now)).toBe(isSame);
      }),
    );
  });

  test("is invalid for an address that differs in one bit or in the family", () => {
    const ids = newIds();
    const address = [1, 2, 3, 4];
    const id = write(ids, address, 50);
    for (let bit = 0; bit < 128; bit++) {
      const other = address.map((word, i) => (i === bit >> 5 ? word ^ (1 << (bit & 31)) : word));
      expect(isValid(ids, id, other, 50)).toBe(false);
    }
    expect(isValid(ids, id, [1], 50)).toBe(false);
    expect(isValid(ids, write(ids, [1], 50), [1, 0, 0, 0], 50)).toBe(false);
  });

  test("is invalid under a key that differs in either word", () => {
    const id = write(newIds(), [7], 50);
    expect(isValid(newIds([KEY[0] + 1, KEY[1]]), id, [7], 50)).toBe(false);
    expect(isValid(newIds([KEY[0], KEY[1] + 1]), id, [7], 50)).toBe(false);
    expect(isValid(newIds(), id, [7], 50)).toBe(true);
  });
});

describe("the keys of connection ids", () => {
  const maxAges = [1, 300, 3600, 86_400];

  test.each(maxAges)("keep ids valid for %i seconds across every change of the key", (maxAge) => {
    const keys = new Int32Array(CONNECTION_KEY_WORDS);
    const ids = new ConnectionIds(keys, maxAge);
    const period = keyPeriod(maxAge);
    for (let second = 0; second < period * 8; second += Math.ceil(period / 10)) {
      renewConnectionKeys(keys, maxAge, second);
      const id = write(ids, [7], second);
      for (const age of [0, 1, Math.floor(maxAge / 2), maxAge]) {
        renewConnectionKeys(keys, maxAge, second + age);
        expect(isValid(ids, id, [7], second + age)).toBe(true);
      }
      second += maxAge;
    }
  });

  test("change every period, so that an old key creates no valid ids", () => {
    const keys = new Int32Array(CONNECTION_KEY_WORDS);
    renewConnectionKeys(keys, MAX_AGE, 0);
    const leaked = new ConnectionIds(keys.slice(), MAX_AGE);
    const ids = new ConnectionIds(keys, MAX_AGE);
    const period = keyPeriod(MAX_AGE);
    let forged = 0;
    for (let second = 0; second < period * 10; second += 100) {
      renewConnectionKeys(keys, MAX_AGE, second);
      const isForged = isValid(ids, write(leaked, [7], second), [7], second);
      if (isForged) forged++;
      // The leaked keys are those of the first two periods.
      expect(isForged).toBe(second < 2 * period);
    }
    expect(forged).toBeGreaterThan(0);
  });

  test("are created once, one period ahead", () => {
    const keys = new Int32Array(CONNECTION_KEY_WORDS);
    const period = keyPeriod(MAX_AGE);
    renewConnectionKeys(keys, MAX_AGE, 0);
    const first = [...keys];
    renewConnectionKeys(keys, MAX_AGE, period - 1);
    expect([...keys]).toEqual(first);
    renewConnectionKeys(keys, MAX_AGE, period);
    expect([...keys.subarray(0, 8)]).toEqual(first.slice(0, 8));
    expect(keys[8]).toBe(3);
    expect([keys[9], keys[10]]).not.toEqual([0, 0]);
  });
});

describe("the keys of an earlier process", () => {
  const START = 1_900_000_000;
  const open = (start: number) => {
    const keys = new Int32Array(CONNECTION_KEY_WORDS);
    return { keys, renew: (now: number) => renewConnectionKeys(keys, MAX_AGE, now), start };
  };
  const takeOver = (from: ReturnType<typeof open>, to: ReturnType<typeof open>) => {
    return takeOverConnectionKeys(
      to.keys,
      MAX_AGE,
      to.start,
      printConnectionKeys(from.keys, MAX_AGE, from.start),
    );
  };

  test("keep its ids valid for as long as it would have, from one process to the next", () => {
    const first = open(START);
    first.renew(0);
    first.renew(3500);
    const id = write(new ConnectionIds(first.keys, MAX_AGE), [7], 3590);
    const second = open(START + 3600);
    expect(takeOver(first, second)).toBe(true);
    second.renew(0);
    const third = open(START + 3800);
    expect(takeOver(second, third)).toBe(true);
    third.renew(0);
    for (const [{ keys, start }, now] of [
      [second, 50],
      [third, 85],
    ] as const) {
      const ids = new ConnectionIds(keys, MAX_AGE);
      expect([start + now - START, isValid(ids, id, [7], now)]).toEqual([expect.any(Number), true]);
      expect(isValid(ids, id, [8], now)).toBe(false);
      expect(isValid(ids, id, [7], now + 300)).toBe(false);
      expect(isValid(ids, write(ids, [7], now), [7], now + 300)).toBe(true);
    }
  });

  test("are left alone if they are of another period, of the future, or no keys at all", () => {
    const first = open(START);
    first.renew(0);
    const text = printConnectionKeys(first.keys, MAX_AGE, START);
    const refuse = (maxAge: number, start: number, given: string) => {
      const { keys } = open(start);
      expect(takeOverConnectionKeys(keys, maxAge, start, given)).toBe(false);
      expect(keys.every((word) => word === 0)).toBe(true);
    };
    refuse(7200, START, text);
    refuse(MAX_AGE, START - 10, text);
    for (const broken of ["", "{}", "null", text.slice(1), text.replace(/\[/, "[0.5,")]) {
      refuse(MAX_AGE, START, broken);
    }
  });
});
