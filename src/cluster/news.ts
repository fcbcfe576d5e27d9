// What the other nodes of a cluster must know of an announce: new peers, changes between leecher and
// seeder, and stops, at once. A peer that announces itself again is told only if the others' entry of it
// would age. For that, time is divided into epochs of an eighth of max_peer_age, and each peer's epochs
// begin at another second, so that not all are told at once. An announce is told if it is the first of
// the peer in an epoch: if the one before, whose tick the table has kept, was in an earlier epoch. So the
// others know an announce of the same epoch as the last one, and their entry is less than one epoch older
// than it should be. It would expire by so much earlier.

import { tickAge, tickOf } from "../memory/clock.ts";
import { FLAG_SEEDER, FLAG_STOPPED } from "../swarm/layout.ts";
import type { TableResult } from "../swarm/table-result.ts";

/** Parts of max_peer_age in which a peer is told at most once, unless it changes. */
const EPOCHS = 8;

/**
 * Whether the others must know of an announce with these flags, which a table has carried out with this
 * result at second `now`. `peerHash` is any hash of the peer, `maxAge` the age at which peers expire.
 */
export function isNews(
  flags: number,
  peerHash: number,
  result: TableResult,
  now: number,
  maxAge: number,
): boolean {
  if ((flags & FLAG_STOPPED) !== 0) return result.wasRemoved;
  if (result.isNewcomer || result.lastStatus !== (flags & FLAG_SEEDER)) return true;
  const epoch = Math.max(1, Math.floor(maxAge / EPOCHS));
  const epochAge = (now + (peerHash & 0xffff)) % epoch;
  return tickAge(result.lastTick, tickOf(now)) > epochAge;
}
