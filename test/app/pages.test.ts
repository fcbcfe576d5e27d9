// Memory that returns to the system, on Linux.

import { describe, expect, test } from "bun:test";
import { type Pointer, ptr } from "bun:ffi";
import { openLibc } from "../../src/app/libc.ts";
import { createPageReturner } from "../../src/app/pages.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { planTable } from "../../src/swarm/layout.ts";
import { TableHarness } from "../swarm/harness.ts";

/** The words of a page on the system with the largest pages. */
const PAGE_WORDS = 16_384;
/** The page size of Linux on x64 and of most on arm64. */
const PAGE_BYTES = 4096;

/** Bytes of these words that are in memory. */
function countResidentBytes(words: Int32Array): number {
  const mincore = openLibc({ mincore: { args: ["ptr", "usize", "ptr"], returns: "i32" } })!.mincore;
  const start = Math.ceil(ptr(words) / PAGE_BYTES) * PAGE_BYTES;
  const pages = new Uint8Array(Math.floor((ptr(words) + words.byteLength - start) / PAGE_BYTES));
  expect(mincore(start as Pointer, pages.length * PAGE_BYTES, pages)).toBe(0);
  return pages.reduce((sum, page) => sum + (page & 1), 0) * PAGE_BYTES;
}

describe.if(process.platform === "linux")("returned pages", () => {
  test("read as zeros, and their neighbours are unchanged", () => {
    const words = new Int32Array(new SharedArrayBuffer(PAGE_WORDS * 4 * 8)).fill(7);
    createPageReturner(words)(PAGE_WORDS - 5, PAGE_WORDS * 4);
    expect(words.subarray(0, PAGE_WORDS).every((word) => word === 7)).toBe(true);
    expect(words.subarray(PAGE_WORDS, PAGE_WORDS * 4).every((word) => word === 0)).toBe(true);
    expect(words.subarray(PAGE_WORDS * 5).every((word) => word === 7)).toBe(true);
  });

  test("are none if the region has no whole page", () => {
    const words = new Int32Array(new SharedArrayBuffer(PAGE_WORDS * 4)).fill(7);
    createPageReturner(words)(5, 1000);
    expect(words.every((word) => word === 7)).toBe(true);
  });

  test.each([
    ["torrents", 300_000, 1],
    ["peers of large swarms", 40, 20_000],
  ])("are most of the memory that a spike of %s took", (_, torrents, peersEach) => {
    const limits = { maxTorrents: 400_000, maxPeers: 1_000_000 };
    const harness = new TableHarness(16, limits);
    const { words } = harness.table;
    const returnPages = createPageReturner(words);
    // The runtime may have zeroed memory of an earlier test.
    const start = planTable(16, limits).torrents;
    returnPages(start, words.length - start);
    for (let torrent = 1; torrent <= torrents; torrent++) {
      for (let peer = 0; peer < peersEach; peer++) harness.announce({ torrent, peer, wanted: 0 });
    }
    const spike = countResidentBytes(words);
    expect(spike).toBeGreaterThan(torrents * peersEach * 20);
    // Memory that a pass frees returns to the system in the next pass.
    for (let round = 1; round <= 2; round++) {
      const pass = new CleaningPass(harness.table, 1, returnPages);
      while (!pass.step(1000));
    }
    expect(harness.table.peerCount).toBe(0);
    expect(countResidentBytes(words)).toBeLessThan(spike * 0.2);
    // Returned memory serves the next spike.
    expect(harness.announce({ torrent: 1, peer: 1 })).toMatchObject({ leechers: 1 });
    expect(harness.scrape(2)).toEqual({ leechers: 0, seeders: 0 });
  });
});
