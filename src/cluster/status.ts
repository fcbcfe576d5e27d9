// What a link thread counts and knows, as plain data: it goes to the main thread every second,
// which shows it on the operator's pages (cluster-metrics.ts).

import { LATENCY_BOUNDS } from "../app/metrics.ts";

/** Why a message was not accepted. */
export const REJECTIONS = ["signature", "time", "content", "nodes"] as const;
export type Rejection = (typeof REJECTIONS)[number];

export interface ClusterCounts {
  batchesOut: number;
  /** Bytes of the texts, once for each server that took them. */
  bytesOut: number;
  batchesIn: number;
  bytesIn: number;
  /** Messages that came again: from another server, or as a replay. */
  duplicates: number;
  /** Messages of other nodes that never came. */
  lost: number;
  /** Messages that a server did not take, once for each server. */
  unsent: number;
  readonly rejected: Record<Rejection, number>;
  /** Seconds from a message's dispatch until it was carried out; see LATENCY_BOUNDS. */
  readonly lag: { readonly buckets: number[]; sum: number };
}

export function createCounts(): ClusterCounts {
  return {
    batchesOut: 0,
    bytesOut: 0,
    batchesIn: 0,
    bytesIn: 0,
    duplicates: 0,
    lost: 0,
    unsent: 0,
    rejected: { signature: 0, time: 0, content: 0, nodes: 0 },
    lag: { buckets: Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0), sum: 0 },
  };
}

interface ServerStatus {
  /** Without user and password. */
  readonly server: string;
  readonly isUp: boolean;
}

interface NodeStatus {
  readonly name: string;
  readonly session: string;
  /** Peers of the swarms that announce at this node, exactly or estimated; undefined if unknown. */
  readonly peers?: number;
}

/** A cluster as one of its nodes sees it. */
export interface ClusterStatus {
  readonly node: string;
  readonly servers: readonly ServerStatus[];
  /** The other nodes that are here. */
  readonly nodes: readonly NodeStatus[];
  readonly counts: ClusterCounts;
}

/** What a link thread tells the main thread. */
export type ClusterNews =
  | { readonly event: "status"; readonly status: ClusterStatus }
  | { readonly event: "log"; readonly level: "info" | "warn"; readonly message: string };

/** Adds the lag of a message, in seconds. */
export function observeLag({ lag }: ClusterCounts, seconds: number): void {
  const bucket = LATENCY_BOUNDS.findIndex((bound) => seconds <= bound);
  lag.buckets[bucket < 0 ? LATENCY_BOUNDS.length : bucket]++;
  lag.sum += seconds;
}
