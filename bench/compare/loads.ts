// The loads that the comparisons run: settings of the load testers, the same for every contestant.

import type { Settings } from "./contestants.ts";

export interface Load {
  readonly name: string;
  readonly protocol: "udp" | "ws";
  readonly settings: Settings;
  /** Seconds of each run, if not as many as the runner was told; the first is warm-up. */
  readonly seconds?: number;
  /** For the floor under UDP trackers: peers of an announce response. */
  readonly peersPerAnnounce?: number;
}

// --- UDP ----------------------------------------------------------------------------------------

/** The peers of one address differ by their ports. */
const PEERS_PER_IP = 40_000;
const LEAST_IPS = 8;

function udpLoad(
  name: string,
  torrents: number,
  peers: number,
  more: { readonly shape?: number; readonly wanted?: number; readonly rate?: number } = {},
): Load {
  const needed = Math.ceil(peers / torrents / PEERS_PER_IP);
  return {
    name,
    protocol: "udp",
    settings: {
      network: {
        rate: more.rate ?? 0,
        client_ips: Math.min(peers, Math.max(LEAST_IPS, needed)),
      },
      requests: {
        number_of_torrents: torrents,
        number_of_peers: peers,
        torrent_selection_pareto_shape: more.shape ?? 0,
        peers_wanted: more.wanted ?? 30,
        weight_connect: 1,
        weight_announce: 50,
        weight_scrape: 1,
      },
    },
  };
}

/** A busy tracker of middling size: its largest torrent has thousands of peers. */
export const busy: Load = {
  ...udpLoad("10,000 torrents, 120,000 peers", 10_000, 120_000, { shape: 2 }),
  peersPerAnnounce: 27,
};

/** As many requests to the same tracker as `rate` says: trackers seldom have more to do. */
export function busyAtRate(rate: number): Load {
  const name = `${rate.toLocaleString("en")} requests/s`;
  const load = udpLoad(name, 10_000, 120_000, { shape: 2, rate });
  const settings = {
    ...load.settings,
    // Enough that requests are sent when they are due, whatever the tracker's latency.
    network: { ...load.settings.network, window: 100 },
    // At the highest rates, to check all peers would leave the load tester behind its schedule.
    checks: { peers_sample: 50 },
  };
  return { ...load, settings, peersPerAnnounce: 27 };
}

/** Large swarms only, most of whose peers are in no cache. */
export const crowded: Load = {
  ...udpLoad("10,000 torrents, 4,000,000 peers", 10_000, 4_000_000),
  peersPerAnnounce: 30,
};

/** More than fits any cache. */
export const wide: Load = {
  ...udpLoad("1,000,000 torrents, 2,000,000 peers", 1_000_000, 2_000_000),
  peersPerAnnounce: 1,
};

/** The same many peers, each of which connects before it announces, as clients do. */
export const regular: Load = {
  ...wide,
  name: "1,000,000 torrents, 2,000,000 peers, a connect for each announce",
  settings: {
    ...wide.settings,
    requests: { ...wide.settings.requests, weight_connect: 50 },
  },
};

/** For the memory that a contestant takes for itself once it is warm. */
export const few: Load = { ...udpLoad("1,000 torrents, 2,000 peers", 1000, 2000), seconds: 2 };

/** For the memory that a peer in a large swarm takes. */
export const deep: Load = {
  ...udpLoad("100 torrents of 20,000 peers", 100, 2_000_000),
  seconds: 2,
};

/** One swarm of so many peers: for what an announce costs as it grows. */
export function oneSwarm(peers: number): Load {
  return udpLoad(`one swarm of ${peers.toLocaleString("en")}`, 1, peers, { wanted: 9 });
}

/** As many requests a second as `rate` says, while all that the setup announced expires. */
export function whileCleaning(rate: number): Load {
  const name = "2,000,000 peers expire";
  return { ...udpLoad(name, 1_000_000, 2_000_000, { rate }), seconds: 25 };
}

