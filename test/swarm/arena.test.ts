import { describe, expect, test } from "bun:test";
import { Random } from "../../src/memory/random.ts";
import { Arena } from "../../src/swarm/arena.ts";
import { HEADER, type IdentityBytes, planTable, type TablePlan } from "../../src/swarm/layout.ts";
import { countUsed, listFree } from "./arena-audit.ts";

/** An arena of `units` units in an otherwise small table. */
function newArena(identityBytes: IdentityBytes, units: number) {
  const whole = planTable(identityBytes, { maxTorrents: 1, maxPeers: 1 });
  const unitWords = whole.peerWords << whole.unitSizeClass;
  const plan: TablePlan = { ...whole, units, words: whole.arena + units * unitWords };
  // The words after its end show whether it stays within them.
  const words = new Int32Array(new SharedArrayBuffer((plan.words + 64) * 4));
  words[HEADER.arenaFresh] = plan.arena;
  return { arena: new Arena(words, plan), plan, unitWords, words };
}

describe.each([4, 16, 20] as const)(
  "the arena of a table of %i-byte identities",
  (identityBytes) => {
    const { peerWords, unitSizeClass } = planTable(identityBytes, { maxTorrents: 1, maxPeers: 1 });
    const sizeOf = (sizeClass: number) => peerWords * 2 ** Math.max(sizeClass, unitSizeClass);

    test("allocates blocks at multiples of their sizes and fills the gaps later", () => {
      const { arena, plan, unitWords } = newArena(identityBytes, 16);
      const unitOf = (block: number) => (block - plan.arena) / unitWords;
      expect(unitOf(arena.allocateBlock(unitSizeClass))).toBe(0);
      expect(unitOf(arena.allocateBlock(unitSizeClass + 2))).toBe(4);
      expect(unitOf(arena.allocateBlock(unitSizeClass))).toBe(1);
      expect(unitOf(arena.allocateBlock(unitSizeClass + 1))).toBe(2);
      expect(unitOf(arena.allocateBlock(0))).toBe(8);
    });

    test("allocates directories with room for all of their entries", () => {
      const { arena, plan, words } = newArena(identityBytes, 4096);
      for (let bits = 1; bits <= 10; bits++) {
        const before = countUsed(words, plan);
        expect(arena.allocateDirectory(bits)).toBeGreaterThan(0);
        const size = countUsed(words, plan) - before;
        expect(size).toBeGreaterThanOrEqual(2 * 2 ** bits);
        expect(size).toBeLessThan(Math.max(4 * 2 ** bits, sizeOf(0) + 1));
      }
    });

    test("serves any size from memory freed in another", () => {
      const { arena, plan, unitWords, words } = newArena(identityBytes, 64);
      const allocateAll = (sizeClass: number): number[] => {
        const blocks: number[] = [];
        for (
          let block = arena.allocateBlock(sizeClass);
          block !== 0;
          block = arena.allocateBlock(sizeClass)
        ) {
          blocks.push(block);
        }
        expect(blocks.length * sizeOf(sizeClass)).toBe(64 * unitWords);
        return blocks;
      };
      for (const sizeClass of [0, 6, 3, 7, 0, 7]) {
        for (const block of allocateAll(sizeClass)) arena.freeBlock(block, sizeClass);
        expect(countUsed(words, plan)).toBe(0);
        // Everything has merged into one block.
        expect(listFree(words, plan)).toEqual([{ start: plan.arena, end: plan.words }]);
      }
      const directory = arena.allocateDirectory(3);
      arena.freeDirectory(directory, 3);
      expect(listFree(words, plan)).toHaveLength(1);
    });

    test("returns 0 when memory is used up, but still serves smaller and freed blocks", () => {
      const { arena, plan, unitWords, words } = newArena(identityBytes, 7);
      const first = arena.allocateBlock(unitSizeClass + 2);
      expect(arena.allocateBlock(unitSizeClass + 2)).toBe(0);
      expect(arena.allocateBlock(unitSizeClass + 1)).toBe(plan.arena + 4 * unitWords);
      expect(arena.allocateBlock(unitSizeClass + 1)).toBe(0);
      // The very last words can be allocated too.
      expect(arena.allocateBlock(unitSizeClass)).toBe(plan.arena + 6 * unitWords);
      expect(arena.allocateBlock(0)).toBe(0);
      expect(arena.allocateDirectory(0)).toBe(0);
      expect(words[HEADER.arenaFresh]).toBe(plan.words);
      arena.freeBlock(first, unitSizeClass + 2);
      expect(arena.allocateBlock(unitSizeClass + 3)).toBe(0);
      expect(arena.allocateBlock(unitSizeClass + 2)).toBe(first);
    });

    test("never allocates memory in use and loses none", () => {
      const { arena, plan, words } = newArena(identityBytes, 250);
      const random = new Random(identityBytes, 1, 2);
      const used: { block: number; sizeClass: number; isBlock: boolean; mark: number }[] = [];
      const size = (sizeClass: number, isBlock: boolean) =>
        isBlock ? sizeOf(sizeClass) : 2 * 2 ** sizeClass;
      let isRefused = false;
      for (let i = 0; i < 20_000; i++) {
        if (used.length > 0 && random.below(2) === 0) {
          const index = random.below(used.length);
          const [{ isBlock, sizeClass, mark, block }] = used.splice(index, 1);
          const content = words.subarray(block, block + size(sizeClass, isBlock));
          expect(content.every((word) => word === mark)).toBe(true);
          if (isBlock) arena.freeBlock(block, sizeClass);
          else arena.freeDirectory(block, sizeClass);
        } else {
          const sizeClass = unitSizeClass + random.below(5);
          const isBlock = random.below(3) > 0;
          const block = isBlock
            ? arena.allocateBlock(sizeClass)
            : arena.allocateDirectory(sizeClass);
          if (block === 0) isRefused = true;
          if (block === 0) continue;
          words.fill(i + 1, block, block + size(sizeClass, isBlock));
          used.push({ block, sizeClass, isBlock, mark: i + 1 });
        }
        if (i % 100 === 0) listFree(words, plan);
      }
      expect(isRefused).toBe(true);
      for (const { isBlock, sizeClass, block } of used) {
        if (isBlock) arena.freeBlock(block, sizeClass);
        else arena.freeDirectory(block, sizeClass);
      }
      expect(countUsed(words, plan)).toBe(0);
      expect(words.subarray(plan.words).every((word) => word === 0)).toBe(true);
      expect(words[HEADER.arenaLock]).toBe(0);
    });

    test("returns a large free block to the system only once between uses", () => {
      const { arena, plan, unitWords, words } = newArena(identityBytes, 2 ** 16);
      const order = Math.ceil(Math.log2(2 ** 18 / unitWords));
      const [first, second] = [1, 2].map(() => arena.allocateBlock(unitSizeClass + order));
      const returned: [number, number][] = [];
      const returnAll = () => {
        const before = returned.length;
        while (arena.returnBlock((word, count) => returned.push([word, count])));
        return returned.slice(before);
      };
      expect(returnAll()).toEqual([]);
      arena.freeBlock(first, unitSizeClass + order);
      expect(returnAll()).toEqual([[first, unitWords << order]]);
      expect(returnAll()).toEqual([]);
      const small = arena.allocateBlock(0);
      expect(small).toBe(first);
      arena.freeBlock(small, 0);
      expect(returnAll()).toEqual([[first, unitWords << order]]);
      arena.freeBlock(second, unitSizeClass + order);
      expect(returnAll()).toEqual([[first, unitWords << (order + 1)]]);
      expect(countUsed(words, plan)).toBe(0);
    });
  },
);
