// What the main thread knows of the cluster: it logs what the link thread tells, and shows the last
// status on the operator's pages.

import { type Family, family, type Sample } from "../app/http/series.ts";
import { log } from "../app/log.ts";
import { LATENCY_BOUNDS } from "../app/metrics.ts";
import { type ClusterCounts, type ClusterNews, type ClusterStatus, REJECTIONS } from "./status.ts";

export class ClusterObserver {
  #status: ClusterStatus | undefined;

  /** Takes what the link thread tells. */
  readonly take = (news: unknown): void => {
    const told = news as ClusterNews;
    if (told.event === "log") log[told.level](told.message);
    else this.#status = told.status;
  };

  /** What the live page shows; undefined before the link thread has told anything. */
  readonly describe = (): object | undefined => {
    if (this.#status === undefined) return undefined;
    const { counts, node, nodes, servers } = this.#status;
    const { duplicates, lost, rejected, unsent } = counts;
    return {
      node,
      servers: servers.map(({ isUp, server }) => ({ server, is_up: isUp })),
      nodes: nodes.map(({ name, peers }) => ({ name, peers: peers ?? null })),
      lag: { p50: percentile(counts, 0.5), p99: percentile(counts, 0.99) },
      batches: { in: counts.batchesIn, out: counts.batchesOut },
      bytes: { in: counts.bytesIn, out: counts.bytesOut },
      lost,
      unsent,
      duplicates,
      rejected: Object.values(rejected).reduce((sum, count) => sum + count, 0),
    };
  };

  /** The metrics of the cluster, empty before the link thread has told anything. */
  collect(): Family[] {
    if (this.#status === undefined) return [];
    const { counts, node, nodes, servers } = this.#status;
    const up = servers.map(({ isUp, server }) => [{ server }, Number(isUp)] as const);
    const peers = nodes.flatMap((other) => {
      return other.peers === undefined ? [] : [[{ node: other.name }, other.peers] as const];
    });
    return [
      family("aquatic_cluster_node_info", "gauge", "The name of this node", [[{ node }, 1]]),
      family("aquatic_cluster_nodes", "gauge", "Other nodes that are here", [[{}, nodes.length]]),
      family("aquatic_cluster_server_up", "gauge", "Whether a server can be reached", up),
      family("aquatic_cluster_peers", "gauge", "Peers that announce at another node", peers),
      ...collectCounts(counts),
      collectLag(counts),
    ];
  }
}

function collectCounts(counts: ClusterCounts): Family[] {
  const directions = (inward: number, outward: number) => [
    [{ direction: "in" }, inward] as const,
    [{ direction: "out" }, outward] as const,
  ];
  const rejected = REJECTIONS.map((reason) => [{ reason }, counts.rejected[reason]] as const);
  return [
    family(
      "aquatic_cluster_batches_total",
      "counter",
      "Messages from and to other nodes",
      directions(counts.batchesIn, counts.batchesOut),
    ),
    family(
      "aquatic_cluster_bytes_total",
      "counter",
      "Bytes of messages from and to servers",
      directions(counts.bytesIn, counts.bytesOut),
    ),
    family(
      "aquatic_cluster_duplicates_total",
      "counter",
      "Messages that another server had delivered before, and replays",
      [[{}, counts.duplicates]],
    ),
    family(
      "aquatic_cluster_lost_total",
      "counter",
      "Messages of other nodes that never came, by the gaps in their numbers",
      [[{}, counts.lost]],
    ),
    family(
      "aquatic_cluster_unsent_total",
      "counter",
      "Messages that a server did not take, once for each server",
      [[{}, counts.unsent]],
    ),
    family(
      "aquatic_cluster_rejected_total",
      "counter",
      "Messages that were not accepted, by reason",
      rejected,
    ),
  ];
}

function collectLag({ lag }: ClusterCounts): Family {
  let count = 0;
  const samples = lag.buckets.map((inBucket, bucket): Sample => {
    count += inBucket;
    const le = bucket < LATENCY_BOUNDS.length ? String(LATENCY_BOUNDS[bucket]) : "+Inf";
    return { suffix: "_bucket", labels: { le }, value: count };
  });
  return {
    name: "aquatic_cluster_lag_seconds",
    kind: "histogram",
    help: "Time until a message of another node was carried out, beyond the fastest of late",
    samples: [
      ...samples,
      { suffix: "_sum", labels: {}, value: lag.sum },
      { suffix: "_count", labels: {}, value: count },
    ],
  };
}

/** An upper bound of the lag of a share of all messages, in seconds; null if there were none. */
function percentile({ lag }: ClusterCounts, share: number): number | null {
  const total = lag.buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let count = 0;
  const bucket = lag.buckets.findIndex((inBucket) => (count += inBucket) >= total * share);
  return LATENCY_BOUNDS[bucket] ?? LATENCY_BOUNDS.at(-1)!;
}
