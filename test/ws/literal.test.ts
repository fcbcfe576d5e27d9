import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeLiteral, scanLiteral } from "../../src/ws/literal.ts";

/** A string literal, or something near it. */
const part = fc.oneof(
  fc.constantFrom('"', "\\", "\\\\", '\\"', "\\/", "\\b", "\\n", "\\u0041", "\\u00e9", "\\ud83d"),
  fc.constantFrom("\\u00g0", "\\u12", "\\x", "\\\u00e9", "\n", "\u0000", "\u001f", " ", "\u007f"),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const inner = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));

/** What the runtime makes of a text; undefined when it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The end of the literal at `start`, looked for by trying. */
function expectedEnd(text: string, start: number): number {
  for (let end = start + 2; end <= text.length; end++) {
    if (typeof parse(text.slice(start, end)) === "string") return end;
  }
  return -1;
}

test("a literal ends where the runtime's parser would end it", () => {
  fc.assert(
    fc.property(fc.string(), inner, fc.constantFrom('"', '",', ""), (before, text, after) => {
      const whole = `${before}"${text}${after}`;
      expect(scanLiteral(whole, before.length)).toBe(expectedEnd(whole, before.length));
    }),
    { numRuns: 3000 },
  );
});

test.each(['"', '"a', '"\\', '"\\u', '"\\u004', '"\\u0041', '"a\\"', '"\\\\\\"'])(
  "%s does not end",
  (text) => {
    expect(scanLiteral(text, 0)).toBe(-1);
  },
);

test("a literal is decoded as the runtime's parser would decode it", () => {
  fc.assert(
    fc.property(fc.string(), inner, (before, text) => {
      const literal = `"${text}"`;
      const expected = parse(literal);
      fc.pre(typeof expected === "string");
      const codes = new Uint16Array(60);
      const end = before.length + literal.length;
      const count = decodeLiteral(`${before}${literal}x`, before.length, end, codes);
      expect(String.fromCharCode(...codes.subarray(0, count))).toBe(expected as string);
    }),
    { numRuns: 3000 },
  );
});

test("a literal of more characters than there is room for is not decoded", () => {
  for (const [text, count] of [
    ['"abc"', 3],
    ['"abcd"', -1],
    ['"\\u0061\\n\\\\"', 3],
    ['"\\u0061\\n\\\\."', -1],
    ['""', 0],
  ] as const) {
    expect(decodeLiteral(text, 0, text.length, new Uint16Array(3))).toBe(count);
  }
});
