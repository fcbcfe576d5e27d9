// Reads the free lists of a table's arena, slowly and without its code, and finds whatever is lost,
// listed twice, or listed with a wrong size.

import { HEADER, type TablePlan } from "../../src/swarm/layout.ts";

const KINDS = 64;
const DIRECTORIES = 32;

interface Stretch {
  start: number;
  end: number;
}

/** All blocks that wait in free lists, by their offset. Throws when two of them overlap. */
export function listFree(words: Int32Array, plan: TablePlan): Stretch[] {
  const free: Stretch[] = [];
  for (let kind = 0; kind < KINDS; kind++) {
    const size = kind < DIRECTORIES ? plan.peerWords * 2 ** kind : 2 * 2 ** (kind - DIRECTORIES);
    for (let at = words[HEADER.arenaFree + kind]; at !== 0; at = words[at]) {
      free.push({ start: at, end: at + size });
      if (free.length > plan.words) throw new Error(`the list of kind ${kind} has no end`);
    }
  }
  free.sort((a, b) => a.start - b.start);
  for (let i = 1; i < free.length; i++) {
    if (free[i].start < free[i - 1].end) throw new Error(`${free[i].start} is in two blocks`);
  }
  return free;
}

/** Words that were handed out and are in no free list. */
export function countUsed(words: Int32Array, plan: TablePlan): number {
  const fresh = words[HEADER.arenaFresh];
  const free = listFree(words, plan);
  const outside = free.find(({ start, end }) => start < plan.arena || end > fresh);
  if (outside !== undefined) throw new Error(`a block at ${outside.start} is not of the arena`);
  return fresh - plan.arena - free.reduce((sum, { start, end }) => sum + end - start, 0);
}
