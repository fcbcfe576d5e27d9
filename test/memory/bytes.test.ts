import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Bytes, swapWord } from "../../src/memory/bytes.ts";

describe("Bytes", () => {
  test("shows one memory as bytes, halves and words, the lowest byte first", () => {
    const { bytes, halves, words } = Bytes.allocate(8);
    bytes.set([1, 2, 3, 4, 0xfc, 0xff, 0xff, 0xff]);
    expect([...halves]).toEqual([0x0201, 0x0403, 0xfffc, 0xffff]);
    expect([...words]).toEqual([0x04030201, -4]);
    words[0] = -2;
    expect([...bytes.subarray(0, 4)]).toEqual([0xfe, 0xff, 0xff, 0xff]);
  });

  test("views a shared buffer as a whole, without a copy", () => {
    const buffer = new SharedArrayBuffer(12);
    const memory = new Bytes(buffer);
    expect(memory.buffer).toBe(buffer);
    new Bytes(buffer).words[2] = 7;
    expect(memory.bytes[8]).toBe(7);
  });

  test.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
    [98, 100],
  ])("allocates for %i bytes %i, all zero", (length, rounded) => {
    const { bytes } = Bytes.allocate(length);
    expect(bytes).toHaveLength(rounded);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe("swapWord", () => {
  test("turns the bytes round", () => {
    expect(swapWord(0x01020304)).toBe(0x04030201);
    expect(swapWord(0xff)).toBe(-0x1000000);
    expect(swapWord(-0x80000000)).toBe(0x80);
  });

  test("reads as DataView reads big-endian, and undoes itself", () => {
    fc.assert(
      fc.property(fc.integer(), (word) => {
        const view = new DataView(new ArrayBuffer(4));
        view.setInt32(0, word, true);
        expect(swapWord(word)).toBe(view.getInt32(0));
        expect(swapWord(swapWord(word))).toBe(word);
      }),
    );
  });
});
