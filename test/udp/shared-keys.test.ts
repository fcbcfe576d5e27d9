// Connection ids of one cluster: nodes with clocks of their own, started at different times.

import { describe, expect, test } from "bun:test";
import { CONNECTION_KEY_WORDS, ConnectionIds, keyPeriod } from "../../src/udp/connection-id.ts";
import {
  MAX_SKEW_SECONDS,
  type SharedSecret,
  shareConnectionKeys,
} from "../../src/udp/shared-keys.ts";

const MAX_AGE = 300;
const SECRET: SharedSecret = { secret: "0123456789abcdef", name: "tracker" };
/** A Unix time at which a period begins. */
const BOUNDARY = 1_577_836_800 + 3600 * 60_000;

/**
 * A node whose clock is `skew` seconds ahead, and whose process started at the true time `start`.
 */
class Node {
  readonly keys = new Int32Array(CONNECTION_KEY_WORDS);
  readonly #ids: ConnectionIds;

  constructor(
    readonly start: number,
    public skew = 0,
    readonly secret = SECRET,
    readonly maxAge = MAX_AGE,
  ) {
    this.tick(start);
    this.#ids = new ConnectionIds(this.keys, maxAge, MAX_SKEW_SECONDS);
  }

  tick(time: number): number {
    const now = Math.floor(time - this.start);
    shareConnectionKeys(this.keys, this.secret, this.maxAge, now, time + this.skew);
    return now;
  }

  write(time: number): Int32Array {
    const id = new Int32Array(2);
    this.#ids.write(id, 0, new Int32Array([7]), 0, 1, this.tick(time));
    return id;
  }

  accepts(id: Int32Array, time: number, address = 7): boolean {
    return this.#ids.isValid(id, 0, new Int32Array([address]), 0, 1, this.tick(time));
  }
}

describe("an id of one node at another", () => {
  test.each([
    [0, 0],
    [60, 0],
    [0, 60],
    [-60, 0],
    [0, -60],
    [-45, 45],
    [45, -45],
  ])("is valid if the clocks are %i and %i seconds ahead", (a, b) => {
    for (let time = BOUNDARY - 500; time <= BOUNDARY + 500; time += 17) {
      const first = new Node(BOUNDARY - 5000, a);
      const second = new Node(time - 600, b);
      const id = first.write(time);
      for (const age of [0, 1, 150, MAX_AGE]) {
        expect(second.accepts(id, time + age)).toBe(true);
        expect(second.accepts(id, time + age, 8)).toBe(false);
      }
    }
  });

  test.each([-60, 60])("is valid, whether it is old or new, at a skew of %i seconds", (skew) => {
    const first = new Node(BOUNDARY - 9000);
    const second = new Node(BOUNDARY - 100, skew);
    for (let time = BOUNDARY - 90; time < BOUNDARY + 90; time++) {
      for (const [from, to] of [
        [first, second],
        [second, first],
      ]) {
        expect(to.accepts(from.write(time), time)).toBe(true);
        expect(to.accepts(from.write(time), time + MAX_AGE)).toBe(true);
      }
    }
  });

  test("expires, and is refused if it is too far in the future", () => {
    const first = new Node(BOUNDARY - 9000);
    const second = new Node(BOUNDARY - 10);
    const time = BOUNDARY + 1000;
    const id = first.write(time);
    expect(second.accepts(id, time + MAX_AGE + MAX_SKEW_SECONDS)).toBe(true);
    expect(second.accepts(id, time + MAX_AGE + MAX_SKEW_SECONDS + 1)).toBe(false);
    expect(second.accepts(id, time - MAX_SKEW_SECONDS)).toBe(true);
    expect(second.accepts(id, time - MAX_SKEW_SECONDS - 1)).toBe(false);
  });

  test("with the longest age, is valid across the change of the key", () => {
    const maxAge = 86_400;
    const period = keyPeriod(maxAge + MAX_SKEW_SECONDS);
    const boundary = 1_577_836_800 + period * 2500;
    const first = new Node(boundary - 100, -60, SECRET, maxAge);
    const second = new Node(boundary - 100, 20, SECRET, maxAge);
    for (let offset = -100; offset < 100; offset += 9) {
      const id = first.write(boundary + offset);
      expect(second.accepts(id, boundary + offset + maxAge)).toBe(true);
    }
  });

  test("is invalid with another secret, another name or one bit flipped", () => {
    const time = BOUNDARY + 100;
    const id = new Node(BOUNDARY).write(time);
    expect(new Node(BOUNDARY).accepts(id, time)).toBe(true);
    expect(new Node(BOUNDARY, 0, { ...SECRET, secret: "another" }).accepts(id, time)).toBe(false);
    expect(new Node(BOUNDARY, 0, { ...SECRET, name: "another" }).accepts(id, time)).toBe(false);
    for (let bit = 0; bit < 64; bit++) {
      const turned = id.slice();
      turned[bit >> 5] ^= 1 << (bit & 31);
      expect(new Node(BOUNDARY).accepts(turned, time)).toBe(false);
    }
  });
});

describe("the keys", () => {
  test("follow a step of the wall clock, and nothing smaller", () => {
    const other = new Node(BOUNDARY - 100);
    const node = new Node(BOUNDARY - 7000, 20_000);
    expect(node.accepts(other.write(BOUNDARY), BOUNDARY)).toBe(false);
    node.skew = 1;
    expect(node.accepts(other.write(BOUNDARY + 1), BOUNDARY + 1)).toBe(true);
    const before = [...node.keys];
    node.skew = 2;
    node.tick(BOUNDARY + 2);
    expect([...node.keys]).toEqual(before);
    node.skew = 3;
    node.tick(BOUNDARY + 2);
    expect([...node.keys]).not.toEqual(before);
  });

  test("are those of three periods, and different", () => {
    const keys = (time: number) => [...new Node(time).keys.subarray(0, 12)];
    const [first, next] = [keys(BOUNDARY), keys(BOUNDARY + 3600)];
    const hash = (words: number[], slot: number) => words.slice(slot * 4, slot * 4 + 3).join();
    const slots = [0, 1, 2];
    expect(new Set(slots.map((slot) => first.slice(slot * 4 + 1, slot * 4 + 3).join())).size).toBe(
      3,
    );
    // One hour later, two of them are the same.
    expect(slots.filter((slot) => hash(first, slot) === hash(next, slot)).length).toBe(2);
  });
});
