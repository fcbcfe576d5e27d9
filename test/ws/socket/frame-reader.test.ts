import { describe, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import fc from "fast-check";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import { OPCODE } from "../../../src/ws/socket/frame.ts";
import { FrameReader } from "../../../src/ws/socket/frame-reader.ts";
import { clientFrame, closePayload, COMPRESSED, deflate } from "./client-frames.ts";
import { FrameRecorder, type RecorderSettings } from "./frame-recorder.ts";

const { binary, close, continuation, ping, pong, text } = OPCODE;

const part = { isLast: false };

function eventsOf(chunks: Buffer[], settings?: RecorderSettings): string[] {
  return new FrameRecorder(settings).read(...chunks).events;
}

describe("messages", () => {
  test.each([
    ["with any mask", clientFrame(text, "abcde", { mask: [0, 255, 1, 128] })],
    ["with a mask of zeros", clientFrame(text, "abcde", { mask: [0, 0, 0, 0] })],
    ["with a length of two bytes", clientFrame(text, "abcde", { lengthBytes: 2 })],
    ["with a length of eight bytes", clientFrame(text, "abcde", { lengthBytes: 8 })],
    ["of bytes", clientFrame(binary, "abcde")],
  ])("%s are read", (_, frame) => {
    expect(eventsOf([frame])).toEqual(["message abcde"]);
  });

  test.each([0, 1, 3, 4, 125, 126, 127, 1000])("of %i bytes are read", (length) => {
    const payload = "x".repeat(length);
    expect(eventsOf([clientFrame(text, payload)])).toEqual([`message ${payload}`]);
  });

  test("are put together from fragments, with control frames in between", () => {
    const chunks = [
      clientFrame(text, "a", part),
      clientFrame(ping, "1"),
      clientFrame(continuation, "", part),
      clientFrame(pong, "2"),
      clientFrame(continuation, "bc", part),
      clientFrame(continuation, "d"),
      clientFrame(text, "e"),
    ];
    const expected = ["ping 1", "pong", "message abcd", "message e"];
    expect(eventsOf(chunks)).toEqual(expected);
    expect(eventsOf([Buffer.concat(chunks)])).toEqual(expected);
  });

  test("after the end are not read", () => {
    const chunk = Buffer.concat([clientFrame(close), clientFrame(text, "a")]);
    expect(eventsOf([chunk])).toEqual(["close 1000"]);
  });

  test("of text must be UTF-8, also across fragments", () => {
    const euro = Buffer.from("\u20ac");
    const chunks = [
      clientFrame(text, euro.subarray(0, 1), part),
      clientFrame(continuation, euro.subarray(1)),
    ];
    expect(eventsOf(chunks)).toEqual([`message ${euro.toString("latin1")}`]);
    expect(eventsOf([clientFrame(text, euro.subarray(0, 2))])).toEqual(["violation 1007"]);
    // Of bytes nothing is asked.
    expect(eventsOf([clientFrame(binary, Buffer.of(0xff))])).toEqual(["message \xff"]);
  });

  test("may be as long as the inbox and no longer", () => {
    const settings = { maxBytes: 10 };
    expect(eventsOf([clientFrame(text, "0123456789")], settings)).toEqual(["message 0123456789"]);
    // Before its payload has come.
    const head = clientFrame(text, "", { claimedLength: 11 });
    expect(eventsOf([head], settings)).toEqual(["violation 1009"]);
    for (const claimedLength of [2 ** 31, 2 ** 32, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      const huge = clientFrame(text, "", { claimedLength, lengthBytes: 8 });
      expect(eventsOf([huge], settings)).toEqual(["violation 1009"]);
    }
    const fragments = ["01234", "56789", "x"].map((payload, i) =>
      clientFrame(i === 0 ? text : continuation, payload, part),
    );
    expect(eventsOf(fragments, settings)).toEqual(["violation 1009"]);
    expect(eventsOf([...fragments.slice(0, 2), clientFrame(continuation)], settings)).toEqual([
      "message 0123456789",
    ]);
  });
});

describe("compressed messages", () => {
  const compressed = { reserved: COMPRESSED };
  const settings = { acceptCompressed: true, maxBytes: 100 };

  test("are inflated, whole or in fragments", () => {
    const payload = deflate("abc abc abc");
    const chunks = [
      clientFrame(text, payload, compressed),
      clientFrame(text, payload.subarray(0, 2), { ...compressed, isLast: false }),
      clientFrame(continuation, payload.subarray(2)),
      clientFrame(binary, "plain"),
    ];
    expect(eventsOf(chunks, settings)).toEqual([
      "message abc abc abc",
      "message abc abc abc",
      "message plain",
    ]);
  });

  test.each([
    ["that were not negotiated", clientFrame(text, deflate("a"), compressed), false, 1002],
    ["that are too long", clientFrame(text, deflate("a".repeat(101)), compressed), true, 1009],
    ["that are not UTF-8", clientFrame(text, deflate(Buffer.of(0xff)), compressed), true, 1007],
    ["that are invalid", clientFrame(text, Buffer.of(0xff, 0xff), compressed), true, 1007],
    ["with RSV1 in a control frame", clientFrame(ping, "", compressed), true, 1002],
  ])("%s end the connection", (_, frame, acceptCompressed, code) => {
    expect(eventsOf([frame], { ...settings, acceptCompressed })).toEqual([`violation ${code}`]);
  });

  test("have RSV1 in their first frame only", () => {
    const chunks = [
      clientFrame(text, "", { ...compressed, isLast: false }),
      clientFrame(continuation, deflate("a"), compressed),
    ];
    expect(eventsOf(chunks, settings)).toEqual(["violation 1002"]);
  });
});

describe("violations", () => {
  test.each([
    ["a frame without mask", [clientFrame(text, "a", { mask: undefined })], 1002],
    ["RSV2", [clientFrame(text, "", { reserved: 2 })], 1002],
    ["RSV3", [clientFrame(text, "", { reserved: 1 })], 1002],
    ["RSV1", [clientFrame(text, "", { reserved: 4 })], 1002],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [`opcode ${opcode}`, [clientFrame(opcode)], 1002] as const,
    ),
    ["a ping in fragments", [clientFrame(ping, "", part)], 1002],
    ["a close frame in fragments", [clientFrame(close, "", part)], 1002],
    ["a ping of 126 bytes", [clientFrame(ping, "x".repeat(126))], 1002],
    ["a ping with a long length", [clientFrame(ping, "x", { lengthBytes: 2 })], 1002],
    ["a fragment of nothing", [clientFrame(continuation)], 1002],
    ["a last fragment twice", [clientFrame(continuation, "", part)], 1002],
    ["a message within one", [clientFrame(text, "", part), clientFrame(text)], 1002],
    ["bytes within a message", [clientFrame(text, "", part), clientFrame(binary)], 1002],
    ["a close frame of one byte", [clientFrame(close, "x")], 1002],
    ["close code 1005", [clientFrame(close, closePayload(1005))], 1002],
    ["a reason that is not UTF-8", [clientFrame(close, closePayload(1000, Buffer.of(0xff)))], 1007],
  ] as const)("%s ends the connection", (_, chunks, code) => {
    expect(eventsOf([...chunks])).toEqual([`violation ${code}`]);
  });

  test("are found before the rest of the frame has come", () => {
    const frame = clientFrame(11, "x".repeat(100));
    expect(eventsOf([frame.subarray(0, 2)])).toEqual(["violation 1002"]);
  });
});

test.each([1000, 1001, 1003, 1014, 3000, 4999])("close code %i is echoed", (code) => {
  const frame = clientFrame(close, closePayload(code, "good-bye"));
  expect(eventsOf([frame])).toEqual([`close ${code}`]);
});

test("any split of the bytes gives the same result", () => {
  const payload = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 20 }).map((string) => Buffer.from(string)),
    fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 100, max: 150 }).map((length) => Buffer.alloc(length, "x")),
    fc.string({ maxLength: 40 }).map((string) => deflate(string)),
  );
  const frame = fc
    .record({
      opcode: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(0, 0, 1, 1, 2, 9, 10) },
        { weight: 1, arbitrary: fc.nat(15) },
      ),
      payload,
      isLast: fc.boolean(),
      reserved: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom(0, COMPRESSED) },
        { weight: 1, arbitrary: fc.nat(7) },
      ),
      mask: fc.oneof(
        { weight: 30, arbitrary: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)) },
        { weight: 1, arbitrary: fc.constant(undefined) },
      ),
    })
    .map(({ opcode, payload, ...shape }) => {
      // Control frames are seldom in fragments, or fragments out of place.
      const isControl = opcode >= 8;
      return clientFrame(opcode, payload, isControl ? { mask: shape.mask } : shape);
    });
  const cuts = fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: 30 }));
  const settings = { acceptCompressed: true, maxBytes: 200 };
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), cuts, fc.boolean(), (frames, at, isFine) => {
      const bytes = Buffer.concat(frames);
      const ends = isFine ? [...bytes.keys()] : at.filter((cut) => cut < bytes.length);
      const sorted = [...new Set(ends), bytes.length].toSorted((a, b) => a - b);
      const chunks = sorted.map((end, i) => bytes.subarray(sorted[i - 1] ?? 0, end));
      const expected = eventsOf([bytes], settings);
      expect(eventsOf(chunks, settings)).toEqual(expected);
      expect(eventsOf(frames, settings)).toEqual(expected);
    }),
    { numRuns: 250 },
  );
});

