// The share of `max_peers` that a table accepts, whatever its swarms did before.

import { describe, expect, test } from "bun:test";
import type { IdentityBytes } from "../../src/swarm/layout.ts";
import { planTable } from "../../src/swarm/layout.ts";
import { countUsed } from "./arena-audit.ts";
import { TableHarness } from "./harness.ts";

const MAX_PEERS = 20_000;
const LIMITS = { maxTorrents: MAX_PEERS, maxPeers: MAX_PEERS };

/** Sizes at which a swarm has just moved to a larger block, to sets, or to a larger directory. */
const SIZES = [1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 80, 127, 300, 1025, 5000, MAX_PEERS];

/** Swarms grow to the first number of peers and shrink to the second. Then all of them stop. */
const PHASES = [
  [4, 3],
  [9, 7],
  [17, 13],
  [33, 25],
  [65, 25],
  [130, 40],
  [1000, 100],
] as const;

/** Returns the share of `max_peers` that fits in swarms of `size`, and stops all peers again. */
function fill(harness: TableHarness, size: number): number {
  const wholeSwarms = Math.floor(MAX_PEERS / size) * size;
  let accepted = 0;
  for (let peer = 0; peer < wholeSwarms; peer++) {
    const torrent = Math.floor(peer / size);
    const status = peer % 3 === 0 ? "seeder" : "leecher";
    if (harness.announce({ torrent, peer, status, wanted: 0 }) !== undefined) accepted++;
  }
  for (let peer = 0; peer < wholeSwarms; peer++) stop(harness, Math.floor(peer / size), peer);
  return accepted / wholeSwarms;
}

/** Fills the table with swarms that grow and then shrink, and leaves them there. */
function growAndShrink(
  harness: TableHarness,
  maxPeers: number,
  minPeers: number,
): [number, number][] {
  const left: [number, number][] = [];
  let peer = 0;
  for (let torrent = 0; torrent < MAX_PEERS; torrent++) {
    const first = peer;
    while (peer < first + maxPeers && harness.announce({ torrent, peer, wanted: 0 })) peer++;
    for (let i = first + minPeers; i < peer; i++) stop(harness, torrent, i);
    for (let i = first; i < Math.min(peer, first + minPeers); i++) left.push([torrent, i]);
    if (peer < first + maxPeers) break;
  }
  return left;
}

function stop(harness: TableHarness, torrent: number, peer: number): void {
  harness.announce({ torrent, peer, status: "stopped" });
}

describe.each([4, 16, 20] as const)("a table of %i-byte identities", (identityBytes) => {
  test("accepts at least 95 % of max_peers in swarms of any one size", () => {
    for (const size of SIZES) {
      const share = fill(new TableHarness(identityBytes, LIMITS), size);
      expect({ size, isEnough: share >= 0.95 }).toEqual({ size, isEnough: true });
    }
  });

  test("accepts as many after its memory was used in blocks of every size", () => {
    const harness = new TableHarness(identityBytes, LIMITS);
    for (const [maxPeers, minPeers] of PHASES) {
      const left = growAndShrink(harness, maxPeers, minPeers);
      for (const [torrent, peer] of left) stop(harness, torrent, peer);
      expect(harness.table.peerCount).toBe(0);
    }
    expect(countUsed(harness.table.words, planTable(identityBytes, LIMITS))).toBe(0);
    for (const size of SIZES) {
      const share = fill(harness, size);
      expect({ size, isEnough: share >= 0.95 }).toEqual({ size, isEnough: true });
    }
  });

  test("accepts peers while other swarms pin blocks of every size", () => {
    expect(shareBesidePinned(identityBytes)).toBeGreaterThanOrEqual(0.9);
  });
});

/** Every phase leaves one swarm in fifty behind. Then swarms of 50 peers fill the rest. */
function shareBesidePinned(identityBytes: IdentityBytes): number {
  const harness = new TableHarness(identityBytes, LIMITS);
  let pinned = 0;
  for (const [maxPeers, minPeers] of PHASES) {
    for (const [torrent, peer] of growAndShrink(harness, maxPeers, minPeers)) {
      if (torrent % 50 === 0) pinned++;
      else stop(harness, torrent, peer);
    }
  }
  const rest = MAX_PEERS - harness.table.peerCount;
  expect(pinned).toBeGreaterThan(0);
  let accepted = 0;
  for (let peer = 0; peer < rest; peer++) {
    const torrent = MAX_PEERS + 1 + Math.floor(peer / 50);
    if (harness.announce({ torrent, peer: MAX_PEERS + peer, wanted: 0 })) accepted++;
  }
  return accepted / rest;
}
