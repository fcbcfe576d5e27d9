// Compares the ring with a plain queue; one thread drives both ends. test/threads/ has real
// threads.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RingReader, ringWords, RingWriter } from "../../src/memory/ring.ts";

const BASE = 24;
const GUARD = 0x5a5a5a5a;

/** The words of a ring with the counters of words written and read. */
const COUNTERS = [0, 16];

/** Both ends of a ring whose counters start at `start`, between words that must not change. */
class Ends {
  readonly words: Int32Array;
  readonly writer: RingWriter;
  readonly reader: RingReader;

  constructor(
    readonly capacity: number,
    start = 0,
  ) {
    const end = BASE + ringWords(capacity);
    this.words = new Int32Array(new SharedArrayBuffer((end + 24) * 4));
    this.words.fill(GUARD, 0, BASE).fill(GUARD, end);
    for (const counter of COUNTERS) this.words[BASE + counter] = start;
    this.writer = new RingWriter(this.words, BASE, capacity);
    this.reader = new RingReader(this.words, BASE, capacity);
  }

  /** Writes a message without publishing it. Returns false if the ring is full. */
  write(message: number[], reserved = message.length): boolean {
    const messageWord = this.writer.reserve(reserved);
    if (messageWord < 0) return false;
    // All reserved words may be written, even if fewer are committed.
    this.words.fill(-1, messageWord, messageWord + reserved);
    this.words.set(message, messageWord);
    this.writer.commit(message.length);
    return true;
  }

  /** Takes the oldest message, or undefined, without releasing its words. */
  read(length: number): number[] | undefined {
    const messageWord = this.reader.peek();
    if (messageWord < 0) return undefined;
    const message = [...this.words.subarray(messageWord, messageWord + length)];
    this.reader.advance();
    return message;
  }

  checkGuards(): void {
    const end = BASE + ringWords(this.capacity);
    const around = [...this.words.subarray(0, BASE), ...this.words.subarray(end)];
    expect(around.every((word) => word === GUARD)).toBe(true);
  }
}

type Step =
  | { do: "write"; length: number; reserved: number }
  | { do: "abandon"; length: number }
  | { do: "publish" | "read" | "lookAhead" | "release" };

const CAPACITY = 32;
const MAX_LENGTH = (CAPACITY - 1) >> 1;

const length = fc.nat({ max: MAX_LENGTH });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(length, length).map(([a, b]): Step => {
      return { do: "write", length: Math.min(a, b), reserved: Math.max(a, b) };
    }),
  },
  { weight: 1, arbitrary: length.map((length): Step => ({ do: "abandon", length })) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "publish" }) },
  { weight: 6, arbitrary: fc.constant<Step>({ do: "read" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: "lookAhead" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: "release" }) },
);

/** Counters that start at 0, before their sign flips, and before they wrap to 0. */
const starts = [0, 2 ** 31 - 50, 2 ** 32 - 50];

