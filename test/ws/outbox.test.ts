// The frames that wait for one client that does not read. Texts here are so short that the head of
// a frame has two bytes, where nothing else is said.

import { fullGC, heapSize } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KIND, type Kind } from "../../src/ws/deliveries.ts";
import { Outbox } from "../../src/ws/outbox.ts";
import { OPCODE } from "../../src/ws/socket/frame.ts";
import { frameOf, readFrames } from "./frames.ts";

const HEAD_BYTES = 2;
/** Memory comes in such steps. */
const STEP_BYTES = 8192;
const MEBI = 2 ** 20;

const { response, answer, offer } = KIND;

/** Adds a frame that has something before and behind it. */
function add(outbox: Outbox, kind: Kind, frame: Buffer): void {
  const bytes = Buffer.concat([Buffer.from("before"), frame, Buffer.from("after")]);
  outbox.add(kind, bytes, 6, 6 + frame.length);
}

function push(outbox: Outbox, kind: Kind, text: string): void {
  add(outbox, kind, frameOf(OPCODE.text, Buffer.from(text)));
}

/** A text whose frame has so many bytes. */
const textOf = (bytes: number): string => "x".repeat(bytes - HEAD_BYTES);

/** Sends so many bytes, or all, and returns them. */
function send(outbox: Outbox, count = outbox.length): Buffer {
  let sent = Buffer.alloc(0);
  const returned = outbox.send((bytes, start, end) => {
    expect(end - start).toBe(outbox.length);
    sent = Buffer.from(bytes.subarray(start, start + count));
    return count;
  });
  expect(returned).toBe(count);
  return sent;
}

/** What waits, and the memory that it is in. */
function look(outbox: Outbox): { waiting: Buffer; memory: number } {
  let waiting = Buffer.alloc(0);
  let memory = 0;
  outbox.send((bytes, start, end) => {
    waiting = Buffer.from(bytes.subarray(start, end));
    memory = bytes.length;
    return 0;
  });
  return { waiting, memory };
}

const readTexts = (bytes: Buffer): string[] =>
  readFrames(bytes).map(({ payload }) => payload.toString());

/** Sends all, and returns the texts. */
function drain(outbox: Outbox): string[] {
  return readTexts(send(outbox));
}

describe("an outbox", () => {
  test("has all that was added, in order, in one piece", () => {
    const outbox = new Outbox(100);
    expect(outbox.length).toBe(0);
    push(outbox, response, "one");
    push(outbox, offer, "three");
    push(outbox, answer, "four");
    expect(outbox.length).toBeGreaterThan(0);
    expect(outbox.length).toBe(12 + 3 * HEAD_BYTES);
    expect(drain(outbox)).toEqual(["one", "three", "four"]);
    expect(outbox.length).toBe(0);
    push(outbox, offer, "five");
    expect(drain(outbox)).toEqual(["five"]);
  });

  test.each([0, 1, 125, 126, 127, 2047, 2048, 65_535, 65_536, 200_000])(
    "takes a message of %i bytes, between others",
    (length) => {
      const outbox = new Outbox(MEBI);
      const text = "y".repeat(length);
      for (const each of ["a", text, "b", text]) push(outbox, answer, each);
      expect(drain(outbox)).toEqual(["a", text, "b", text]);
    },
  );

  test("goes on behind what was sent, between frames or in the middle of one", () => {
    for (let count = 0; count < 6 + 3 * HEAD_BYTES; count++) {
      const outbox = new Outbox(100);
      for (const text of ["a", "bb", "ccc"]) push(outbox, response, text);
      const sent = [send(outbox, count)];
      push(outbox, answer, "ddd");
      expect(outbox.length).toBeGreaterThan(0);
      sent.push(send(outbox, 3));
      expect(outbox.length).toBe(9 + 4 * HEAD_BYTES - count - 3);
      sent.push(send(outbox));
      const texts = readTexts(Buffer.concat(sent));
      expect(texts).toEqual(["a", "bb", "ccc", "ddd"]);
      expect(outbox.length).toBe(0);
    }
  });

  test("keeps all if nothing was sent", () => {
    const outbox = new Outbox(100);
    for (const text of ["a", "bb"]) push(outbox, response, text);
    send(outbox, 0);
    outbox.advance(0);
    expect(drain(outbox)).toEqual(["a", "bb"]);
  });

  test("counts bytes, not characters", () => {
    const outbox = new Outbox(16);
    push(outbox, offer, "\u20ac");
    expect(outbox.isFull).toBe(false);
    push(outbox, offer, "\u00e9\u00e9");
    expect([outbox.isFull, outbox.isOver]).toEqual([true, false]);
    push(outbox, offer, "\u20ac\u20ac");
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(2);
    expect(outbox.isFull).toBe(false);
    expect(drain(outbox)).toEqual(["\u20ac\u20ac"]);
  });

  test("has room again for as much as was sent", () => {
    const outbox = new Outbox(20);
    push(outbox, response, textOf(10));
    push(outbox, response, textOf(6));
    expect(outbox.isFull).toBe(true);
    send(outbox, 7);
    expect(outbox.isFull).toBe(false);
    push(outbox, response, textOf(2));
    expect(outbox.isFull).toBe(true);
    send(outbox);
    expect(outbox.isFull).toBe(false);
  });
});

