// What the UDP tracker says about itself on a terminal when it starts.

import {
  countShared,
  describeAccessLists,
  describeAddressLimits,
  formatBytes,
  formatCount,
  type StartFacts,
} from "../app/terminal/start-block.ts";
import type { Setup } from "./setup.ts";

export function listStartFacts(setup: Setup): StartFacts {
  const { backend, config } = setup;
  const { limits } = config;
  const memory = countShared({ ...setup, accessList: undefined });
  return {
    workers:
      `${formatCount(config.socket_workers, "socket worker")} (backend '${backend}')` +
      (config.request_workers > 0
        ? `, ${formatCount(config.request_workers, "request worker")}`
        : ""),
    ceilings: [
      `${formatCount(limits.max_torrents, "torrent")}, ${formatCount(limits.max_peers, "peer")}, ` +
        "for IPv4 and IPv6 each",
      ...listAddressLimits(limits),
    ],
    memory: [
      `the runtime's, and at most ${formatBytes(memory)} as torrents and peers arrive`,
      ...describeAccessLists(setup.accessList, config.access_list),
    ],
  };
}

function listAddressLimits(limits: Setup["config"]["limits"]): string[] {
  const { max_peers_per_ip, max_requests_per_ip_per_second } = limits;
  return describeAddressLimits([
    [max_peers_per_ip, "peer"],
    [max_requests_per_ip_per_second, "request", "/s"],
  ]);
}