describe("memory", () => {
  const MAX_BYTES = 2 ** 16;
  const READERS = 20;

  /** Bytes that one reader keeps after it has read the chunks. */
  function bytesKept(...chunks: Buffer[]): number {
    const inbox = new Inbox(MAX_BYTES);
    const receiver = {
      isOpen: true,
      receiveMessage() {},
      receivePing() {},
      receivePong() {},
      receiveClose() {},
      receiveViolation(code: number) {
        throw new Error(`violation ${code}`);
      },
    };
    Bun.gc(true);
    const before = heapStats().extraMemorySize;
    const readers = Array.from({ length: READERS }, () => {
      const reader = new FrameReader(inbox, false);
      for (const chunk of chunks) reader.read(Buffer.from(chunk), chunk.length, receiver);
      return reader;
    });
    Bun.gc(true);
    const kept = heapStats().extraMemorySize - before;
    readers.length = 0;
    return kept / READERS;
  }

  test("is not taken for what is only claimed", () => {
    expect(bytesKept(clientFrame(text, "abc", { claimedLength: MAX_BYTES }))).toBeLessThan(1024);
  });

  test("is not kept once all has been read", () => {
    const frame = clientFrame(text, Buffer.alloc(MAX_BYTES));
    expect(bytesKept(frame.subarray(0, 5), frame.subarray(5))).toBeLessThan(1024);
    const first = clientFrame(text, Buffer.alloc(MAX_BYTES - 10), part);
    expect(bytesKept(first, clientFrame(continuation, "end"))).toBeLessThan(1024);
  });

  test("of a frame's beginning is at most twice what has come, and some bytes", () => {
    const frame = clientFrame(text, Buffer.alloc(MAX_BYTES));
    for (const length of [10_000, 40_000]) {
      const bytes = frame.subarray(0, length);
      const chunks = Array.from({ length: 50 }, (_, i) =>
        bytes.subarray((i * length) / 50, ((i + 1) * length) / 50),
      );
      expect(bytesKept(...chunks)).toBeLessThan(2.2 * length);
    }
  });

  test("is not kept for a short beginning behind a long frame", () => {
    const long = clientFrame(text, Buffer.alloc(MAX_BYTES - 10));
    const rest = Buffer.concat([long.subarray(100), clientFrame(text, "abc").subarray(0, 3)]);
    expect(bytesKept(long.subarray(0, 100), rest)).toBeLessThan(1024);
  });

  test("of fragments is at most twice what has come, however many", () => {
    const fragments = Array.from({ length: 1000 }, (_, i) =>
      clientFrame(i === 0 ? text : continuation, "0123456789", part),
    );
    expect(bytesKept(...fragments)).toBeLessThan(22_000);
    const empty = fragments.map((_, i) => clientFrame(i === 0 ? text : continuation, "", part));
    expect(bytesKept(...empty)).toBeLessThan(1024);
  });
});
