// The single table of what the workers count; the statistics and every other report are made from
// it. To count something new, add a row here and call `Counters.add` where it happens.

export interface Metric {
  /** A name in the style of Prometheus. Rows with the same name differ in their label. */
  readonly name: `aquatic_${string}`;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The upper bounds of a histogram's buckets, in ascending order. */
  readonly bounds?: readonly number[];
  /** The trackers that count it. */
  readonly of: "udp" | "ws" | "both";
}

const RESPONSES = {
  name: "aquatic_responses_total",
  kind: "counter",
  help: "Responses and relayed messages written, by type and IP version",
} as const;

const DROPS = {
  name: "aquatic_not_served_total",
  kind: "counter",
  help: "Requests and responses refused or lost, by reason",
} as const;

const CLOSES = {
  name: "aquatic_connection_closes_total",
  kind: "counter",
  help: "Connections that ended or were refused, by reason",
  of: "ws",
} as const;

const CHANGES = {
  name: "aquatic_cluster_announces_total",
  kind: "counter",
  help: "Announces sent to other nodes, or received from them, by fate",
  of: "udp",
} as const;

/** Seconds: 10 µs to a quarter second, three for each power of ten. */
export const LATENCY_BOUNDS = [
  1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25,
] as const;

export const METRICS = {
  requests: {
    name: "aquatic_requests_total",
    kind: "counter",
    help: "Datagrams or messages received",
    of: "both",
  },
  bytesIn: {
    name: "aquatic_rx_bytes",
    kind: "counter",
    help: "Bytes received, without network headers",
    of: "both",
  },
  responses: {
    name: "aquatic_responses_sent_total",
    kind: "counter",
    help: "Responses sent",
    of: "both",
  },
  connects4: { ...RESPONSES, labels: { type: "connect", ip_version: "4" }, of: "udp" },
  connects6: { ...RESPONSES, labels: { type: "connect", ip_version: "6" }, of: "udp" },
  announces4: { ...RESPONSES, labels: { type: "announce", ip_version: "4" }, of: "both" },
  announces6: { ...RESPONSES, labels: { type: "announce", ip_version: "6" }, of: "both" },
  scrapes4: { ...RESPONSES, labels: { type: "scrape", ip_version: "4" }, of: "both" },
  scrapes6: { ...RESPONSES, labels: { type: "scrape", ip_version: "6" }, of: "both" },
  errors4: { ...RESPONSES, labels: { type: "error", ip_version: "4" }, of: "both" },
  errors6: { ...RESPONSES, labels: { type: "error", ip_version: "6" }, of: "both" },
  offers4: { ...RESPONSES, labels: { type: "offer", ip_version: "4" }, of: "ws" },
  offers6: { ...RESPONSES, labels: { type: "offer", ip_version: "6" }, of: "ws" },
  answers4: { ...RESPONSES, labels: { type: "offer_answer", ip_version: "4" }, of: "ws" },
  answers6: { ...RESPONSES, labels: { type: "offer_answer", ip_version: "6" }, of: "ws" },
  bytesOut: {
    name: "aquatic_tx_bytes",
    kind: "counter",
    help: "Bytes sent, without network headers",
    of: "both",
  },
  batches: {
    name: "aquatic_batches_total",
    kind: "counter",
    help: "Batches of requests that workers received",
    of: "both",
  },
  latency: {
    name: "aquatic_response_latency_seconds",
    kind: "histogram",
    help:
      "Time from the receipt of a batch, or of its first message, until its responses are sent, " +
      "of one batch in 16",
    bounds: LATENCY_BOUNDS,
    of: "both",
  },
  /** Not a request at all, or one that violates the protocol. */
  malformed: { ...DROPS, labels: { reason: "malformed" }, of: "both" },
  invalidConnection: { ...DROPS, labels: { reason: "invalid connection" }, of: "udp" },
  tableFull: { ...DROPS, labels: { reason: "table full" }, of: "both" },
  /** An address had reached its limit of peers. */
  addressFull: { ...DROPS, labels: { reason: "address full" }, of: "both" },
  /** An address had exceeded its rate of requests. */
  rateLimited: { ...DROPS, labels: { reason: "rate limited" }, of: "both" },
  /** The access list forbids the torrent. */
  forbidden: { ...DROPS, labels: { reason: "forbidden torrent" }, of: "both" },
  /** The queue to or from another worker, or to a connection, was full. */
  queueFull: { ...DROPS, labels: { reason: "queue full" }, of: "both" },
  /** The kernel did not accept a response. */
  sendFailed: { ...DROPS, labels: { reason: "send failed" }, of: "udp" },
  /** Answers for which there was no pending offer. */
  lostAnswers: { ...DROPS, labels: { reason: "lost answers" }, of: "ws" },
  offers: {
    name: "aquatic_offers_total",
    kind: "counter",
    help: "Offers relayed",
    of: "ws",
  },
  answers: {
    name: "aquatic_answers_total",
    kind: "counter",
    help: "Answers relayed",
    of: "ws",
  },
  connections: {
    name: "aquatic_active_connections",
    kind: "gauge",
    help: "Open connections",
    of: "ws",
  },
  /** The client closed the connection, or is gone. */
  closedByClient: { ...CLOSES, labels: { reason: "client" } },
  /** The client violated the protocol of WebSockets: code 1002. */
  protocolError: { ...CLOSES, labels: { reason: "protocol error" } },
  /** A message was not UTF-8, or its compressed data invalid: code 1007. */
  invalidText: { ...CLOSES, labels: { reason: "invalid text" } },
  /** Code 1009. */
  messageTooBig: { ...CLOSES, labels: { reason: "message too big" } },
  /** Too many messages could not be answered: code 1008. */
  badMessages: { ...CLOSES, labels: { reason: "bad messages" } },
  /** The client kept sending while its address was over its rate: code 1008. */
  flood: { ...CLOSES, labels: { reason: "flood" } },
  /** More waited for the client than max_queued_bytes, offers aside. */
  outboxFull: { ...CLOSES, labels: { reason: "queue full" } },
  /** The client read nothing of what waited for it. */
  stalled: { ...CLOSES, labels: { reason: "not reading" } },
  /** No sign of life for max_connection_age. */
  silent: { ...CLOSES, labels: { reason: "ping timeout" } },
  /** No answer to a ping when another connection used the same peer ID. */
  replaced: { ...CLOSES, labels: { reason: "peer reconnected" } },
  /** A mistake of the tracker: code 1011. */
  failed: { ...CLOSES, labels: { reason: "internal error" } },
  /** Refused: the worker had max_connections. */
  noRoom: { ...CLOSES, labels: { reason: "connection limit" } },
  /** Refused: the address had max_connections_per_ip. */
  noRoomForAddress: { ...CLOSES, labels: { reason: "address limit" } },
  /** Refused: see allowed_origins. */
  forbiddenOrigin: { ...CLOSES, labels: { reason: "forbidden origin" } },
  /** Refused: the request was invalid, or no handshake that the tracker knows. */
  badHandshake: { ...CLOSES, labels: { reason: "bad handshake" } },
  /** Ended: the request did not come as a whole in time. */
  handshakeTimeout: { ...CLOSES, labels: { reason: "handshake timeout" } },
  /** Ended: the client and the tracker did not agree on TLS. */
  tlsFailed: { ...CLOSES, labels: { reason: "tls failure" } },
  changesSent: { ...CHANGES, labels: { fate: "sent" } },
  /** Workers had more changes than the link worker reads. */
  changesDropped: { ...CHANGES, labels: { fate: "dropped" } },
  changesApplied: { ...CHANGES, labels: { fate: "applied" } },
  /** The table knew a later announce of the peer, or did not know a stopped one. */
  changesKnown: { ...CHANGES, labels: { fate: "known" } },
  /** The peer had expired, the torrent is forbidden, or there was no room. */
  changesRefused: { ...CHANGES, labels: { fate: "refused" } },
  /** See pulse.ts. */
  cpuSeconds: {
    name: "aquatic_worker_cpu_seconds_total",
    kind: "counter",
    help: "CPU time of each worker",
    of: "both",
  },
  lastSeen: {
    name: "aquatic_worker_last_seen_seconds",
    kind: "gauge",
    help: "Uptime of the tracker, in seconds, at which the worker last showed life",
    of: "both",
  },
} as const satisfies Record<string, Metric>;

