import { expect, test } from "bun:test";
import fc from "fast-check";
import { findKey, KEY, KEYS, NO_KEY } from "../../../src/ws/message/keys.ts";

/** The key in a literal, which begins at an odd position and has quotes around it. */
function find(literal: string): string | undefined {
  const bytes = Buffer.from(`" ${literal}"`);
  const key = findKey(bytes, 2, bytes.length - 1);
  return key === NO_KEY ? undefined : KEYS[key];
}

test("every key is found, whichever of its characters are escaped", () => {
  for (const name of KEYS) {
    expect(KEYS[KEY[name]]).toBe(name);
    for (let escaped = 0; escaped <= name.length; escaped++) {
      const chars = name.split("").map((char, i) => {
        return i < escaped ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : char;
      });
      expect(find(`"${chars.join("")}"`)).toBe(name);
      expect(find(`"${chars.reverse().join("")}"`)).toBeUndefined();
    }
  }
});

test("any other key is none, however similar", () => {
  const known = new Set<string>(KEYS);
  const near = fc
    .tuple(
      fc.constantFrom(...KEYS),
      fc.nat(11),
      fc.constantFrom("", "x", "_", "\0", "\u0141", "\u{1f600}"),
    )
    .map(([name, at, by]) => name.slice(0, at) + by + name.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), fc.boolean(), (text, escapes) => {
      const codes = Array.from(text.split(""), (char) => char.charCodeAt(0).toString(16));
      const literal = escapes
        ? `"${codes.map((code) => `\\u${code.padStart(4, "0")}`).join("")}"`
        : JSON.stringify(text);
      expect(find(literal)).toBe(known.has(text) ? text : undefined);
    }),
    { numRuns: 1000 },
  );
  // U+0141 and U+0061 have the same low byte.
  expect(find('"\\u0161ction"')).toBeUndefined();
});
