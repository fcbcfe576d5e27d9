// When is a matter of sizes, which a heap of numbers has as well.

import { expect, test } from "bun:test";
import { Collector } from "../../src/ws/collector.ts";

const MB = 2 ** 20;
const SHARED = 700 * MB;

function createHeap() {
  const collections: string[] = [];
  const heap = {
    bytes: SHARED,
    /** What a collection of all leaves. */
    inUse: SHARED,
    collectNew: () => void collections.push("new"),
    collectAll: () => {
      collections.push("all");
      heap.bytes = heap.inUse;
    },
    size: () => heap.bytes,
    /** The collections since this was asked last. */
    take: () => collections.splice(0),
  };
  return heap;
}

test("what is new is collected every 16 MB of messages, however they come", () => {
  const heap = createHeap();
  const collector = new Collector(heap);
  for (let mb = 1; mb < 16; mb++) collector.note(MB);
  expect(heap.take()).toEqual([]);
  collector.note(MB);
  expect(heap.take()).toEqual(["new"]);
  collector.note(16 * MB - 1);
  expect(heap.take()).toEqual([]);
  collector.note(1);
  expect(heap.take()).toEqual(["new"]);
});

test("all is collected when what is in use has doubled, shared memory apart", () => {
  const heap = createHeap();
  const collector = new Collector(heap);
  const noteAt = (bytes: number): string[] => {
    heap.bytes = SHARED + bytes;
    collector.note(16 * MB);
    return heap.take();
  };
  expect(noteAt(32 * MB - 1)).toEqual(["new"]);
  heap.inUse = SHARED + 100 * MB;
  expect(noteAt(150 * MB)).toEqual(["new", "all"]);
  expect(noteAt(200 * MB - 1)).toEqual(["new"]);
  heap.inUse = SHARED + 5 * MB;
  expect(noteAt(200 * MB)).toEqual(["new", "all"]);
  expect(noteAt(31 * MB)).toEqual(["new"]);
  expect(noteAt(32 * MB)).toEqual(["new", "all"]);
});

test("the runtime's own heap is collected", async () => {
  const makeGarbage = () => Array.from({ length: 1000 }, () => new WeakRef({}));
  // A collection of the runtime's own, in between, would make what is new old.
  for (let attempt = 0; attempt < 10; attempt++) {
    const references = makeGarbage();
    // They hold their objects until the end of the job that made them.
    await Bun.sleep(0);
    new Collector().note(16 * MB);
    // But for those whose addresses happen to lie about.
    if (references.filter((each) => each.deref() !== undefined).length < 100) return;
  }
  throw new Error("nothing was collected");
});
