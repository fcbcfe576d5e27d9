// What the operator's pages show of the UDP tracker alone: the rings between its workers, and the
// datagrams for which the kernel had no room. Read on the main thread, whenever somebody asks.

import { type Family, family } from "../app/http/series.ts";
import { isClustered } from "../cluster/config.ts";
import { channelFill } from "./channel.ts";
import type { UdpConfig } from "./config.ts";
import type { Setup } from "./setup.ts";
import { readReceiveDrops } from "./socket/options.ts";

/** The names of the workers, by their numbers. */
export function listWorkers({ cluster, request_workers, socket_workers }: UdpConfig): string[] {
  const name = (kind: string, count: number): string[] => {
    return Array.from({ length: count }, (_, i) => `${kind} worker ${i}`);
  };
  const links = isClustered(cluster) ? ["link worker"] : [];
  return [...name("socket", socket_workers), ...name("request", request_workers), ...links];
}

/** `fds` are the sockets of each socket worker. */
export function collectUdpMetrics(setup: Setup, fds: readonly (readonly number[])[]): Family[] {
  const drops = fds.flatMap((sockets, worker) => {
    const counts = sockets.map(readReceiveDrops).filter((count) => count !== undefined);
    const sum = counts.reduce((total, count) => total + count, 0);
    return counts.length === 0 ? [] : [[{ worker_index: String(worker) }, sum] as const];
  });
  const help = "Datagrams that the kernel dropped because a receive buffer was full";
  const families = [family("aquatic_receive_buffer_drops_total", "counter", help, drops)];
  return setup.config.request_workers === 0 ? families : [...families, collectRings(setup)];
}

function collectRings({ channels, config }: Setup): Family {
  const { request_workers, socket_workers } = config;
  const words = new Int32Array(channels);
  const samples = Array.from({ length: socket_workers * request_workers }, (_, index) => {
    const labels = {
      socket_worker: String(Math.floor(index / request_workers)),
      request_worker: String(index % request_workers),
    };
    const { requests, responses } = channelFill(words, index);
    return [
      [{ ...labels, ring: "requests" }, requests],
      [{ ...labels, ring: "responses" }, responses],
    ] as const;
  });
  const help = "How full the ring between two workers is, from 0 to 1";
  return family("aquatic_ring_fill_ratio", "gauge", help, samples.flat());
}
