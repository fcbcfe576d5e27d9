import { expect, test } from "bun:test";
import fc from "fast-check";
import { Draft } from "../../../src/ws/message/draft.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const contentOf = ({ bytes, length }: Draft): string => bytes.toString("latin1", 0, length);

test("a draft is all that was added to it since it began", () => {
  const draft = new Draft();
  const bytes = fc.uint8Array({ maxLength: 100, size: "max" });
  const step = fc.oneof(
    fc.record({ add: bytes }),
    fc.record({ part: bytes, start: fc.nat(100), end: fc.nat(100) }),
    fc.record({ number: fc.nat() }),
    fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(bytes, fc.array(step, { maxLength: 30 }), (first, steps) => {
      draft.begin(first);
      let expected = text(first);
      for (const todo of steps) {
        if ("add" in todo) {
          draft.add(todo.add);
          expected += text(todo.add);
        } else if ("part" in todo) {
          const start = Math.min(todo.start, todo.part.length);
          const end = Math.min(Math.max(start, todo.end), todo.part.length);
          draft.addPart(Buffer.from(todo.part), start, end);
          expected += text(todo.part.subarray(start, end));
        } else if ("number" in todo) {
          draft.addNumber(todo.number);
          expected += String(todo.number);
        } else {
          const length = Math.floor(expected.length * todo.truncate);
          draft.truncate(length);
          expected = expected.slice(0, length);
        }
        expect(contentOf(draft)).toBe(expected);
      }
    }),
  );
});

test("numbers are written in decimal", () => {
  const draft = new Draft();
  const numbers = [0, 1, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  for (let power = 1; power < 1e15; power *= 10) numbers.push(power - 1, power, power + 1);
  for (const number of numbers) {
    draft.begin(Buffer.from("n"));
    draft.addNumber(number);
    expect(draft.toString()).toBe(`n${number}`);
  }
  fc.assert(
    fc.property(fc.maxSafeNat(), (number) => {
      draft.begin(Buffer.from("n"));
      draft.addNumber(number);
      expect(draft.toString()).toBe(`n${number}`);
    }),
  );
});

test("a draft grows to any message, and does not keep the memory of a large one", () => {
  const draft = new Draft();
  const large = Buffer.alloc(3 * 2 ** 20, "xyz");
  const usual = draft.bytes.length;
  draft.begin(Buffer.from("begin"));
  draft.addPart(large, 1, large.length);
  draft.addNumber(123);
  draft.add(Buffer.from("end"));
  expect(draft.length).toBe(5 + large.length - 1 + 3 + 3);
  expect(draft.toString()).toBe(`begin${large.toString("latin1", 1)}123end`);
  draft.begin(Buffer.from("next"));
  expect(draft.toString()).toBe("next");
  expect(draft.bytes.length).toBe(usual);
  // Memory of an ordinary size is kept.
  draft.addPart(large, 0, 100_000);
  const grown = draft.bytes;
  draft.begin(Buffer.from("next"));
  expect(draft.bytes).toBe(grown);
});
