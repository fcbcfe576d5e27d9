// The loads that the comparison runs. What is asked is the same for every contestant.

import type { Load } from "./measure.ts";

const ANNOUNCES = {
  seconds: 6,
  peersWanted: 30,
  weights: [1, 50, 1],
  rate: 0,
  prefill: true,
} as const satisfies Partial<Load>;

/** A busy tracker of middling size: its largest torrent has thousands of peers. */
export const busy: Load = {
  ...ANNOUNCES,
  name: "10,000 torrents, 120,000 peers",
  torrents: 10_000,
  peers: 120_000,
  paretoShape: 2,
};

/** More than fits any cache. */
export const wide: Load = {
  ...ANNOUNCES,
  name: "1,000,000 torrents, 2,000,000 peers",
  torrents: 1_000_000,
  peers: 2_000_000,
  paretoShape: 0,
};

/** For the memory that a contestant takes for itself once it is warm. */
export const few: Load = {
  ...ANNOUNCES,
  seconds: 2,
  name: "1,000 torrents, 2,000 peers",
  torrents: 1000,
  peers: 2000,
  paretoShape: 0,
};

/** For the memory that a peer in a large swarm takes. */
export const deep: Load = {
  ...ANNOUNCES,
  seconds: 2,
  name: "100 torrents of 20,000 peers",
  torrents: 100,
  peers: 2_000_000,
  paretoShape: 0,
};

/** One swarm of so many peers: for what an announce costs as it grows. */
export function oneSwarm(peers: number): Load {
  const name = `one swarm of ${peers.toLocaleString("en")}`;
  return { ...ANNOUNCES, peersWanted: 9, seconds: 4, name, torrents: 1, peers, paretoShape: 0 };
}

/** As many requests a second as `rate` says, while all that the setup announced expires. */
export function whileCleaning(rate: number): Load {
  return { ...wide, seconds: 25, name: "2,000,000 peers expire", rate };
}
