import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  AccessList,
  AccessListWriter,
  type AccessMode,
  allocateAccessList,
} from "../../src/swarm/access-list.ts";

function fill(memory: SharedArrayBuffer, hashes: Int32Array[], mode: AccessMode): AccessListWriter {
  const writer = new AccessListWriter(memory);
  writer.begin(hashes.length);
  for (const hash of hashes) writer.add(hash, 0);
  writer.commit(mode);
  return writer;
}

const hash = (...words: number[]): Int32Array => new Int32Array(5).map((_, i) => words[i] ?? 0);

describe("an access list", () => {
  test("that is off allows everything", () => {
    const list = new AccessList(allocateAccessList(10));
    expect([list.allows(hash(1), 0), list.allows(hash(), 0), list.size]).toEqual([true, true, 0]);
  });

  test("allows or denies what is in it, all zeros too", () => {
    const memory = allocateAccessList(10);
    const list = new AccessList(memory);
    for (const listed of [[hash(1)], [hash(1), hash()]]) {
      fill(memory, listed, "allow");
      const known = [hash(1), hash(), hash(2), hash(1, 1)];
      const allowed = known.map((one) => list.allows(one, 0));
      expect(allowed).toEqual([true, listed.length === 2, false, false]);
      expect(list.size).toBe(listed.length);
      fill(memory, listed, "deny");
      expect(known.map((one) => !list.allows(one, 0))).toEqual(allowed);
    }
    fill(memory, [], "allow");
    expect([list.allows(hash(1), 0), list.size]).toEqual([false, 0]);
  });

  test("holds any set of info hashes, once each", () => {
    const words = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(words, { maxLength: 200 }), fc.array(words), (listed, asked) => {
        const memory = allocateAccessList(200);
        fill(memory, [hash(9)], "deny");
        const writer = fill(
          memory,
          listed.map((one) => hash(...one)),
          "allow",
        );
        const model = new Set(listed.map(String));
        expect(writer.size).toBe(model.size);
        for (const one of [...listed, ...asked, [9, 0, 0, 0, 0]]) {
          expect(writer.allows(hash(...one), 0)).toBe(model.has(String(one)));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("refuses more than it has room for, and the list before stays in force", () => {
    const memory = allocateAccessList(100);
    const writer = fill(memory, [hash(1)], "allow");
    expect(writer.maxHashes).toBe(100);
    expect(() => writer.begin(101)).toThrow("more than 100 info hashes");
    expect([writer.allows(hash(1), 0), writer.allows(hash(2), 0)]).toEqual([true, false]);
  });

  test("takes at most 32 bytes for each info hash, in each half", () => {
    const bytes = (hashes: number) => allocateAccessList(hashes).byteLength;
    expect((bytes(1_000_000) - bytes(0)) / 2 / 1_000_000).toBeLessThanOrEqual(32);
  });

  test("gives back the memory of the list before", () => {
    const memory = allocateAccessList(100);
    const cleared: number[] = [];
    const writer = new AccessListWriter(memory, (_word, count) => cleared.push(count));
    writer.begin(10);
    writer.commit("deny");
    expect(cleared).toEqual([]);
    writer.begin(1);
    writer.commit("deny");
    expect(cleared).toEqual([17 * 5]);
  });
});
