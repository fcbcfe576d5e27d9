import { describe, expect, test } from "bun:test";
import { Random } from "../../src/memory/random.ts";
import { Arena } from "../../src/swarm/arena.ts";
import { HEADER, type IdentityBytes, planTable, type TablePlan } from "../../src/swarm/layout.ts";
import { countUsed, listFree } from "./arena-audit.ts";

/** An arena of so many words, of a table otherwise small. */
function newArena(identityBytes: IdentityBytes, size: number) {
  const whole = planTable(identityBytes, { maxTorrents: 1, maxPeers: 1 });
  const plan: TablePlan = { ...whole, words: whole.arena + size };
  // Words behind its end show whether it keeps to it.
  const words = new Int32Array(new SharedArrayBuffer((plan.words + 64) * 4));
  words[HEADER.arenaFresh] = plan.arena;
  return { arena: new Arena(words, plan), plan, words };
}

describe.each([4, 16, 20] as const)(
  "the arena for peers of %i-byte identities",
  (identityBytes) => {
    const { peerWords } = planTable(identityBytes, { maxTorrents: 1, maxPeers: 1 });

    test("hands out blocks and directories one behind the other, of their sizes", () => {
      const { arena, plan } = newArena(identityBytes, 1000);
      const offsets = [
        arena.allocateBlock(0),
        arena.allocateBlock(3),
        arena.allocateDirectory(1),
        arena.allocateDirectory(4),
        arena.allocateBlock(0),
      ];
      const sizes = [peerWords, 8 * peerWords, 4, 32];
      const expected = [plan.arena];
      for (const size of sizes) expected.push(expected.at(-1)! + size);
      expect(offsets).toEqual(expected);
    });

    test("hands freed ones out again, the last one first, only as what they were", () => {
      const { arena, plan, words } = newArena(identityBytes, 1000);
      const blocks = [2, 2, 2].map((kind) => arena.allocateBlock(kind));
      const directory = arena.allocateDirectory(2);
      const fresh = words[HEADER.arenaFresh];
      for (const block of blocks) arena.freeBlock(block, 2);
      arena.freeDirectory(directory, 2);
      expect(countUsed(words, plan)).toBe(0);
      expect(listFree(words, plan)).toHaveLength(4);
      expect([2, 2, 2].map((kind) => arena.allocateBlock(kind))).toEqual(blocks.toReversed());
      expect(arena.allocateDirectory(2)).toBe(directory);
      expect(words[HEADER.arenaFresh]).toBe(fresh);
      expect(arena.allocateBlock(2)).toBe(fresh);
      // Of another kind than those that wait.
      arena.freeBlock(blocks[0], 2);
      expect(arena.allocateBlock(1)).toBe(fresh + 4 * peerWords);
      expect(arena.allocateDirectory(3)).toBe(fresh + 6 * peerWords);
    });

    test("gives 0 when memory is used up, and smaller or freed blocks even then", () => {
      const { arena, plan, words } = newArena(identityBytes, 7 * peerWords);
      const first = arena.allocateBlock(2);
      expect(arena.allocateBlock(2)).toBe(0);
      expect(arena.allocateBlock(1)).toBe(plan.arena + 4 * peerWords);
      expect(arena.allocateBlock(1)).toBe(0);
      // The very last words are used as well.
      expect(arena.allocateBlock(0)).toBe(plan.arena + 6 * peerWords);
      expect(arena.allocateBlock(0)).toBe(0);
      expect(arena.allocateDirectory(0)).toBe(0);
      expect(words[HEADER.arenaFresh]).toBe(plan.words);
      arena.freeBlock(first, 2);
      expect(arena.allocateBlock(1)).toBe(0);
      expect(arena.allocateBlock(2)).toBe(first);
    });

    test("never hands out what is in use, and loses nothing", () => {
      const { arena, plan, words } = newArena(identityBytes, 4000);
      const random = new Random(identityBytes, 1, 2);
      const used: { offset: number; kind: number; isBlock: boolean; mark: number }[] = [];
      const sizeOf = (kind: number, isBlock: boolean) => (isBlock ? peerWords : 2) * 2 ** kind;
      for (let i = 0; i < 20_000; i++) {
        if (used.length > 0 && random.below(2) === 0) {
          const at = random.below(used.length);
          const [{ isBlock, kind, mark, offset }] = used.splice(at, 1);
          const content = words.subarray(offset, offset + sizeOf(kind, isBlock));
          expect(content.every((word) => word === mark)).toBe(true);
          if (isBlock) arena.freeBlock(offset, kind);
          else arena.freeDirectory(offset, kind);
        } else {
          const kind = random.below(6);
          const isBlock = random.below(3) > 0;
          const offset = isBlock ? arena.allocateBlock(kind) : arena.allocateDirectory(kind);
          if (offset === 0) continue;
          words.fill(i + 1, offset, offset + sizeOf(kind, isBlock));
          used.push({ offset, kind, isBlock, mark: i + 1 });
        }
      }
      const inUse = used.reduce((sum, { isBlock, kind }) => sum + sizeOf(kind, isBlock), 0);
      expect(countUsed(words, plan)).toBe(inUse);
      expect(words.subarray(plan.words).every((word) => word === 0)).toBe(true);
      expect(words[HEADER.arenaLock]).toBe(0);
    });
  },
);
