// Changes of peers as bytes.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../../../src/swarm/layout.ts";
import { ChangeWriter, readChanges } from "../../../src/ws/link/change-codec.ts";

interface Change {
  infoHash: number[];
  peer: number[];
  flags: number;
  age: number;
}

const words = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), {
  minLength: 5,
  maxLength: 5,
});

const change: fc.Arbitrary<Change> = fc.record({
  // Few, so that some follow each other.
  infoHash: fc.oneof(
    words,
    fc.constantFrom(5, 6).map((last) => [1, 2, 3, 4, last]),
  ),
  peer: words,
  flags: fc.nat(FLAG_SEEDER | FLAG_STOPPED | FLAG_TAKE_OVER),
  age: fc.nat(0xffff),
});

function write(changes: readonly Change[], maxBytes: number): Buffer[] {
  const payloads: Buffer[] = [];
  const writer = new ChangeWriter(maxBytes, (payload) => payloads.push(Buffer.from(payload)));
  for (const { age, flags, infoHash, peer } of changes) {
    writer.add(Int32Array.from(infoHash), 0, Int32Array.from([7, ...peer]), 1, flags, age);
  }
  writer.flush();
  writer.flush();
  return payloads;
}

function read(payload: Buffer): Change[] | undefined {
  const changes: Change[] = [];
  const isValid = readChanges(payload, (ids, flags, age) => {
    const all = [...ids];
    changes.push({ infoHash: all.slice(0, 5), peer: all.slice(5), flags, age });
  });
  if (!isValid) expect(changes).toEqual([]);
  return isValid ? changes : undefined;
}

test("arrive as they were, in order, in payloads of no more than the bytes that are wanted", () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 40 }),
      fc.integer({ min: 45, max: 300 }),
      (all, max) => {
        const payloads = write(all, max);
        expect(payloads.flatMap((payload) => read(payload)!)).toEqual(all);
        for (const payload of payloads) {
          expect(payload.length).toBeGreaterThan(0);
          expect(payload.length).toBeLessThanOrEqual(max);
        }
      },
    ),
  );
});

test("of one swarm take 23 bytes each", () => {
  const changes = Array.from({ length: 500 }, (_, n) => {
    return { infoHash: [1, 2, 3, 4, 5], peer: [n, 0, 0, 0, 0], flags: 0, age: 0 };
  });
  expect(write(changes, 12_000).map(({ length }) => length)).toEqual([22 + 500 * 23]);
});

test("an age has a maximum", () => {
  const [payload] = write(
    [{ infoHash: [1, 2, 3, 4, 5], peer: [1, 2, 3, 4, 5], flags: 1, age: 1e6 }],
    99,
  );
  expect(read(payload)![0].age).toBe(0xffff);
});

test("bytes that are not such a payload are refused as a whole", () => {
  const good = write(
    [1, 2, 3].map((n) => ({
      infoHash: [n >> 1, 2, 3, 4, 5],
      peer: [n, 2, 3, 4, 5],
      flags: 0,
      age: 9,
    })),
    999,
  )[0];
  expect(read(good)?.length).toBe(3);
  for (let length = 1; length < good.length; length++) {
    const cut = good.subarray(0, length);
    // A cut after a whole swarm is a payload, too.
    if (length !== 45) expect(read(cut)).toBeUndefined();
  }
  const flagged = Buffer.from(good);
  flagged[42] = 8;
  expect(read(flagged)).toBeUndefined();
  const empty = Buffer.from(good.subarray(0, 22));
  empty.writeUInt16LE(0, 20);
  expect(read(empty)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(Buffer.from(bytes))),
  );
});