// --- WebTorrent ---------------------------------------------------------------------------------

/** Opening all connections may take that long. */
const SETUP_SECONDS = 120;

/** Answers come later than the load tester's default where many connections wait their turn. */
const ANSWER_TIMEOUT_MILLISECONDS = 5000;

/** Connections of one source address, which has ports for some more. */
const CONNECTIONS_PER_IP = 25_000;

interface WsLoad {
  readonly connections?: number;
  readonly torrents?: number;
  readonly offers?: number;
  readonly network?: Readonly<Record<string, unknown>>;
  readonly requests?: Readonly<Record<string, unknown>>;
}

function wsLoad(name: string, given: WsLoad): Load {
  const { connections = 200, offers = 10, torrents = Math.ceil(connections / 20) } = given;
  return {
    name,
    protocol: "ws",
    settings: {
      network: {
        connections,
        client_ips: Math.ceil(connections / CONNECTIONS_PER_IP),
        answer_timeout_milliseconds: ANSWER_TIMEOUT_MILLISECONDS,
        ...given.network,
      },
      requests: { number_of_torrents: torrents, offers, ...given.requests },
      setup: { timeout: SETUP_SECONDS },
    },
  };
}

export const tenOffers = wsLoad("10 offers of 630 B", {});

/** What today's browsers send: the load that the others take their rates from. */
export const fiveOffers = wsLoad("5 offers of 630 B", { offers: 5 });

/** All offers answered, as fast as it goes. */
export const withOffers: readonly Load[] = [
  tenOffers,
  wsLoad("10 offers of 630 B, 2,000 connections", { connections: 2000 }),
  fiveOffers,
  wsLoad("5 offers of 630 B, 2,000 connections", { connections: 2000, offers: 5 }),
  wsLoad("10 offers of 2,400 B", { requests: { sdp_size: "long" } }),
];

export const withoutOffers: readonly Load[] = [
  wsLoad("no offers", { offers: 0 }),
  // What a page of eight torrents sends when it comes back.
  wsLoad("no offers, 8 announces at once", { offers: 0, requests: { announces_at_once: 8 } }),
];

/** As many announces of five offers a second as `rate` says. */
export function atRate(name: string, rate: number): Load {
  return wsLoad(name, { offers: 5, network: { rate: Math.round(rate) } });
}

/** Connections that are opened some at a time, announce once and stay. */
export function held(connections: number, concurrency = 400): Load {
  return wsLoad(`${connections.toLocaleString("en")} connections held`, {
    connections,
    torrents: connections / 10,
    offers: 0,
    network: { connect_concurrency: concurrency },
    requests: { repeat: false },
  });
}

/** So many that what their peers take is far more than what a garbage collector leaves. */
export const MANY_TORRENTS_CONNECTIONS = 5000;

/** Connections that announce so many torrents each, and stay. */
export function heldWithTorrents(each: number): Load {
  return wsLoad(`5,000 connections of ${each} torrents held`, {
    connections: MANY_TORRENTS_CONNECTIONS,
    torrents: MANY_TORRENTS_CONNECTIONS / 10,
    offers: 0,
    network: { connect_concurrency: 100 },
    requests: { repeat: false, torrents_per_connection: each },
  });
}

/** Many connections at once, of which so many are being opened at a time; 0: all. */
export function burst(concurrency: number): Load {
  const name = concurrency === 0 ? "at once" : `${concurrency} at a time`;
  return {
    ...held(10_000, concurrency),
    name: `10,000 connections ${name}`,
    // The least there can be: they are held that long, and then closed.
    seconds: 2,
  };
}

/** Long offers at a rate, to 80 connections of which so many read nothing. */
export function stalled(count: number): Load {
  return {
    ...wsLoad(`${count} of 80 connections read nothing`, {
      connections: 80,
      network: { rate: 2000, stalled: count },
      requests: { sdp_size: "long" },
    }),
    seconds: 15,
  };
}
