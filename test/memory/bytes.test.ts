import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Bytes, swapWord } from "../../src/memory/bytes.ts";

describe("Bytes", () => {
  test("views one buffer as bytes, halves and words, lowest byte first", () => {
    const { bytes, halves, words } = Bytes.allocate(8);
    bytes.set([1, 2, 3, 4, 0xfc, 0xff, 0xff, 0xff]);
    expect([...halves]).toEqual([0x0201, 0x0403, 0xfffc, 0xffff]);
    expect([...words]).toEqual([0x04030201, -4]);
    words[0] = -2;
    expect([...bytes.subarray(0, 4)]).toEqual([0xfe, 0xff, 0xff, 0xff]);
  });

  test("views a whole shared buffer without copying it", () => {
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
  ])("rounds %i bytes up to %i zeroed bytes", (length, rounded) => {
    const { bytes } = Bytes.allocate(length);
    expect(bytes).toHaveLength(rounded);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe("swapWord", () => {
  test("reverses the bytes", () => {
    expect(swapWord(0x01020304)).toBe(0x04030201);
    expect(swapWord(0xff)).toBe(-0x1000000);
    expect(swapWord(-0x80000000)).toBe(0x80);
  });

  test("agrees with DataView's big-endian order and is its own inverse", () => {
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
