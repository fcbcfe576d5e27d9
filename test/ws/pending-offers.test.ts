import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  allocatePendingOffers,
  OFFER,
  OFFER_SECONDS,
  PendingOffers,
} from "../../src/ws/pending-offers.ts";

const key = new Int32Array([1, -2, 3, -4]);

/** An offer whose ids differ by one word each. */
function nameOffer({ infoHash = 1, answerer = 2, offerer = 3, id = 4 } = {}): Int32Array {
  const words = new Int32Array(OFFER.words).fill(-7);
  words[OFFER.infoHash] = infoHash;
  words[OFFER.answerer + 4] = answerer;
  words[OFFER.offerer + 1] = offerer;
  words[OFFER.id + 4] = id;
  return words;
}

function create(most = 100): PendingOffers {
  return new PendingOffers(allocatePendingOffers(most, key));
}

test("an offer is answered once", () => {
  const pending = create();
  expect(pending.take(nameOffer(), 0)).toBe(false);
  pending.add(nameOffer(), 0);
  expect(pending.take(nameOffer(), 0)).toBe(true);
  expect(pending.take(nameOffer(), 0)).toBe(false);
});

test("an offer made again is answered again, but only once", () => {
  const pending = create();
  pending.add(nameOffer(), 5);
  pending.add(nameOffer(), 6);
  expect(pending.take(nameOffer(), 6)).toBe(true);
  expect(pending.take(nameOffer(), 6)).toBe(false);
  pending.add(nameOffer(), 7);
  expect(pending.take(nameOffer(), 7)).toBe(true);
});

test.each([0, 1, 65_500, 2 ** 31 - 100])("within a minute of second %i, not after", (start) => {
  for (const [age, isTaken] of [
    [OFFER_SECONDS - 1, true],
    [OFFER_SECONDS, true],
    [OFFER_SECONDS + 1, false],
    [OFFER_SECONDS + 30, false],
  ] as const) {
    const pending = create();
    pending.add(nameOffer(), start);
    expect(pending.take(nameOffer(), start + age)).toBe(isTaken);
    expect(pending.take(nameOffer(), start)).toBe(false);
  }
});

test("the minute counts from the last time that it was passed on", () => {
  const pending = create();
  pending.add(nameOffer(), 10);
  pending.add(nameOffer(), 50);
  expect(pending.take(nameOffer(), 10 + OFFER_SECONDS + 1)).toBe(true);
});

test.each(["infoHash", "answerer", "offerer", "id"])("not with another %s", (part) => {
  const pending = create();
  pending.add(nameOffer(), 0);
  expect(pending.take(nameOffer({ [part]: 9 }), 0)).toBe(false);
  expect(pending.take(nameOffer(), 0)).toBe(true);
});

test("every one of its words names an offer", () => {
  const pending = create();
  for (let i = 0; i < OFFER.words; i++) {
    pending.add(nameOffer(), 0);
    const other = nameOffer();
    other[i] ^= 0x40000000;
    expect(pending.take(other, 0)).toBe(false);
    expect(pending.take(nameOffer(), 0)).toBe(true);
  }
});

test("one thread's view knows what another has noted", () => {
  const memory = allocatePendingOffers(1000, key);
  const [one, other] = [new PendingOffers(memory), new PendingOffers(memory)];
  for (let id = 0; id < 50; id++) one.add(nameOffer({ id }), 3);
  for (let id = 0; id < 50; id++) {
    expect(other.take(nameOffer({ id }), 4)).toBe(true);
    expect(one.take(nameOffer({ id }), 4)).toBe(false);
  }
});

describe("a full table", () => {
  const ids = Array.from({ length: 5000 }, (_, id) => id);

  test("forgets the oldest of a set, and keeps five of each", () => {
    // The least there is: 64 sets of five.
    const pending = create(1);
    for (const id of ids) pending.add(nameOffer({ id }), id);
    const now = ids.length;
    const kept = ids.filter((id) => pending.take(nameOffer({ id }), Math.min(now, id + 60)));
    expect(kept.length).toBe(64 * 5);
    // By chance a set sees few offers, but none of the first half is left.
    expect(kept[0]).toBeGreaterThan(2500);
    expect(kept.at(-1)).toBe(4999);
  });

  test("keeps four of a set when one more arrives, and lets go of the first", () => {
    const pending = create(1);
    const set = findSet(6);
    for (const [second, id] of set.entries()) pending.add(nameOffer({ id }), second);
    const kept = set.filter((id) => pending.take(nameOffer({ id }), 6));
    expect(kept).toEqual(set.slice(1));
  });

  test("uses first the place of one that was answered", () => {
    const pending = create(1);
    const [last, ...set] = findSet(6);
    for (const [second, id] of set.entries()) pending.add(nameOffer({ id }), second);
    expect(pending.take(nameOffer({ id: set[2] }), 6)).toBe(true);
    pending.add(nameOffer({ id: last }), 6);
    const kept = [...set, last].filter((id) => pending.take(nameOffer({ id }), 6));
    expect(kept).toEqual([set[0], set[1], set[3], set[4], last]);
  });

  /** Ids of offers that fall into one set: those among many that push the first one out. */
  function findSet(size: number): number[] {
    const first = 0;
    const set = [first];
    for (let id = 1; set.length < size; id++) if (isInSet(first, id)) set.push(id);
    return set;
  }

  /** Whether two offers share a set, seen by where they write. */
  function isInSet(a: number, b: number): boolean {
    const lines = [a, b].map((id) => {
      const memory = allocatePendingOffers(1, key);
      new PendingOffers(memory).add(nameOffer({ id }), 0);
      return new Int32Array(memory.buffer).findIndex((word) => word !== 0) >> 4;
    });
    return lines[0] === lines[1];
  }
});

type Step = { readonly id: number; readonly isAnswer: boolean; readonly pause: number };

test("as a Map does it", () => {
  const step: fc.Arbitrary<Step> = fc.record({
    id: fc.nat(6),
    isAnswer: fc.boolean(),
    pause: fc.oneof(fc.constant(0), fc.nat(40)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(100), (steps, start) => {
      // So many sets that seven offers do not fill one.
      const pending = create(1000);
      const model = new Map<number, number>();
      let now = start;
      for (const { id, isAnswer, pause } of steps) {
        now += pause;
        if (isAnswer) {
          const since = model.get(id);
          model.delete(id);
          const isPending = since !== undefined && now - since <= 60;
          expect(pending.take(nameOffer({ id }), now)).toBe(isPending);
        } else {
          model.set(id, now);
          pending.add(nameOffer({ id }), now);
        }
      }
    }),
  );
});
