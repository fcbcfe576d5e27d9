import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KIND, type Kind } from "../../src/ws/deliveries.ts";
import { Outbox, type Sink } from "../../src/ws/outbox.ts";

/**
 * A client that takes `room` messages; the last of them has to wait, and is taken all the same. With
 * room for none it takes none.
 */
class TestSink implements Sink {
  readonly texts: string[] = [];
  readonly compressed: boolean[] = [];
  corks = 0;
  #isCorked = false;
  #isDone = false;

  constructor(private room = Infinity) {}

  sendText(text: string, compress: boolean): number {
    if (!this.#isCorked || this.#isDone) throw new Error("sent when it should not be");
    this.#isDone = this.room <= 1;
    if (this.room === 0) return 0;
    this.texts.push(text);
    this.compressed.push(compress);
    this.room--;
    return this.room === 0 ? -1 : Buffer.byteLength(text);
  }

  cork(callback: () => void): void {
    this.corks++;
    this.#isCorked = true;
    callback();
    this.#isCorked = false;
  }
}

const { response, answer, offer } = KIND;

function flush(outbox: Outbox, sink: TestSink, compress: boolean) {
  const isBlocked = outbox.flush(sink, compress);
  return { bytes: outbox.sentBytes, isBlocked };
}

/** What an outbox holds; it is empty then. */
function drain(outbox: Outbox): string[] {
  const sink = new TestSink();
  outbox.flush(sink, false);
  return sink.texts;
}

describe("flushing", () => {
  test("sends all there is in its order, corked once", () => {
    const outbox = new Outbox(100);
    expect(outbox.isEmpty).toBe(true);
    outbox.push(offer, "one");
    outbox.push(response, "three");
    outbox.push(answer, "four");
    expect(outbox.isEmpty).toBe(false);
    const sink = new TestSink();
    expect(flush(outbox, sink, true)).toEqual({ bytes: 12, isBlocked: false });
    expect(sink.texts).toEqual(["one", "three", "four"]);
    expect(sink.compressed).toEqual([true, true, true]);
    expect(sink.corks).toBe(1);
    expect(outbox.isEmpty).toBe(true);
    expect(flush(outbox, sink, false)).toEqual({ bytes: 0, isBlocked: false });
    expect(sink.texts.length).toBe(3);
  });

  test("stops at a client that takes no more, and goes on from there", () => {
    const outbox = new Outbox(100);
    for (const text of ["a", "bb", "ccc"]) outbox.push(response, text);
    const first = new TestSink(2);
    expect(flush(outbox, first, false)).toEqual({ bytes: 3, isBlocked: true });
    expect(first.texts).toEqual(["a", "bb"]);
    expect(first.compressed).toEqual([false, false]);
    expect(outbox.isEmpty).toBe(false);
    outbox.push(answer, "dddd");
    const second = new TestSink(1);
    expect(flush(outbox, second, false)).toEqual({ bytes: 3, isBlocked: true });
    expect(drain(outbox)).toEqual(["dddd"]);
    expect(second.texts).toEqual(["ccc"]);
  });

  test("is blocked by the last message too, with nothing left", () => {
    const outbox = new Outbox(100);
    outbox.push(response, "a");
    const result = flush(outbox, new TestSink(1), false);
    expect(result).toEqual({ bytes: 1, isBlocked: true });
    expect(outbox.isEmpty).toBe(true);
  });

  test("keeps what is not taken, for the next time", () => {
    const outbox = new Outbox(100);
    for (const text of ["a", "bb"]) outbox.push(response, text);
    const sink = new TestSink(0);
    expect(flush(outbox, sink, false)).toEqual({ bytes: 0, isBlocked: true });
    expect(sink.texts).toEqual([]);
    expect(flush(outbox, new TestSink(0), false)).toEqual({ bytes: 0, isBlocked: true });
    expect(drain(outbox)).toEqual(["a", "bb"]);
  });

  test.each([0, 1])("counts bytes of what has to wait after %i", (room) => {
    const outbox = new Outbox(12);
    for (const text of ["\u20ac", "\u00e9\u00e9", "\u20ac\u20ac"]) outbox.push(offer, text);
    expect(outbox.isFull).toBe(false);
    expect(flush(outbox, new TestSink(room), false).bytes).toBe(3 * room);
    expect([outbox.isFull, outbox.isOver]).toEqual([true, room === 0]);
    outbox.pushKept(offer, "\u20ac");
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(room === 0 ? 3 : 2);
    expect(outbox.isFull).toBe(false);
    expect(drain(outbox)).toEqual(["\u20ac"]);
  });

  test("makes room for as much as it sent", () => {
    const outbox = new Outbox(10);
    outbox.push(response, "123456");
    outbox.push(response, "7890");
    outbox.flush(new TestSink(1), false);
    expect(outbox.isFull).toBe(false);
    outbox.push(response, "123456");
    expect(outbox.isFull).toBe(true);
    expect(drain(outbox)).toEqual(["7890", "123456"]);
    expect(outbox.isFull).toBe(false);
  });
});

describe("a full outbox", () => {
  test("is one that more than half waits in, and over its limit one with more than all", () => {
    const outbox = new Outbox(10);
    for (const [length, isFull, isOver] of [
      [5, false, false],
      [6, true, false],
      [10, true, false],
      [11, true, true],
    ] as const) {
      outbox.push(response, "x".repeat(length));
      expect([outbox.isFull, outbox.isOver]).toEqual([isFull, isOver]);
      drain(outbox);
      expect([outbox.isFull, outbox.isOver]).toEqual([false, false]);
    }
  });

  test("drops nothing by itself", () => {
    const outbox = new Outbox(10);
    outbox.push(offer, "12345");
    outbox.push(offer, "67890!");
    expect(drain(outbox)).toEqual(["12345", "67890!"]);
  });

  test("drops the oldest offers until half of it is free", () => {
    const outbox = new Outbox(10);
    for (const text of ["aa", "bb", "cc", "dd", "ee", "f"]) outbox.push(offer, text);
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(3);
    expect([outbox.isFull, outbox.isOver]).toEqual([false, false]);
    expect(outbox.dropOffers()).toBe(0);
    outbox.push(offer, "g");
    expect(drain(outbox)).toEqual(["dd", "ee", "f", "g"]);
  });

  test("keeps responses and answers, in their order among the offers that stay", () => {
    const outbox = new Outbox(12);
    outbox.push(offer, "o1");
    outbox.push(response, "r1");
    outbox.push(offer, "o2");
    outbox.push(answer, "a1");
    outbox.push(offer, "o3");
    outbox.push(offer, "o4");
    expect(outbox.dropOffers()).toBe(3);
    outbox.push(response, "r2");
    expect(drain(outbox)).toEqual(["r1", "a1", "o4", "r2"]);
  });

  test("drops the very offer that is too much, when there is no other", () => {
    const outbox = new Outbox(10);
    outbox.push(response, "1234567890");
    outbox.push(offer, "o");
    expect(outbox.dropOffers()).toBe(1);
    expect(outbox.isOver).toBe(false);
    expect(drain(outbox)).toEqual(["1234567890"]);
  });

  test.each([response, answer])("stays over its limit with what is never dropped: %i", (kind) => {
    const outbox = new Outbox(10);
    outbox.push(offer, "offer");
    outbox.push(kind, "12345678901");
    expect(outbox.dropOffers()).toBe(1);
    expect(outbox.isOver).toBe(true);
    expect(outbox.dropOffers()).toBe(0);
    expect(drain(outbox)).toEqual(["12345678901"]);
  });
});

test("whatever is pushed and sent, nothing but offers is lost, and no order", () => {
  const MOST = 60;
  const step = fc.oneof(
    fc.record({
      kind: fc.constantFrom<Kind>(response, answer, offer, offer),
      length: fc.integer({ min: 3, max: 20 }),
    }),
    fc.record({ room: fc.integer({ min: 0, max: 5 }) }),
    fc.constant({ drops: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const outbox = new Outbox(MOST);
      let waiting: { kind: Kind; text: string }[] = [];
      const length = (): number => waiting.reduce((sum, { text }) => sum + text.length, 0);
      let serial = 0;
      for (const todo of steps) {
        if ("room" in todo) {
          const sink = new TestSink(todo.room);
          const sent = waiting.splice(0, todo.room).map(({ text }) => text);
          expect(flush(outbox, sink, false)).toEqual({
            bytes: sent.join("").length,
            isBlocked: sent.length === todo.room && (waiting.length > 0 || todo.room > 0),
          });
          expect(sink.texts).toEqual(sent);
          continue;
        }
        if ("drops" in todo) {
          const before = waiting.length;
          while (length() > MOST / 2) {
            const oldest = waiting.findIndex(({ kind }) => kind === offer);
            if (oldest < 0) break;
            waiting = waiting.toSpliced(oldest, 1);
          }
          expect(outbox.dropOffers()).toBe(before - waiting.length);
        } else {
          const text = String(serial++).padEnd(todo.length, "-");
          waiting.push({ kind: todo.kind, text });
          outbox.push(todo.kind, text);
        }
        expect(outbox.isOver).toBe(length() > MOST);
        expect(outbox.isFull).toBe(length() > MOST / 2);
        expect(outbox.isEmpty).toBe(waiting.length === 0);
      }
      expect(drain(outbox)).toEqual(waiting.map(({ text }) => text));
    }),
  );
});
