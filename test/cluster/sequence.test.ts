import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Message } from "../../src/cluster/message.ts";
import { MAX_WAIT_MILLISECONDS, Sequence } from "../../src/cluster/sequence.ts";

const PAYLOAD = Buffer.alloc(10);

function create() {
  const counts = { duplicates: 0, lost: 0 };
  const taken: number[] = [];
  let misses = 0;
  const sequence = new Sequence(counts, {
    take: (message) => taken.push(message.sequence),
    miss: () => misses++,
  });
  const add = (number: number, now = 0, payload = PAYLOAD): void => {
    const message: Message = { session: "", kind: 0, sequence: number, sent: 0, payload };
    sequence.add(message, now);
  };
  return { add, counts, sequence, taken, misses: () => misses };
}

test("messages of two servers, in any order within a window, come once and in order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(), { minLength: 120, maxLength: 120 }),
      (count, keys) => {
        const { add, counts, taken } = create();
        add(0);
        // Each number twice, moved by up to ten places.
        const numbers = Array.from({ length: count }, (_, i) => [i + 1, i + 1]).flat();
        const shuffled = numbers
          .map((number, i) => ({ number, place: i + (keys[i] % 11) }))
          .sort((a, b) => a.place - b.place);
        for (const { number } of shuffled) add(number);
        expect(taken).toEqual(Array.from({ length: count + 1 }, (_, i) => i));
        expect(counts).toEqual({ duplicates: count, lost: 0 });
      },
    ),
  );
});

test("what does not come is given up after a while, and counted", () => {
  const { add, counts, misses, sequence, taken } = create();
  for (const number of [7, 10, 11, 14]) add(number, 1000);
  expect(taken).toEqual([7]);
  sequence.expire(1000 + MAX_WAIT_MILLISECONDS - 1);
  expect(taken).toEqual([7]);
  sequence.expire(1000 + MAX_WAIT_MILLISECONDS);
  expect(taken).toEqual([7, 10, 11]);
  expect([counts.lost, misses()]).toEqual([2, 1]);
  sequence.expire(1000 + 2 * MAX_WAIT_MILLISECONDS);
  expect(taken).toEqual([7, 10, 11, 14]);
  expect([counts.lost, misses()]).toEqual([4, 2]);
  // Too late.
  add(9, 2000);
  expect(counts.duplicates).toBe(1);
});

test("messages that wait take bounded memory", () => {
  const { add, counts, taken } = create();
  const payload = Buffer.alloc(2 ** 17);
  add(0);
  for (let number = 2; number < 100; number++) add(number, 0, payload);
  expect(taken.length).toBeGreaterThan(90);
  expect(counts.lost).toBe(1);
});
