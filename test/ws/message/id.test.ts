import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ID_WORDS, isOfferId, readId, readOfferId } from "../../../src/ws/message/id.ts";

const key = new Int32Array([1, -2, 3, -4]);
const byte = fc.integer({ min: 0, max: 0xff });
const bytes = fc.array(byte, { minLength: 20, maxLength: 20 });
const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

function bytesAt(words: Int32Array, at: number): number[] {
  return [...new Uint8Array(words.buffer, at * 4, ID_WORDS * 4)];
}

/** A string as JSON, with an escape for each code unit if `escapes`. */
function literalOf(text: string, escapes: boolean): string {
  if (!escapes) return JSON.stringify(text);
  const codes = Array.from(text.split(""), (char) => char.charCodeAt(0).toString(16));
  return `"${codes.map((code) => `\\u${code.padStart(4, "0")}`).join("")}"`;
}

/** A literal in UTF-8, with something before and behind it. */
function place(literal: string, before: string) {
  const start = Buffer.byteLength(before);
  const end = start + Buffer.byteLength(literal);
  return { bytes: Buffer.from(`${before}${literal},"`), start, end };
}

/** Reads the ID in a literal that has something before and behind it. */
function read(literal: string, words: Int32Array, word = 0, before = ""): boolean {
  const { bytes, start, end } = place(literal, before);
  return readId(bytes, start, end, words, word);
}

test("20 characters are 20 bytes, however escaped, and nothing beside them is written", () => {
  fc.assert(
    fc.property(bytes, fc.nat(3), fc.boolean(), fc.string(), (given, at, escapes, before) => {
      const words = new Int32Array(at + ID_WORDS + 1).fill(-1);
      const literal = literalOf(String.fromCharCode(...given), escapes);
      expect(read(literal, words, at, before)).toBe(true);
      expect(bytesAt(words, at)).toEqual(given);
      expect(words[at + ID_WORDS]).toBe(-1);
      for (let i = 0; i < at; i++) expect(words[i]).toBe(-1);
    }),
  );
});

test("all bytes of any value, in their order", () => {
  const given = [0, 1, 0x7f, 0x80, 0xff, ...Array.from({ length: 15 }, (_, i) => 0xf0 + i)];
  const words = new Int32Array(ID_WORDS);
  read(literalOf(String.fromCharCode(...given), false), words);
  expect(bytesAt(words, 0)).toEqual(given);
});

test("every escape of JSON is one character", () => {
  const words = new Int32Array(ID_WORDS);
  expect(read('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00aB\\u00FfXXXXXXXXXX"', words)).toBe(true);
  const escaped = [34, 92, 47, 8, 12, 10, 13, 9, 0xab, 0xff];
  expect(bytesAt(words, 0)).toEqual([...escaped, ...Array.from("XXXXXXXXXX", () => 88)]);
});

test.each([
  ["19 characters", "x".repeat(19)],
  ["21 characters", "x".repeat(21)],
  ["40 hex digits", "0123456789".repeat(4)],
  ["an empty string", ""],
  ["many characters", "x".repeat(10_000)],
])("%s: no id", (_, text) => {
  for (const escapes of [false, true]) {
    expect(read(literalOf(text, escapes), new Int32Array(ID_WORDS))).toBe(false);
  }
});

test("a character above U+00FF makes it no ID, wherever it is", () => {
  const odd = fc.integer({ min: 0x100, max: 0x10ffff });
  fc.assert(
    fc.property(bytes, fc.nat(19), odd, fc.boolean(), (given, at, point, escapes) => {
      const literal = literalOf(String.fromCodePoint(...given.with(at, point)), escapes);
      expect(read(literal, new Int32Array(ID_WORDS))).toBe(false);
    }),
  );
});

describe("the id of an offer", () => {
  /** The words that name the offer; undefined when it is none. */
  function nameOf(text: string, escapes: boolean): number[] | undefined {
    const { bytes, start, end } = place(literalOf(text, escapes), " ");
    const words = new Int32Array(ID_WORDS + 2).fill(-1);
    const isId = readOfferId(bytes, start, end, key, words, 1);
    expect(isOfferId(bytes, start, end)).toBe(isId);
    expect([words[0], words[ID_WORDS + 1]]).toEqual([-1, -1]);
    return isId ? [...words.subarray(1, ID_WORDS + 1)] : undefined;
  }

  test("of 20 bytes names it by itself", () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (given, escapes) => {
        const name = nameOf(String.fromCharCode(...given), escapes)!;
        expect(bytesAt(new Int32Array(name), 0)).toEqual(given);
      }),
    );
  });

  test("is any string of 1 to 64 characters, and counts decoded", () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 70 }), fc.boolean(), (text, escapes) => {
        const name = nameOf(text, escapes);
        expect(name !== undefined).toBe(text.length >= 1 && text.length <= 64);
        expect(name).toEqual(nameOf(text, !escapes));
      }),
    );
    for (const escapes of [false, true]) {
      for (const char of ["\u00e9", "\u20ac"]) {
        for (const length of [1, 64]) expect(nameOf(char.repeat(length), escapes)).toBeDefined();
        for (const length of [0, 65, 500]) {
          expect(nameOf(char.repeat(length), escapes)).toBeUndefined();
        }
      }
      // Each of these counts as two.
      expect(nameOf("\u{1f600}".repeat(32), escapes)).toBeDefined();
      expect(nameOf("\u{1f600}".repeat(33), escapes)).toBeUndefined();
      expect(nameOf(`${"x".repeat(63)}\u{1f600}`, escapes)).toBeUndefined();
    }
  });

  test("of another string is another name", () => {
    const texts = ["a", "a\0", "a\0\0", "\0", "\0\0", "b", "\u0161", "A", "aa", "aaa", "aaaa"];
    const near = Array.from({ length: 64 }, (_, n) => `${"x".repeat(n)}y${"x".repeat(63 - n)}`);
    const all = [...texts, ...near, id("x"), id("\u0100")];
    expect(new Set(all.map((text) => String(nameOf(text, false)))).size).toBe(all.length);
  });

  test("has a name that depends on the key", () => {
    const other = new Int32Array(ID_WORDS);
    readOfferId(Buffer.from('"short"'), 0, 7, new Int32Array([5, 6, 7, 8]), other, 0);
    expect([...other]).not.toEqual(nameOf("short", false)!);
  });

  const id = (text: string): string => text.padEnd(20, "z");
});
