// What the main thread of the load tester and its workers share: the control that keeps them in
// step, the roster, and the memory they count in.

import { parseSocketAddress } from "../../../src/app/socket-address.ts";
import { StartupError } from "../../../src/app/startup-error.ts";
import { allocateControl, PARTS } from "../control.ts";
import { allocateErrorTables } from "../error-table.ts";
import { createRoster, Roster, type RosterMemory } from "../roster.ts";
import { countClientAddresses, MOST_ADDRESSES } from "./clients.ts";
import type { LoadConfig } from "./config.ts";
import { allocateTallies } from "./tally.ts";

export interface Session {
  readonly config: LoadConfig;
  readonly roster: RosterMemory;
  readonly control: SharedArrayBuffer;
  readonly tallies: SharedArrayBuffer;
  readonly errors: SharedArrayBuffer;
}

/** What a load worker is started with. */
export interface WorkerSession extends Session {
  readonly worker: number;
}

/** Lays out torrents and peers; throws a StartupError for settings that do not go together. */
export function planRoster(config: LoadConfig): RosterMemory {
  const { network, requests } = config;
  const addresses = countClientAddresses(config);
  const { number_of_peers, number_of_torrents } = requests;
  const { weight_announce, weight_connect, weight_scrape } = requests;
  if (addresses > MOST_ADDRESSES) {
    throw new StartupError(`network.client_ips: with workers, ${MOST_ADDRESSES} at most`);
  }
  if (number_of_peers < Math.max(number_of_torrents, addresses)) {
    throw new StartupError("requests.number_of_peers: less than one for each torrent or address");
  }
  if (weight_connect + weight_announce + weight_scrape === 0) {
    throw new StartupError("requests.weight_announce: all weights are 0");
  }
  const sockets = network.client_ips * network.sockets_per_ip;
  if (sockets * network.window > 1 << 20) {
    throw new StartupError("network.window: with all sockets, a worker has 1048576 at most");
  }
  const memory = createRoster({
    torrents: number_of_torrents,
    peers: number_of_peers,
    paretoShape: requests.torrent_selection_pareto_shape,
    seederProbability: requests.peer_seeder_probability,
    addresses,
    seed: config.seed,
  });
  if (!new Roster(memory).hasDistinctPeers) {
    throw new StartupError(
      `requests.number_of_peers: the largest torrent has more than ${addresses} client ` +
        "addresses have ports; set more network.client_ips",
    );
  }
  return memory;
}

/** Allocates the shared memory of a run. */
export function allocateSession(config: LoadConfig, roster: RosterMemory): Session {
  const { workers } = config;
  return {
    config,
    roster,
    control: allocateControl(workers),
    tallies: allocateTallies(workers, PARTS),
    errors: allocateErrorTables(workers * PARTS),
  };
}

/** Bytes of a client's address. */
export function addressBytesOf(config: LoadConfig): 4 | 16 {
  return parseSocketAddress(config.server_address).family === 4 ? 4 : 16;
}
