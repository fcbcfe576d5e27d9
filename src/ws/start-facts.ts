// What the WebTorrent tracker says about itself on a terminal when it starts.

import {
  countShared,
  describeAccessLists,
  describeAddressLimits,
  formatBytes,
  formatCount,
  type StartFacts,
} from "../app/terminal/start-block.ts";
import type { Setup } from "./setup.ts";

/** What workers keep for a connection with its first peer: `bun run bench ws-memory`. */
const CONNECTION_BYTES = 2200;
const TLS_CONNECTION_BYTES = 6600;
/** … and for each further peer, beside the table: `bun bench/micro/ws-memory.ts`. */
const PEER_BYTES = 61;

export function listStartFacts(setup: Setup): StartFacts {
  const { backend, config } = setup;
  const { limits, network, socket_workers } = config;
  const connections = limits.max_connections * socket_workers;
  const connectionBytes = network.use_tls ? TLS_CONNECTION_BYTES : CONNECTION_BYTES;
  const memory =
    countShared({ ...setup, accessList: undefined }) +
    connections * connectionBytes +
    limits.max_peers * PEER_BYTES;
  return {
    workers: `${formatCount(socket_workers, "socket worker")} (backend '${backend}')`,
    ceilings: [
      `${formatCount(limits.max_torrents, "torrent")}, ${formatCount(limits.max_peers, "peer")}, ` +
        formatCount(connections, "connection"),
      ...listAddressLimits(limits),
    ],
    memory: [
      `the runtime's, and at most about ${formatBytes(memory)} as they arrive`,
      `${formatBytes(limits.max_queued_bytes)} more for each connection that reads too slowly`,
      ...describeAccessLists(setup.accessList, config.access_list),
    ],
  };
}

function listAddressLimits(limits: Setup["config"]["limits"]): string[] {
  const { max_connections_per_ip, max_messages_per_second, max_peers_per_ip } = limits;
  return describeAddressLimits([
    [max_peers_per_ip, "peer"],
    [max_connections_per_ip, "connection"],
    [max_messages_per_second, "message", "/s"],
  ]);
}
