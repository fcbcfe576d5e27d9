import { describe, expect, test } from "bun:test";
import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { Inbox } from "../../../src/ws/message/inbox.ts";

const MAX_BYTES = 64;

const message = fc.uint8Array({ maxLength: MAX_BYTES });
/** Bytes near those that matter: control characters, ASCII, first bytes of longer characters. */
const nearText = fc
  .array(fc.constantFrom(0x00, 0x1f, 0x20, 0x22, 0x41, 0x7f, 0x80, 0xa0, 0xc3, 0xe2, 0xff))
  .map((bytes) => Uint8Array.from(bytes));

function checkContent(inbox: Inbox, bytes: Uint8Array): void {
  expect(inbox.length).toBe(bytes.length);
  expect([...inbox.copy()]).toEqual([...bytes]);
  expect(inbox.hasControl).toBe(bytes.some((byte) => byte < 0x20));
  expect(inbox.isUtf8).toBe(isUtf8(bytes));
  expect([...inbox.bytes.subarray(bytes.length, bytes.length + 4)]).toEqual([0x22, 0, 0x22, 0]);
}

describe("an inbox", () => {
  test("has the message that it was given last, of any bytes, and a quote behind it", () => {
    const inbox = new Inbox(MAX_BYTES);
    fc.assert(
      fc.property(fc.oneof(message, nearText), (bytes) => {
        inbox.set(bytes);
        checkContent(inbox, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("removes any mask", () => {
    const inbox = new Inbox(MAX_BYTES);
    const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.oneof(message, nearText), mask, (bytes, key) => {
        const masked = bytes.map((byte, i) => byte ^ key[i % 4]);
        inbox.bytes.set(masked);
        inbox.end(masked.length, new DataView(key.buffer, key.byteOffset).getInt32(0, true));
        checkContent(inbox, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("notices a single control character and a single invalid byte at any position", () => {
    const inbox = new Inbox(MAX_BYTES);
    for (let length = 1; length <= 12; length++) {
      for (let at = 0; at < length; at++) {
        for (const byte of [0x00, 0x1f, 0x20, 0x7f, 0x80, 0xff]) {
          const bytes = new Uint8Array(length).fill(0x61).fill(byte, at, at + 1);
          inbox.set(bytes);
          checkContent(inbox, bytes);
        }
      }
    }
  });

  test.each([0, 1, 2, 3, 4, 5])("has room for its longest message, of %i bytes", (maxBytes) => {
    const inbox = new Inbox(maxBytes);
    const bytes = new Uint8Array(maxBytes).fill(0xff);
    inbox.set(bytes);
    checkContent(inbox, bytes);
  });

  test("takes a text as UTF-8, unless it is too long", () => {
    const inbox = new Inbox(6);
    for (const text of ["", "abcdef", "\u20ac\u20ac", "\u{1f600}\u00e9"]) {
      expect(inbox.setText(text)).toBe(true);
      checkContent(inbox, Buffer.from(text));
    }
    for (const text of ["abcdefg", "\u20ac\u20ac.", "\u00e9\u00e9\u00e9\u00e9"]) {
      expect(inbox.setText(text)).toBe(false);
    }
    // The message before is still there.
    checkContent(inbox, Buffer.from("\u{1f600}\u00e9"));
  });

  test("gives a copy that later messages do not change", () => {
    const inbox = new Inbox(MAX_BYTES);
    inbox.setText("first");
    const copy = inbox.copy();
    inbox.setText("other");
    expect(copy.toString()).toBe("first");
    // It must not keep a larger buffer alive.
    expect(copy.buffer.byteLength).toBe(5);
  });
});