export type MetricKey = keyof typeof METRICS;

/** The index of a metric's first word among the counters of a worker. */
export type Counter = number & { readonly counter: unique symbol };

const KEYS = Object.keys(METRICS) as MetricKey[];

/**
 * Words of a metric among the counters: a histogram has its buckets, one for the rest, and a sum.
 */
export function metricWords({ bounds }: Metric): number {
  return bounds === undefined ? 1 : bounds.length + 2;
}

let words = 0;

/** The index of each metric's first word, by its key. */
export const COUNTER = Object.fromEntries(
  KEYS.map((key) => {
    const index = words;
    words += metricWords(METRICS[key]);
    return [key, index];
  }),
) as Readonly<Record<MetricKey, Counter>>;

/** Words of all metrics. */
export const METRIC_WORDS = words;

/** The metrics that a tracker counts, in the order of the table. */
export function listMetrics(tracker: "udp" | "ws"): [counter: Counter, metric: Metric][] {
  return KEYS.flatMap((key): [Counter, Metric][] => {
    const metric: Metric = METRICS[key];
    return metric.of === "both" || metric.of === tracker ? [[COUNTER[key], metric]] : [];
  });
}

/** Reasons for which connections of the WebTorrent tracker end, in the order of the table. */
export function listCloses(): [reason: string, counter: Counter][] {
  return listMetrics("ws").flatMap(([counter, { labels, name }]): [string, Counter][] => {
    const reason = labels?.["reason"];
    return name === CLOSES.name && reason !== undefined ? [[reason, counter]] : [];
  });
}

/** Reasons for which this tracker drops or refuses requests, in the order of the table. */
export function listFaults(tracker: "udp" | "ws"): [reason: string, counter: Counter][] {
  return listMetrics(tracker).flatMap(([counter, { labels, name }]): [string, Counter][] => {
    const reason = labels?.["reason"];
    return name === DROPS.name && reason !== undefined ? [[reason, counter]] : [];
  });
}
