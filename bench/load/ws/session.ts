// What the main thread of the load tester and its workers share: the control that keeps them in
// step, who is in which torrent, and the memory they count in.

import { StartupError } from "../../../src/app/startup-error.ts";
import { allocateControl, PARTS } from "../control.ts";
import { allocateErrorTables, ErrorTable } from "../error-table.ts";
import { createRoster, type RosterMemory } from "../roster.ts";
import type { LoadConfig } from "./config.ts";
import { MOST_CONNECTIONS } from "./ids.ts";
import { allocateTallies } from "./tally.ts";

/** Messages that are counted by what they say. */
export const TABLE = { failures: 0, closes: 1, refusals: 2 } as const;
const TABLES = 3;

export interface Session {
  readonly config: LoadConfig;
  readonly roster: RosterMemory;
  readonly control: SharedArrayBuffer;
  /** 1 while every peer has announced and none has left: counts are exact. */
  readonly exact: SharedArrayBuffer;
  /** By connection: how often it has been opened again, and announces sent since. */
  readonly lives: SharedArrayBuffer;
  readonly announces: SharedArrayBuffer;
  /** By worker: milliseconds that opening its connections and the first announces took. */
  readonly bursts: SharedArrayBuffer;
  readonly tallies: SharedArrayBuffer;
  readonly errors: SharedArrayBuffer;
}

/** What a load worker is started with. */
export interface WorkerSession extends Session {
  readonly worker: number;
}

/** Allocates the shared memory of a run; throws a StartupError for what does not go together. */
export function allocateSession(config: LoadConfig): Session {
  const { workers } = config;
  const { connections } = config.network;
  const { number_of_torrents: torrents } = config.requests;
  const { hostname } = new URL(config.server_url);
  if (config.network.client_ips > 1 && !hostname.startsWith("127.")) {
    throw new StartupError("network.client_ips: more than one need a server_url at 127.x.y.z");
  }
  if (connections > MOST_CONNECTIONS) throw new StartupError("network.connections: too many");
  if (connections < Math.max(torrents, workers)) {
    throw new StartupError("network.connections: less than one for each torrent or worker");
  }
  const roster = createRoster({
    torrents,
    peers: connections,
    paretoShape: config.requests.torrent_selection_pareto_shape,
    seederProbability: config.requests.peer_seeder_probability,
    addresses: 1,
    seed: config.seed,
  });
  return {
    config,
    roster,
    control: allocateControl(workers),
    exact: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    lives: new SharedArrayBuffer(connections * 4),
    announces: new SharedArrayBuffer(connections * 4),
    bursts: new SharedArrayBuffer(workers * 8),
    tallies: allocateTallies(workers, PARTS),
    errors: allocateErrorTables(workers * PARTS * TABLES),
  };
}

/** The table of one worker, part of the run, and kind of message. */
export function viewErrors(
  { errors }: Session,
  worker: number,
  part: number,
  table: number,
): ErrorTable {
  return new ErrorTable(errors, (worker * PARTS + part) * TABLES + table);
}
