import { describe, expect, test } from "bun:test";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import {
  deflateMessage,
  INFLATED,
  inflateMessage,
  negotiateDeflate,
} from "../../../src/ws/socket/deflate.ts";
import { deflate } from "./client-frames.ts";

const NO_TAKEOVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const MAX_BYTES = 10_000;

describe("negotiation", () => {
  test.each([
    "permessage-deflate",
    "Permessage-Deflate",
    "permessage-deflate; client_max_window_bits",
    'permessage-deflate; client_max_window_bits="8"',
    "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=15",
    "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
    "permessage-deflate; unknown, permessage-deflate",
  ])("accepts %j", (offers) => {
    expect(negotiateDeflate(offers)).toEqual({ header: NO_TAKEOVER, windowBits: 15 });
  });

  test.each([9, 10, 14])("limits its window to %i bits if it has to", (bits) => {
    for (const value of [`${bits}`, `"${bits}"`, ` ${bits}`]) {
      expect(negotiateDeflate(`permessage-deflate; server_max_window_bits=${value}`)).toEqual({
        header: `${NO_TAKEOVER}; server_max_window_bits=${bits}`,
        windowBits: bits,
      });
    }
  });

  test("takes the first offer that it can", () => {
    const offers = [8, 12, 10].map((bits) => `permessage-deflate; server_max_window_bits=${bits}`);
    expect(negotiateDeflate(offers.join(","))?.windowBits).toBe(12);
  });

  test.each([
    "",
    ",",
    ";",
    "deflate",
    "permessage-deflate2",
    "permessage-deflate; unknown",
    "permessage-deflate;",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=010",
    "permessage-deflate; server_max_window_bits=1e1",
    // zlib makes no such window.
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; client_max_window_bits=",
    "permessage-deflate; client_max_window_bits=7",
  ])("declines %j", (offers) => {
    expect(negotiateDeflate(offers)).toBeUndefined();
  });
});

function inflate(compressed: Uint8Array): { result: number; message: string } {
  const inbox = new Inbox(MAX_BYTES);
  inbox.set(compressed);
  const result = inflateMessage(inbox);
  return { result, message: inbox.bytes.toString("latin1", 0, inbox.length) };
}

describe("inflation", () => {
  test.each([
    ["with one block", "f248cdc9c90700"],
    ["without compression", "000500faff48656c6c6f00"],
    ["with a final block", "f348cdc9c9070000"],
    ["with two blocks", "f24805000000ffffcac9c90700"],
  ])("takes the example of RFC 7692 %s", (_, hex) => {
    const done = { result: INFLATED.done, message: "Hello" };
    expect(inflate(Buffer.from(hex, "hex"))).toEqual(done);
  });

  test("takes an empty message", () => {
    expect(inflate(Buffer.of(0))).toEqual({ result: INFLATED.done, message: "" });
  });

  test.each([9, 12, 15])("takes what has a window of %i bits", (bits) => {
    const message = "a text, again and again ".repeat(100);
    expect(inflate(deflate(message, bits))).toEqual({ result: INFLATED.done, message });
  });

  test("takes no more than the longest message", () => {
    const most = inflate(deflate(Buffer.alloc(MAX_BYTES)));
    expect([most.result, most.message.length]).toEqual([INFLATED.done, MAX_BYTES]);
    expect(inflate(deflate(Buffer.alloc(MAX_BYTES + 1))).result).toBe(INFLATED.tooBig);
    expect(inflate(deflate(Buffer.alloc(10_000_000))).result).toBe(INFLATED.tooBig);
  });

  test.each(["ffff", "07", "000500faf048656c6c6f", "0302"])("finds %s invalid", (hex) => {
    expect(inflate(Buffer.from(hex, "hex")).result).toBe(INFLATED.invalid);
  });

  test("never fails with an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(Object.values<number>(INFLATED)).toContain(inflate(bytes).result);
      }),
    );
  });
});

test("what is deflated is inflated again, with any window", () => {
  const message = fc.oneof(
    fc.string({ unit: "binary", maxLength: 1000 }),
    fc.nat(1000).map((count) => "sdp ".repeat(count)),
  );
  fc.assert(
    fc.property(message, fc.integer({ min: 9, max: 15 }), (text, windowBits) => {
      const compressed = deflateMessage(Buffer.from(text), windowBits);
      const tail = Buffer.of(0, 0, 0xff, 0xff);
      const options = { windowBits, finishFlush: 2 };
      const inflated = inflateRawSync(Buffer.concat([compressed, tail]), options);
      expect(inflated.toString()).toBe(text);
      // A client could not tell an empty frame from no message (RFC 7692, 7.2.3.6).
      expect(compressed.length).toBeGreaterThan(0);
    }),
  );
});
