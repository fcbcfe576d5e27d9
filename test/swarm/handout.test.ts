// The selection for a peer does not depend on the position of that peer in memory.

import { expect, test } from "bun:test";
import { TableHarness } from "./harness.ts";

const DRAWS = 400;

test.each([
  [3, 4],
  [8, 4],
  [40, 16],
  [90, 4],
  [250, 4],
] as const)(
  "each of %i peers of one swarm is equally likely for every other, %i-byte identities",
  (count, identityBytes) => {
    const harness = new TableHarness(identityBytes);
    const statusOf = (peer: number) => (peer % 3 === 0 ? "seeder" : "leecher");
    for (let peer = 0; peer < count; peer++) {
      harness.announce({ torrent: 1, peer, status: statusOf(peer) });
    }
    const requesters = Array.from({ length: count }, (_, peer) => peer).filter((peer) => {
      return count < 50 || peer % 37 === 0;
    });
    for (const requester of requesters) {
      const isSeeder = statusOf(requester) === "seeder";
      const others = Array.from({ length: count }, (_, peer) => peer).filter((peer) => {
        return peer !== requester && !(isSeeder && statusOf(peer) === "seeder");
      });
      const seen = new Map(others.map((peer) => [peer, 0]));
      const status = statusOf(requester);
      for (let i = 0; i < DRAWS * others.length; i++) {
        const result = harness.announce({ torrent: 1, peer: requester, status, wanted: 1 });
        const [peer] = result?.peers ?? [];
        seen.set(peer, seen.get(peer)! + 1);
      }
      // Six standard deviations. A peer that is skipped, or drawn twice as often, is twenty away.
      const counts = [...seen.values()];
      expect(counts).toHaveLength(others.length);
      expect(Math.min(...counts)).toBeGreaterThan(DRAWS - 6 * Math.sqrt(DRAWS));
      expect(Math.max(...counts)).toBeLessThan(DRAWS + 6 * Math.sqrt(DRAWS));
    }
  },
);
