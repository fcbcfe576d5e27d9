import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import { decodeBytes, decodeLiteral, scanLiteral } from "../../../src/ws/message/literal.ts";

const MAX_BYTES = 4096;

// One for all tests, so that the rest of an earlier message is behind each message.
const inbox = new Inbox(MAX_BYTES);

/** A part of a string literal, or something like it. */
const part = fc.oneof(
  fc.constantFrom('"', "\\", "\\\\", '\\"', "\\/", "\\b", "\\n", "\\u0041", "\\u00e9", "\\ud83d"),
  fc.constantFrom("\\u00g0", "\\u12", "\\x", "\\\u00e9", "\n", "\u0000", "\u001f", " ", "\u007f"),
  fc.constantFrom("\u00e9", "\u20ac", "\u{1f600}", "\u0080", "\u07ff", "\u0800", "\uffff"),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const inner = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));

/** What the runtime parses a text to, or undefined if it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The end of the literal at `start`, in bytes, found by trying every end. */
function expectedEnd(text: string, start: number): number {
  for (let end = start + 2; end <= text.length; end++) {
    const isLiteral = typeof parse(text.slice(start, end)) === "string";
    if (isLiteral) return Buffer.byteLength(text.slice(0, end));
  }
  return -1;
}

/** The end of the literal behind `before`, in bytes. */
function scan(before: string, rest: string): number {
  expect(inbox.setText(before + rest)).toBe(true);
  return scanLiteral(inbox, Buffer.byteLength(before));
}

/** The inbox is full of this text when the next message comes. */
function fillInbox(text: string): void {
  inbox.set(Buffer.alloc(MAX_BYTES, text));
}

describe("a literal", () => {
  test("ends where the runtime's parser ends it", () => {
    fc.assert(
      fc.property(fc.string(), inner, fc.constantFrom('"', '",', ""), (before, text, after) => {
        const whole = `"${text}${after}`;
        expect(scan(before, whole)).toBe(expectedEnd(before + whole, before.length));
      }),
      { numRuns: 4000 },
    );
  });

  const unfinished = ['"', '"a', '"\\', '"\\u', '"\\u004', '"\\u0041', '"a\\"', '"\\\\\\"'];
  test.each(unfinished)("does not end: %s", (text) => {
    for (const behind of ["\0", '"', "\\", 'a"', '0041"', '\\"']) {
      for (const before of ["", " ", "  ", "   ", "\n"]) {
        fillInbox(behind);
        expect(scan(before, text)).toBe(-1);
      }
    }
  });

  test("ends at a quote at any position modulo 4, whatever is before and behind it", () => {
    for (let offset = 0; offset < 8; offset++) {
      for (let length = 0; length < 24; length++) {
        for (const after of ["", '"', "\\", "x", '""""']) {
          const before = " ".repeat(offset);
          expect(scan(before, `"${"x".repeat(length)}"${after}`)).toBe(offset + length + 2);
        }
      }
    }
  });

  test("may have an escape at any position modulo 4", () => {
    for (let offset = 0; offset < 8; offset++) {
      for (let length = 0; length < 16; length++) {
        for (const escape of ['\\"', "\\\\", "\\n", "\\u0022", "\\u005C", '\\\\\\"', '\\"\\"\\"']) {
          for (const more of ["", "x", "xxxxx"]) {
            const literal = `"${"x".repeat(length)}${escape}${more}"`;
            expect(scan(" ".repeat(offset), literal)).toBe(offset + literal.length);
          }
        }
      }
    }
  });

  test("cut off at any byte has no end", () => {
    const whole = Buffer.from('"a\\"b\\\\c\\u00e9d\u00e9\u20ac\u{1f600}\\n"');
    for (let offset = 0; offset < 4; offset++) {
      for (const control of [" ", "\n"]) {
        const message = Buffer.concat([Buffer.alloc(offset, control), whole]);
        inbox.set(message);
        expect(scanLiteral(inbox, offset)).toBe(message.length);
        for (let length = message.length - 1; length > offset; length--) {
          inbox.set(message);
          inbox.set(message.subarray(0, length));
          expect(scanLiteral(inbox, offset)).toBe(-1);
        }
      }
    }
  });

  test("has no control character, wherever that is", () => {
    for (let length = 1; length < 12; length++) {
      for (let at = 0; at < length; at++) {
        for (const code of [0, 9, 10, 31]) {
          const text = "x".repeat(at) + String.fromCharCode(code) + "x".repeat(length - at - 1);
          expect(scan("", `"${text}"`)).toBe(-1);
        }
        // Those outside of it do not matter.
        expect(scan("\n", `"${"x".repeat(length)}"\n`)).toBe(length + 3);
      }
    }
  });

  test("may be as long as the longest message", () => {
    const literal = `"${"x".repeat(MAX_BYTES - 2)}"`;
    fillInbox("\\");
    expect(scan("", literal)).toBe(MAX_BYTES);
    expect(scan("", literal.slice(0, -1))).toBe(-1);
    expect(scan("", `${literal.slice(0, -1)}\\`)).toBe(-1);
  });
});