describe("a full outbox", () => {
  test("is over half of its limit, and one that is over its limit has more", () => {
    const outbox = new Outbox(10);
    for (const [bytes, isFull, isOver] of [
      [5, false, false],
      [6, true, false],
      [10, true, false],
      [11, true, true],
    ] as const) {
      push(outbox, response, textOf(bytes));
      expect([outbox.isFull, outbox.isOver]).toEqual([isFull, isOver]);
      drain(outbox);
      expect([outbox.isFull, outbox.isOver]).toEqual([false, false]);
    }
  });

  test("drops nothing unless it is asked to", () => {
    const outbox = new Outbox(10);
    push(outbox, offer, "12345");
    push(outbox, offer, "67890!");
    expect(drain(outbox)).toEqual(["12345", "67890!"]);
  });

  test("drops the oldest offers until half of it is free", () => {
    const outbox = new Outbox(20);
    for (const text of ["aa", "bb", "cc", "dd", "ee", "f"]) push(outbox, offer, text);
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(4);
    expect([outbox.isFull, outbox.isOver]).toEqual([false, false]);
    expect(outbox.dropOffers()).toBe(0);
    push(outbox, offer, "g");
    expect(drain(outbox)).toEqual(["ee", "f", "g"]);
  });

  test("keeps responses and answers, in their order among the offers that stay", () => {
    const outbox = new Outbox(24);
    push(outbox, offer, "o1");
    push(outbox, response, "r1");
    push(outbox, offer, "o2");
    push(outbox, answer, "a1");
    push(outbox, offer, "o3");
    push(outbox, offer, "o4");
    expect(outbox.dropOffers()).toBe(3);
    push(outbox, response, "r2");
    expect(drain(outbox)).toEqual(["r1", "a1", "o4", "r2"]);
  });

  test("drops the very offer that is too much, if there is no other", () => {
    const outbox = new Outbox(10);
    push(outbox, response, textOf(10));
    push(outbox, offer, "o");
    expect(outbox.dropOffers()).toBe(1);
    expect(outbox.isOver).toBe(false);
    expect(drain(outbox)).toEqual([textOf(10)]);
  });

  test.each([response, answer])("stays over its limit with what is never dropped: %i", (kind) => {
    const outbox = new Outbox(10);
    push(outbox, offer, "offer");
    push(outbox, kind, textOf(11));
    expect(outbox.dropOffers()).toBe(1);
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(0);
    expect(drain(outbox)).toEqual([textOf(11)]);
  });

  test("never drops an offer of which a part is sent", () => {
    for (let count = 1; count < 10; count++) {
      const outbox = new Outbox(10);
      const before = [send(push3(outbox), count)];
      expect(outbox.dropOffers()).toBe(2);
      before.push(send(outbox));
      const texts = readTexts(Buffer.concat(before));
      expect(texts).toEqual([textOf(10)]);
    }
    function push3(outbox: Outbox): Outbox {
      push(outbox, offer, textOf(10));
      push(outbox, offer, textOf(9));
      push(outbox, offer, textOf(10));
      return outbox;
    }
  });

  test("takes offers of all lengths of heads, and drops them whole", () => {
    const outbox = new Outbox(100);
    const lengths = [10, 125, 126, 5000, 65_535, 65_536, 70_000];
    for (const length of lengths) {
      push(outbox, offer, "o".repeat(length));
      push(outbox, response, `${length}`);
    }
    expect(outbox.dropOffers()).toBe(lengths.length);
    expect(drain(outbox)).toEqual(lengths.map(String));
  });
});