describe.each(starts)("a ring whose counters start at %i", (start) => {
  test("behaves like a queue under any sequence of operations", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200, size: "max" }),
        fc.nat(CAPACITY),
        (steps, skip) => {
          const ends = new Ends(CAPACITY, start + skip);
          const unpublished: number[][] = [];
          const published: number[][] = [];
          const unreleased: { messageWord: number; message: number[] }[] = [];
          let serial = 0;
          for (const todo of steps) {
            switch (todo.do) {
              case "write": {
                const message = Array.from({ length: todo.length }, () => serial++);
                const isIdle = unpublished.length + published.length + unreleased.length === 0;
                const isTaken = ends.write(message, todo.reserved);
                if (isTaken) unpublished.push(message);
                else expect(isIdle).toBe(false);
                break;
              }
              case "abandon": {
                const messageWord = ends.writer.reserve(todo.length);
                if (messageWord >= 0) ends.words.fill(-2, messageWord, messageWord + todo.length);
                break;
              }
              case "publish":
                ends.writer.publish();
                published.push(...unpublished.splice(0));
                break;
              case "read": {
                const messageWord = ends.reader.peek();
                expect(ends.reader.peek()).toBe(messageWord);
                const message = published.shift();
                if (message === undefined) {
                  expect(messageWord).toBe(-1);
                } else {
                  unreleased.push({ messageWord, message });
                  ends.reader.advance();
                }
                break;
              }
              case "lookAhead": {
                const { position } = ends.reader;
                for (const message of published) {
                  const word = ends.reader.peek();
                  const seen = ends.words.subarray(word, word + message.length);
                  expect([...seen]).toEqual(message);
                  ends.reader.advance();
                }
                expect(ends.reader.peek()).toBe(-1);
                ends.reader.goBack(position);
                break;
              }
              case "release":
                ends.reader.release();
                unreleased.length = 0;
            }
            for (const { messageWord, message } of unreleased) {
              expect([...ends.words.subarray(messageWord, messageWord + message.length)]).toEqual(
                message,
              );
            }
          }
          ends.checkGuards();
        },
      ),
      { numRuns: 400 },
    );
  });

  test("wraps around again and again", () => {
    const ends = new Ends(16, start);
    for (let round = 0; round < 200; round++) {
      const message = Array.from({ length: round % 8 }, (_, i) => round * 10 + i);
      expect(ends.write(message)).toBe(true);
      ends.writer.publish();
      expect(ends.read(message.length)).toEqual(message);
      ends.reader.release();
    }
    // Messages have at most 8 words, and the counters count words, so they have passed the critical
    // value.
    expect(Atomics.load(ends.words, BASE)).not.toBe(start | 0);
    ends.checkGuards();
  });

  test("holds exactly its capacity and refuses more", () => {
    const ends = new Ends(16, start - (start % 16));
    expect(ends.write([1, 2, 3, 4, 5, 6, 7])).toBe(true);
    expect(ends.write([8, 9, 10, 11, 12, 13, 14])).toBe(true);
    expect(ends.write([])).toBe(false);
    ends.writer.publish();
    expect(ends.read(7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(ends.write([])).toBe(false);
    ends.reader.release();
    expect(ends.write([15, 16, 17, 18, 19, 20, 21])).toBe(true);
    expect(ends.write([])).toBe(false);
    ends.writer.publish();
    expect(ends.read(7)).toEqual([8, 9, 10, 11, 12, 13, 14]);
    expect(ends.read(7)).toEqual([15, 16, 17, 18, 19, 20, 21]);
    expect(ends.read(0)).toBeUndefined();
  });
});

test("an empty ring takes the longest message at any position", () => {
  for (let skip = 0; skip < CAPACITY; skip++) {
    const ends = new Ends(CAPACITY, skip);
    const message = Array.from({ length: MAX_LENGTH }, (_, i) => 100 + i);
    expect(ends.write(message)).toBe(true);
    ends.writer.publish();
    expect(ends.read(MAX_LENGTH)).toEqual(message);
    ends.checkGuards();
  }
});

test("a message is invisible until it is published", () => {
  const ends = new Ends(CAPACITY);
  ends.write([1]);
  ends.write([2, 3]);
  expect(ends.read(1)).toBeUndefined();
  ends.writer.publish();
  ends.write([4]);
  expect(ends.read(1)).toEqual([1]);
  expect(ends.read(2)).toEqual([2, 3]);
  expect(ends.read(1)).toBeUndefined();
  ends.writer.publish();
  expect(ends.read(1)).toEqual([4]);
});

test("an abandoned reservation leaves nothing behind, even at the end of the ring", () => {
  const ends = new Ends(16, 12);
  // There is no room before the end, so the message begins at the start of the ring.
  expect(ends.writer.reserve(7)).toBe(BASE + ringWords(0) + 1);
  ends.writer.publish();
  expect(ends.read(0)).toBeUndefined();
  expect(ends.write([1, 2, 3, 4, 5, 6, 7])).toBe(true);
  ends.writer.publish();
  expect(ends.read(7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(ends.read(0)).toBeUndefined();
});

test("new ends continue where the old ones were", () => {
  const ends = new Ends(CAPACITY, 5);
  ends.write([1, 2]);
  ends.write([3, 4]);
  ends.writer.publish();
  ends.read(2);
  ends.reader.release();
  const reader = new RingReader(ends.words, BASE, CAPACITY);
  const writer = new RingWriter(ends.words, BASE, CAPACITY);
  const messageWord = writer.reserve(1);
  ends.words[messageWord] = 5;
  writer.commit(1);
  writer.publish();
  expect(ends.words[reader.peek() + 1]).toBe(4);
  reader.advance();
  expect(ends.words[reader.peek()]).toBe(5);
});