describe("a decoded literal", () => {
  /** The code units of a literal behind `before`, as a string; undefined if there is no room. */
  function decode(literal: string, room: number, before = ""): string | undefined {
    const bytes = Buffer.from(`${before}${literal}x`);
    const codes = new Uint16Array(room);
    const start = Buffer.byteLength(before);
    const count = decodeLiteral(bytes, start, bytes.length - 1, codes);
    return count < 0 ? undefined : String.fromCharCode(...codes.subarray(0, count));
  }

  test("is what the runtime's parser decodes it to", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), inner, (before, text) => {
        const literal = `"${text}"`;
        const expected = parse(literal);
        fc.pre(typeof expected === "string");
        expect(decode(literal, 60, before)).toBe(expected as string);
      }),
      { numRuns: 3000 },
    );
  });

  test("may be any character, escaped or not", () => {
    for (const code of [0x20, 0x7f, 0x80, 0xff, 0x100, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff]) {
      const char = String.fromCharCode(code);
      expect(decode(`"${char === '"' ? '\\"' : char}"`, 1)).toBe(char);
      expect(decode(`"\\u${code.toString(16).padStart(4, "0")}"`, 1)).toBe(char);
    }
    for (const point of [0x10000, 0x1f600, 0xfffff, 0x10ffff]) {
      const char = String.fromCodePoint(point);
      expect(decode(`"${char}"`, 2)).toBe(char);
    }
  });

  test.each([
    ['"abc"', "abc"],
    ['"abcd"', undefined],
    ['"\\u0061\\n\\\\"', "a\n\\"],
    ['"\\u0061\\n\\\\."', undefined],
    ['"\u00e9\u20ac."', "\u00e9\u20ac."],
    ['"\u{1f600}."', "\u{1f600}."],
    ['"..\u{1f600}"', undefined],
    ['"\u{1f600}\u{1f600}"', undefined],
    ['""', ""],
  ])("has at most as many code units as there is room for: %s", (literal, expected) => {
    expect(decode(literal, 3)).toBe(expected);
  });
});

test("bytes of a literal are its characters, if it has exactly so many up to U+00FF", () => {
  fc.assert(
    fc.property(fc.string(), inner, fc.nat(12), (before, text, count) => {
      const literal = `"${text}"`;
      const expected = parse(literal);
      fc.pre(typeof expected === "string");
      const output = new Uint8Array(13).fill(7);
      const start = before.length;
      const bytes = Buffer.from(`${before}${literal}x`);
      const isGood = decodeBytes(bytes, start, bytes.length - 1, output, count);
      expect(isGood).toBe(
        (expected as string).length === count && /^[\0-\xff]*$/.test(expected as string),
      );
      if (isGood) expect(Buffer.from(output).toString("latin1", 0, count)).toBe(expected as string);
      // Nothing is written behind it.
      expect(output[count]).toBe(7);
    }),
    { numRuns: 3000 },
  );
});
