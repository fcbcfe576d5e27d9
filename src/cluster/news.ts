// Which announces the other nodes of a cluster must know: those of new peers, and of peers that
// change between leecher and seeder. A peer that announces itself again is sent only if the others'
// entry of it would age. Time is divided into epochs of an eighth of max_peer_age, and the epochs
// of each peer begin at another second, so that not all are sent at once. An announce is sent if it
// is the first of the peer in an epoch: if the announce before, whose tick the table has kept, was
// in an earlier epoch. If that one came from another node, all nodes know it. So the others know an
// announce of the same epoch as the last one. Their entry is less than one epoch older than it
// should be, and would expire by so much earlier.

import { tickAge, tickOf } from "../memory/clock.ts";
import { FLAG_SEEDER } from "../swarm/layout.ts";
import type { TableResult } from "../swarm/table-result.ts";

/** Parts of max_peer_age in which a peer is sent at most once, unless it changes. */
const EPOCHS = 8;

/** The seconds of an epoch, if peers expire at `maxAge` seconds. */
export function epochSeconds(maxAge: number): number {
  return Math.max(1, Math.floor(maxAge / EPOCHS));
}

/**
 * Whether the others must know of an announce with these flags, no stop, which a table has carried
 * out with this result at second `now`. `peerHash` is any hash of the peer, `epoch` the seconds of
 * an epoch.
 */
export function isNews(
  flags: number,
  peerHash: number,
  result: TableResult,
  now: number,
  epoch: number,
): boolean {
  if (result.isNewcomer || result.lastStatus !== (flags & FLAG_SEEDER)) return true;
  const epochAge = (now + (peerHash & 0xffff)) % epoch;
  return tickAge(result.lastTick, tickOf(now)) > epochAge;
}
