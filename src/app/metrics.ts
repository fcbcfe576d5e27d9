// The single table of what the workers count; the statistics and every other report are made from
// it. To count something new, add a row here and call `Counters.add` where it happens.

export interface Metric {
  /** A name in the style of Prometheus. Rows with the same name differ in their label. */
  readonly name: `aquatic_${string}`;
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** The name and value of a label. */
  readonly label?: readonly [name: string, value: string];
  /** The trackers that count it. */
  readonly of: "udp" | "ws" | "both";
}

const DROPS = {
  name: "aquatic_not_served_total",
  kind: "counter",
  help: "Requests and responses refused or lost, by reason",
} as const;

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
    name: "aquatic_responses_total",
    kind: "counter",
    help: "Responses sent",
    of: "both",
  },
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
  /** Not a request at all, or one that violates the protocol. */
  malformed: { ...DROPS, label: ["reason", "malformed"], of: "both" },
  invalidConnection: { ...DROPS, label: ["reason", "invalid connection"], of: "udp" },
  tableFull: { ...DROPS, label: ["reason", "table full"], of: "both" },
  /** An address had reached its limit of peers. */
  addressFull: { ...DROPS, label: ["reason", "address full"], of: "both" },
  /** An address had exceeded its rate of requests. */
  rateLimited: { ...DROPS, label: ["reason", "rate limited"], of: "both" },
  /** The queue to or from another worker, or to a connection, was full. */
  queueFull: { ...DROPS, label: ["reason", "queue full"], of: "both" },
  /** The kernel did not accept a response. */
  sendFailed: { ...DROPS, label: ["reason", "send failed"], of: "udp" },
  /** Answers for which there was no pending offer. */
  lostAnswers: { ...DROPS, label: ["reason", "lost answers"], of: "ws" },
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
} as const satisfies Record<string, Metric>;

export type MetricKey = keyof typeof METRICS;

/** A metric's index among the counters of a worker. */
export type Counter = number & { readonly counter: unique symbol };

const KEYS = Object.keys(METRICS) as MetricKey[];

/** The number of metrics. */
export const METRIC_COUNT = KEYS.length;

/** The index of each metric, by its key. */
export const COUNTER = Object.fromEntries(KEYS.map((key, index) => [key, index])) as Readonly<
  Record<MetricKey, Counter>
>;

/** Reasons for which this tracker drops or refuses requests, in the order of the table. */
export function listFaults(tracker: "udp" | "ws"): [reason: string, counter: Counter][] {
  return KEYS.flatMap((key): [string, Counter][] => {
    const metric: Metric = METRICS[key];
    const isOurs = metric.of === "both" || metric.of === tracker;
    if (metric.name !== DROPS.name || !isOurs || metric.label === undefined) return [];
    return [[metric.label[1], COUNTER[key]]];
  });
}
