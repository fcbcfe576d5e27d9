import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MEMBERSHIP_WORDS, Memberships } from "../../src/ws/memberships.ts";

const AT = 3;

function create(most: number): Memberships {
  return new Memberships(most, new Int32Array([1, 2]));
}

/** The membership number n, behind words that are none of its business. */
function keyOf(n: number): Int32Array {
  const words = new Int32Array(AT + MEMBERSHIP_WORDS).fill(-1, 0, AT);
  // Two that follow each other differ in the last word only, or in the first.
  words[AT] = n & 1;
  words[AT + MEMBERSHIP_WORDS - 1] = n >> 1;
  return words;
}

/** Takes all memberships of a slot. */
function drain(memberships: Memberships, slot: number): number[] {
  const found: number[] = [];
  const key = new Int32Array(AT + MEMBERSHIP_WORDS + 1).fill(-5);
  while (memberships.removeAny(slot, key, AT)) {
    const n = (key[AT + MEMBERSHIP_WORDS - 1] << 1) | key[AT];
    expect([...key.subarray(AT, AT + MEMBERSHIP_WORDS)]).toEqual([...keyOf(n).subarray(AT)]);
    expect([key[0], key[AT - 1], key[AT + MEMBERSHIP_WORDS]]).toEqual([-5, -5, -5]);
    found.push(n);
  }
  return found.toSorted((a, b) => a - b);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Adds a membership where there is room, and says whether there was. */
function tryAdd(memberships: Memberships, slot: number, key: Int32Array, at: number): boolean {
  const hasRoom = memberships.hasRoom(slot, key, at);
  if (hasRoom) memberships.add(slot, key, at);
  return hasRoom;
}

test("a slot without memberships has none to remove", () => {
  const memberships = create(10);
  for (const slot of [0, 255, 256, 1_000_000]) {
    memberships.remove(slot, keyOf(1), AT);
    expect(drain(memberships, slot)).toEqual([]);
  }
});

test("what is added twice is there once", () => {
  const memberships = create(10);
  for (let i = 0; i < 3; i++) expect(tryAdd(memberships, 4, keyOf(8), AT)).toBe(true);
  expect(drain(memberships, 4)).toEqual([8]);
  expect(drain(memberships, 4)).toEqual([]);
});

test.each([0, 1, 2])("of three the one added as number %i is removed, and no other", (which) => {
  const memberships = create(10);
  for (const n of range(3)) memberships.add(0, keyOf(n), AT);
  memberships.remove(0, keyOf(7), AT);
  memberships.remove(0, keyOf(which), AT);
  memberships.remove(0, keyOf(which), AT);
  expect(drain(memberships, 0)).toEqual(range(3).filter((n) => n !== which));
});

describe("the limit", () => {
  test("refuses more, but not what is there already", () => {
    const memberships = create(3);
    for (const n of range(3)) expect(tryAdd(memberships, 0, keyOf(n), AT)).toBe(true);
    expect(tryAdd(memberships, 0, keyOf(3), AT)).toBe(false);
    for (const n of range(3)) expect(tryAdd(memberships, 0, keyOf(n), AT)).toBe(true);
    expect(tryAdd(memberships, 1, keyOf(3), AT)).toBe(true);
    expect(drain(memberships, 0)).toEqual([0, 1, 2]);
  });

  test("gives back what was removed, and all that was drained", () => {
    const memberships = create(3);
    for (const n of range(3)) memberships.add(0, keyOf(n), AT);
    memberships.remove(0, keyOf(9), AT);
    expect(tryAdd(memberships, 0, keyOf(3), AT)).toBe(false);
    memberships.remove(0, keyOf(1), AT);
    expect(tryAdd(memberships, 0, keyOf(3), AT)).toBe(true);
    expect(tryAdd(memberships, 0, keyOf(4), AT)).toBe(false);
    expect(drain(memberships, 0)).toEqual([0, 2, 3]);
    for (const n of range(3)) expect(tryAdd(memberships, 0, keyOf(n), AT)).toBe(true);
    expect(tryAdd(memberships, 0, keyOf(3), AT)).toBe(false);
  });
});

test("the memory grows with memberships and with slots, and loses none", () => {
  const memberships = create(1000);
  const slots = [0, 1, 255, 256, 257, 511, 512, 5000];
  for (const n of range(300)) {
    for (const slot of slots) memberships.add(slot, keyOf(n * slots.length + slot), AT);
  }
  for (const slot of slots) {
    expect(drain(memberships, slot)).toEqual(range(300).map((n) => n * slots.length + slot));
  }
  // What is free is used again.
  for (const n of range(3000)) memberships.add(n % 7, keyOf(n), AT);
  for (const slot of range(7)) {
    expect(drain(memberships, slot)).toEqual(range(3000).filter((n) => n % 7 === slot));
  }
});

test("many of one connection, in any order, are found and removed", () => {
  const COUNT = 100_000;
  const memberships = create(COUNT);
  for (const n of range(COUNT)) {
    expect(tryAdd(memberships, 3, keyOf(n), AT)).toBe(true);
    if (n % 1000 === 0) memberships.add(4, keyOf(n), AT);
  }
  expect(memberships.count(3)).toBe(COUNT);
  expect(memberships.hasRoom(3, keyOf(COUNT), AT)).toBe(false);
  for (let n = 0; n < COUNT; n += 2) memberships.remove(3, keyOf((n * 7919) % COUNT), AT);
  expect(memberships.count(3)).toBe(COUNT / 2);
  expect(drain(memberships, 3)).toEqual(range(COUNT).filter((n) => n % 2 === 1));
  expect(drain(memberships, 4)).toEqual(range(100).map((n) => n * 1000));
});

describe("the oldest", () => {
  const readOldest = (memberships: Memberships): number => {
    const key = new Int32Array(AT + MEMBERSHIP_WORDS);
    memberships.readOldest(0, key, AT);
    return (key[AT + MEMBERSHIP_WORDS - 1] << 1) | key[AT];
  };

  test("is the one that was added first, and may be renewed", () => {
    const memberships = create(10);
    for (const n of range(3)) memberships.add(0, keyOf(n), AT);
    for (const expected of [0, 1, 2, 0]) {
      expect(readOldest(memberships)).toBe(expected);
      memberships.renewOldest(0);
    }
    memberships.add(0, keyOf(3), AT);
    // It comes behind what was renewed before.
    for (const expected of [1, 2, 0, 3]) {
      expect(readOldest(memberships)).toBe(expected);
      memberships.remove(0, keyOf(expected), AT);
    }
    expect(memberships.count(0)).toBe(0);
  });

  test("of one is that one", () => {
    const memberships = create(10);
    memberships.add(0, keyOf(7), AT);
    memberships.renewOldest(0);
    expect(readOldest(memberships)).toBe(7);
    expect(drain(memberships, 0)).toEqual([7]);
  });
});

test("when a connection was checked is forgotten with its last peer", () => {
  const memberships = create(10);
  for (const n of range(2)) memberships.add(0, keyOf(n), AT);
  expect(memberships.checkedAt(0)).toBe(0);
  memberships.noteCheck(0, 77);
  memberships.remove(0, keyOf(0), AT);
  expect(memberships.checkedAt(0)).toBe(77);
  memberships.remove(0, keyOf(1), AT);
  memberships.add(0, keyOf(1), AT);
  expect(memberships.checkedAt(0)).toBe(0);
});

test("as a Map of Sets does it", () => {
  const MOST = 6;
  const step = fc.record({
    do: fc.constantFrom("add", "add", "add", "remove", "removeAny", "drain"),
    slot: fc.constantFrom(0, 1, 300),
    n: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const memberships = create(MOST);
      const model = new Map([0, 1, 300].map((slot) => [slot, new Set<number>()]));
      const sorted = (set: Set<number>): number[] => [...set].toSorted((a, b) => a - b);
      for (const { do: what, slot, n } of steps) {
        const set = model.get(slot)!;
        if (what === "add") {
          const fits = set.has(n) || set.size < MOST;
          if (fits) set.add(n);
          expect(tryAdd(memberships, slot, keyOf(n), AT)).toBe(fits);
        } else if (what === "remove") {
          set.delete(n);
          memberships.remove(slot, keyOf(n), AT);
        } else if (what === "removeAny") {
          const key = new Int32Array(AT + MEMBERSHIP_WORDS);
          expect(memberships.removeAny(slot, key, AT)).toBe(set.size > 0);
          if (set.size === 0) continue;
          expect(set.delete((key.at(-1)! << 1) | key[AT])).toBe(true);
        } else {
          expect(drain(memberships, slot)).toEqual(sorted(set));
          set.clear();
        }
      }
      for (const [slot, set] of model) expect(drain(memberships, slot)).toEqual(sorted(set));
    }),
  );
});
