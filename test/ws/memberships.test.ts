import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MEMBERSHIP_WORDS, Memberships } from "../../src/ws/memberships.ts";

const AT = 3;

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
  const memberships = new Memberships(10);
  for (const slot of [0, 255, 256, 1_000_000]) {
    memberships.remove(slot, keyOf(1), AT);
    expect(drain(memberships, slot)).toEqual([]);
  }
});

test("what is added twice is there once", () => {
  const memberships = new Memberships(10);
  for (let i = 0; i < 3; i++) expect(tryAdd(memberships, 4, keyOf(8), AT)).toBe(true);
  expect(drain(memberships, 4)).toEqual([8]);
  expect(drain(memberships, 4)).toEqual([]);
});

test.each([0, 1, 2])("of three the one added as number %i is removed, and no other", (which) => {
  const memberships = new Memberships(10);
  for (const n of range(3)) memberships.add(0, keyOf(n), AT);
  memberships.remove(0, keyOf(7), AT);
  memberships.remove(0, keyOf(which), AT);
  memberships.remove(0, keyOf(which), AT);
  expect(drain(memberships, 0)).toEqual(range(3).filter((n) => n !== which));
});

describe("the limit", () => {
  test("refuses more, but not what is there already", () => {
    const memberships = new Memberships(3);
    for (const n of range(3)) expect(tryAdd(memberships, 0, keyOf(n), AT)).toBe(true);
    expect(tryAdd(memberships, 0, keyOf(3), AT)).toBe(false);
    for (const n of range(3)) expect(tryAdd(memberships, 0, keyOf(n), AT)).toBe(true);
    expect(tryAdd(memberships, 1, keyOf(3), AT)).toBe(true);
    expect(drain(memberships, 0)).toEqual([0, 1, 2]);
  });

  test("gives back what was removed, and all that was drained", () => {
    const memberships = new Memberships(3);
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
  const memberships = new Memberships(1000);
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

test("as a Map of Sets does it", () => {
  const MOST = 6;
  const step = fc.record({
    do: fc.constantFrom("add", "add", "add", "remove", "removeAny", "drain"),
    slot: fc.constantFrom(0, 1, 300),
    n: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const memberships = new Memberships(MOST);
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
