// Compares HalfSipHash with the test vectors of its authors and with a slow implementation of the
// specification over bytes.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  halfSipHash13,
  halfSipHash13Wide,
  halfSipHash24,
  mixWords,
} from "../../src/memory/hash.ts";
import { Random } from "../../src/memory/random.ts";

// `vectors_hsip32` of github.com/veorq/SipHash for 0, 4, 8 … 60 bytes: the hash as bytes.
const OFFICIAL = [
  "a9359f5b",
  "2a6e4689",
  "d0b8848f",
  "57f0872f",
  "d9b5ac84",
  "e34d1045",
  "27400c63",
  "b0644000",
  "fee72112",
  "e75cc6ec",
  "b6bc1840",
  "7705d548",
  "69e12ce3",
  "3b85f3d4",
  "a5c5b940",
  "d4e76c73",
];

const MASK = 0xffffffffn;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (32n - bits))) & MASK;
}

function round([v0, v1, v2, v3]: bigint[]): bigint[] {
  v0 = (v0 + v1) & MASK;
  v1 = rotate(v1, 5n) ^ v0;
  v0 = rotate(v0, 16n);
  v2 = (v2 + v3) & MASK;
  v3 = rotate(v3, 8n) ^ v2;
  v0 = (v0 + v3) & MASK;
  v3 = rotate(v3, 7n) ^ v0;
  v2 = (v2 + v1) & MASK;
  v1 = rotate(v1, 13n) ^ v2;
  v2 = rotate(v2, 16n);
  return [v0, v1, v2, v3];
}

/** HalfSipHash-c-d of whole words, as bytes in hexadecimal: 4 of them, or 8 if it is wide. */
function halfSipHash(
  c: number,
  d: number,
  key: Uint8Array,
  message: Uint8Array,
  isWide = false,
): string {
  const word = (bytes: Uint8Array, offset: number) =>
    BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true));
  const [k0, k1] = [word(key, 0), word(key, 4)];
  const blocks = [BigInt(message.length & 255) << 24n];
  for (let offset = message.length - 4; offset >= 0; offset -= 4)
    blocks.unshift(word(message, offset));

  let state = [k0, isWide ? k1 ^ 0xeen : k1, k0 ^ 0x6c796765n, k1 ^ 0x74656462n];
  for (const block of blocks) {
    state[3] ^= block;
    for (let i = 0; i < c; i++) state = round(state);
    state[0] ^= block;
  }
  state[2] ^= isWide ? 0xeen : 0xffn;
  const result = Buffer.alloc(isWide ? 8 : 4);
  for (let offset = 0; offset < result.length; offset += 4) {
    if (offset > 0) state[1] ^= 0xddn;
    for (let i = 0; i < d; i++) state = round(state);
    result.writeUInt32LE(Number(state[1] ^ state[3]), offset);
  }
  return result.toString("hex");
}

/**
 * Returns the hash as bytes in hexadecimal. The words begin at an odd word, as in a caller's
 * record.
 */
function run(hash: typeof halfSipHash24, key: Uint8Array, message: Uint8Array): string {
  const words = new Int32Array(3 + message.length / 4);
  new Uint8Array(words.buffer).set(message, 12);
  const keyWords = new Int32Array(3);
  new Uint8Array(keyWords.buffer).set(key, 4);
  const result = Buffer.alloc(4);
  result.writeInt32LE(hash(keyWords, 1, words, 3, message.length / 4));
  return result.toString("hex");
}

function runWide(key: Uint8Array, message: Uint8Array): string {
  const output = new Int32Array(2);
  run(
    (keyWords, keyWord, words, word, count) => {
      halfSipHash13Wide(keyWords, keyWord, words, word, count, output);
      return 0;
    },
    key,
    message,
  );
  return Buffer.from(output.buffer).toString("hex");
}

describe("HalfSipHash", () => {
  const counting = Uint8Array.from({ length: 64 }, (_, i) => i);

  for (const [count, expected] of OFFICIAL.entries()) {
    test(`2-4 returns the official hash of ${count} words`, () => {
      const message = counting.subarray(0, count * 4);
      expect(run(halfSipHash24, counting.subarray(0, 8), message)).toBe(expected);
    });
  }

  test("the slow version returns the official hashes too", () => {
    const hashes = OFFICIAL.map((_, count) =>
      halfSipHash(2, 4, counting.subarray(0, 8), counting.slice(0, count * 4)),
    );
    expect(hashes).toEqual(OFFICIAL);
  });

  const key = fc.uint8Array({ minLength: 8, maxLength: 8 });
  // Up to 70 words, because the length block wraps at 64.
  const message = fc
    .array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { maxLength: 70 })
    .map((words) => Uint8Array.from(words.flatMap((word) => [...word])));

  test("2-4 equals the slow version for any key and words", () => {
    fc.assert(
      fc.property(key, message, (key, message) => {
        expect(run(halfSipHash24, key, message)).toBe(halfSipHash(2, 4, key, message));
      }),
    );
  });

  test("1-3 equals the slow version for any key and words", () => {
    fc.assert(
      fc.property(key, message, (key, message) => {
        expect(run(halfSipHash13, key, message)).toBe(halfSipHash(1, 3, key, message));
      }),
    );
  });

  test("1-3 of 64 bits equals the slow version for any key and words", () => {
    fc.assert(
      fc.property(key, message, (key, message) => {
        expect(runWide(key, message)).toBe(halfSipHash(1, 3, key, message, true));
      }),
    );
  });
});

describe("mixWords", () => {
  const random = new Random(5, 6, 7);
  const key = new Int32Array([9, random.next(), random.next()]);

  test("depends on every word, on both words of the key, and on nothing else", () => {
    const words = new Int32Array([1, 2, 3, 4]);
    const hash = mixWords(key, 1, words, 1, 2);
    expect(mixWords(key, 1, new Int32Array([9, 2, 3, 9]), 1, 2)).toBe(hash);
    for (const word of [1, 2]) {
      const other = words.slice();
      other[word] ^= 1;
      expect(mixWords(key, 1, other, 1, 2)).not.toBe(hash);
      const otherKey = key.slice();
      otherKey[word] ^= 1;
      expect(mixWords(otherKey, 1, words, 1, 2)).not.toBe(hash);
    }
  });

  test.each([1, 2])("spreads neighbouring addresses of %i words evenly", (count) => {
    const cells = new Uint32Array(256);
    const words = new Int32Array(2);
    for (let i = 0; i < 256 * 100; i++) {
      words[count - 1] = (i << 24) | (i >>> 8);
      cells[mixWords(key, 1, words, 0, count) & 255]++;
    }
    const chiSquare = cells.reduce((sum, cell) => sum + (cell - 100) ** 2 / 100, 0);
    // 255 degrees of freedom: above 347 by chance once in ten thousand keys; the key is fixed.
    expect(chiSquare).toBeLessThan(347);
  });
});