interface Waiting {
  readonly kind: Kind;
  readonly frame: Buffer;
  /** Bytes of it that are sent. */
  sent: number;
}

test("whatever is added, sent and dropped, nothing but whole offers is lost, in order", () => {
  const MAX_BYTES = 4000;
  const length = fc.oneof(
    { weight: 8, arbitrary: fc.nat(300) },
    { weight: 2, arbitrary: fc.nat(3000) },
    { weight: 1, arbitrary: fc.constantFrom(125, 126, 65_535, 65_536, 66_000) },
  );
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constantFrom<Kind>(response, answer, offer, offer), length }),
    },
    { weight: 3, arbitrary: fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.constant("drop" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const outbox = new Outbox(MAX_BYTES);
      let model: Waiting[] = [];
      const rest = (): Buffer =>
        Buffer.concat(model.map(({ frame, sent }) => frame.subarray(sent)));
      let serial = 0;
      let peak = 0;
      for (const todo of steps) {
        if (todo === "drop") {
          const before = model.length;
          model = dropOldest(model, MAX_BYTES / 2);
          expect(outbox.dropOffers()).toBe(before - model.length);
        } else if ("share" in todo) {
          const count = Math.floor(outbox.length * todo.share);
          expect(send(outbox, count).equals(rest().subarray(0, count))).toBe(true);
          model = advance(model, count);
        } else {
          const payload = Buffer.alloc(todo.length, String(serial++));
          model.push({ kind: todo.kind, frame: frameOf(OPCODE.text, payload), sent: 0 });
          add(outbox, todo.kind, frameOf(OPCODE.text, payload));
        }
        const expected = rest();
        const { memory, waiting } = look(outbox);
        expect(waiting.equals(expected)).toBe(true);
        peak = Math.max(peak, expected.length);
        expect(memory).toBeLessThan(peak + STEP_BYTES);
        expect(outbox.isOver).toBe(expected.length > MAX_BYTES);
        expect(outbox.isFull).toBe(expected.length > MAX_BYTES / 2);
        expect(outbox.length).toBe(expected.length);
      }
    }),
    { numRuns: 300 },
  );
});

function advance(model: readonly Waiting[], count: number): Waiting[] {
  let left = count;
  for (const each of model) {
    const sent = Math.min(left, each.frame.length - each.sent);
    each.sent += sent;
    left -= sent;
  }
  return model.filter(({ frame, sent }) => sent < frame.length);
}

/** Drops the oldest offers of which nothing is sent, until no more than `most` bytes wait. */
function dropOldest(model: readonly Waiting[], most: number): Waiting[] {
  let bytes = model.reduce((sum, { frame, sent }) => sum + frame.length - sent, 0);
  return model.filter(({ kind, frame, sent }) => {
    if (kind !== offer || sent > 0 || bytes <= most) return true;
    bytes -= frame.length;
    return false;
  });
}

describe("the memory of an outbox", () => {
  test("does not grow with what passes through", () => {
    const outbox = new Outbox(MEBI);
    for (let i = 0; i < 10_000; i++) {
      push(outbox, i % 2 === 0 ? offer : response, "x".repeat(300));
      // Something always waits.
      if (outbox.length > 400) send(outbox, outbox.length - 100);
    }
    expect(look(outbox).memory).toBe(STEP_BYTES);
  });

  test("does not grow with the offers that pass through", () => {
    const outbox = new Outbox(MEBI);
    const frame = frameOf(OPCODE.text, Buffer.from("x"));
    const before = (fullGC(), heapSize());
    for (let i = 0; i < 500_000; i++) {
      outbox.add(offer, frame, 0, frame.length);
      if (outbox.length > 2 * frame.length) outbox.advance(frame.length);
    }
    fullGC();
    expect(outbox.length).toBeGreaterThan(0);
    expect(heapSize() - before).toBeLessThan(1_000_000);
  });
});
