import { expect, test } from "bun:test";
import fc from "fast-check";
import { ID_WORDS, readId, readIdLiteral } from "../../src/ws/id.ts";

const byte = fc.integer({ min: 0, max: 0xff });
const bytes = fc.array(byte, { minLength: 20, maxLength: 20 });

function bytesAt(words: Int32Array, at: number): number[] {
  return [...new Uint8Array(words.buffer, at * 4, ID_WORDS * 4)];
}

test("20 characters are 20 bytes, and nothing beside them is written", () => {
  fc.assert(
    fc.property(bytes, fc.nat(3), (given, at) => {
      const words = new Int32Array(at + ID_WORDS + 1).fill(-1);
      const text = String.fromCharCode(...given);
      expect(readId(text, words, at)).toBe(true);
      expect(bytesAt(words, at)).toEqual(given);
      expect(words[at + ID_WORDS]).toBe(-1);
      for (let i = 0; i < at; i++) expect(words[i]).toBe(-1);
    }),
  );
});

test.each([
  ["19 characters", "x".repeat(19)],
  ["21 characters", "x".repeat(21)],
  ["40 hex digits", "0123456789".repeat(4)],
  ["an empty string", ""],
  ["undefined", undefined],
  ["null", null],
  ["a number", 20],
  ["an array of 20", Array.from({ length: 20 }, () => "x")],
  ["an object of length 20", { length: 20, charCodeAt: () => 1 }],
])("%s: no id", (_, value) => {
  expect(readId(value, new Int32Array(ID_WORDS), 0)).toBe(false);
});

test("a character beyond U+00FF is refused wherever it stands", () => {
  fc.assert(
    fc.property(bytes, fc.nat(19), fc.integer({ min: 0x100, max: 0xffff }), (given, at, odd) => {
      const text = String.fromCharCode(...given.with(at, odd));
      expect(readId(text, new Int32Array(ID_WORDS), 0)).toBe(false);
    }),
  );
});

test("all bytes of any value, in their order", () => {
  const given = [0, 1, 0x7f, 0x80, 0xff, ...Array.from({ length: 15 }, (_, i) => 0xf0 + i)];
  const words = new Int32Array(ID_WORDS);
  readId(String.fromCharCode(...given), words, 0);
  expect(bytesAt(words, 0)).toEqual(given);
});

/** A string as JSON, with escapes for all characters where `escapes` says so. */
function literalOf(text: string, escapes: boolean): string {
  if (!escapes) return JSON.stringify(text);
  const codes = Array.from(text.split(""), (char) => char.charCodeAt(0).toString(16));
  return `"${codes.map((code) => `\\u${code.padStart(4, "0")}`).join("")}"`;
}

test("literals, of whatever length and however escaped, are read like their strings", () => {
  const unit = fc.integer({ min: 0, max: 0x101 }).map((code) => String.fromCharCode(code));
  const text = fc.oneof(
    bytes.map((given) => String.fromCharCode(...given)),
    fc.string({ unit, minLength: 18, maxLength: 22 }),
    fc.string({ unit: fc.constantFrom("\\", '"', "a"), minLength: 8, maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, fc.boolean(), fc.string(), (given, escapes, before) => {
      const [words, expected] = [new Int32Array(ID_WORDS + 1), new Int32Array(ID_WORDS + 1)];
      const isId = readId(given, expected, 1);
      const literal = literalOf(given, escapes);
      const [start, end] = [before.length, before.length + literal.length];
      expect(readIdLiteral(`${before}${literal},"`, start, end, words, 1)).toBe(isId);
      if (isId) expect(words).toEqual(expected);
    }),
  );
});
