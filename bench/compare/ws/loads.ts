// The loads that WebTorrent trackers are compared under. What is asked is the same for every one.
// All offers are answered.

import type { SdpSize } from "../../load/ws/sdp.ts";

export interface Load {
  readonly name: string;
  readonly connections: number;
  /** The most that are being opened at once; 0: all of them. */
  readonly concurrency: number;
  readonly torrents: number;
  /** Announces that a connection sends at once. */
  readonly atOnce: number;
  /** Of each announce but the first. */
  readonly offers: number;
  readonly sdpSize: SdpSize;
  /** Announces a second; 0: as fast as they and their offers are answered. */
  readonly rate: number;
  /** Announces go on. Otherwise there is one of each connection, in the setup. */
  readonly repeat: boolean;
}

const CLOSED_LOOP = {
  connections: 200,
  concurrency: 0,
  torrents: 10,
  atOnce: 1,
  offers: 10,
  sdpSize: "short",
  rate: 0,
  repeat: true,
} as const satisfies Partial<Load>;

export const tenOffers: Load = { ...CLOSED_LOOP, name: "10 offers of 630 B" };

/** What today's browsers send: the load that the others take their rates from. */
export const fiveOffers: Load = { ...CLOSED_LOOP, name: "5 offers of 630 B", offers: 5 };

/** All that the comparison runs in a closed loop. */
export const closedLoops: readonly Load[] = [
  tenOffers,
  {
    ...CLOSED_LOOP,
    name: "10 offers of 630 B, 2,000 connections",
    connections: 2000,
    torrents: 100,
  },
  fiveOffers,
  { ...CLOSED_LOOP, name: "10 offers of 2,400 B", sdpSize: "long" },
  { ...CLOSED_LOOP, name: "no offers", offers: 0 },
  // What a page of eight torrents sends when it comes back.
  { ...CLOSED_LOOP, name: "no offers, 8 announces at once", offers: 0, atOnce: 8 },
];

/** As many announces a second as `rate` says. */
export function atRate(name: string, rate: number): Load {
  return { ...fiveOffers, name, rate: Math.round(rate) };
}

/** Connections that announce once and stay. */
export const held: Load = {
  ...CLOSED_LOOP,
  name: "10,000 connections held",
  connections: 10_000,
  torrents: 1000,
  offers: 0,
  repeat: false,
};

/** More than the queue of the listening socket takes: the kernel has most of them try again. */
export const burst: Load = { ...held, name: "10,000 connections at once" };

/** As many as it takes. */
export const queue: Load = {
  ...held,
  name: "10,000 connections, 400 at a time",
  concurrency: 400,
};
