// Reads the free lists of a table's arena with slow, independent code, and finds memory that is
// lost, listed twice, or listed with a wrong size or mark.

import { HEADER, type TablePlan } from "../../src/swarm/layout.ts";

const ORDERS = 32;

interface Stretch {
  start: number;
  end: number;
}

/** Returns all free blocks in order. Throws if a list, a mark or a block is wrong. */
export function listFree(words: Int32Array, plan: TablePlan): Stretch[] {
  const unitWords = plan.peerWords * 2 ** plan.unitSizeClass;
  const marks = new Uint8Array(words.buffer, plan.arenaMarks * 4, plan.units);
  const free: Stretch[] = [];
  for (let order = 0; order < ORDERS; order++) {
    const first = words[HEADER.arenaFree + order];
    if (((words[HEADER.arenaOrders] >>> order) & 1) !== (first === 0 ? 0 : 1)) {
      throw new Error(`order ${order} has a wrong bit`);
    }
    let previous = 0;
    for (let block = first; block !== 0; block = words[block]) {
      const unit = (block - plan.arena) / unitWords;
      if (words[block + 1] !== previous)
        throw new Error(`${block} does not link back to ${previous}`);
      if ((marks[unit] & ~0x40) !== (0x80 | order)) throw new Error(`unit ${unit} is not marked`);
      if (unit % 2 ** order !== 0) throw new Error(`unit ${unit} is not aligned to order ${order}`);
      const buddy = unit ^ (2 ** order);
      if ((marks[buddy] & ~0x40) === (0x80 | order)) throw new Error(`${unit} has a free buddy`);
      free.push({ start: block, end: block + unitWords * 2 ** order });
      if (free.length > plan.words) throw new Error(`the list of order ${order} has no end`);
      previous = block;
    }
  }
  const marked = marks.filter((mark) => mark !== 0).length;
  if (marked !== free.length) throw new Error(`${marked} marks for ${free.length} free blocks`);
  free.sort((a, b) => a.start - b.start);
  for (let i = 1; i < free.length; i++) {
    if (free[i].start < free[i - 1].end) throw new Error(`${free[i].start} is in two blocks`);
  }
  return free;
}

/** Words that were allocated and are in no free list. */
export function countUsed(words: Int32Array, plan: TablePlan): number {
  const fresh = words[HEADER.arenaFresh];
  const free = listFree(words, plan);
  const outside = free.find(({ start, end }) => start < plan.arena || end > fresh);
  if (outside !== undefined) throw new Error(`a block at ${outside.start} is not in the arena`);
  return fresh - plan.arena - free.reduce((sum, { start, end }) => sum + end - start, 0);
}
