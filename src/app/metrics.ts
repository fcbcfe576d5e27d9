// The one table of what the workers count: the lines of statistics and every other report are made
// from it. To count something new, add a row, and call `Counters.add` where it happens.

export interface Metric {
  /** As in Prometheus; a name may have several rows, told apart by their label. */
  readonly name: `aquatic_${string}`;
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** A label's name and value. */
  readonly label?: readonly [name: string, value: string];
  /** The trackers that count it. */
  readonly of: "udp" | "ws" | "both";
}

const DROPS = {
  name: "aquatic_not_served_total",
  kind: "counter",
  help: "Requests and responses that were refused or lost, by reason",
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
    help: "Bytes of requests, without headers of the network",
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
    help: "Bytes sent, without headers of the network",
    of: "both",
  },
  batches: {
    name: "aquatic_batches_total",
    kind: "counter",
    help: "Times that a worker took requests off the network",
    of: "both",
  },
  /** No request at all, or one that breaks the protocol. */
  malformed: { ...DROPS, label: ["reason", "malformed"], of: "both" },
  invalidConnection: { ...DROPS, label: ["reason", "invalid connection"], of: "udp" },
  tableFull: { ...DROPS, label: ["reason", "table full"], of: "both" },
  /** An address had its share of the peers. */
  addressFull: { ...DROPS, label: ["reason", "address full"], of: "both" },
  /** An address asked too often. */
  rateLimited: { ...DROPS, label: ["reason", "rate limited"], of: "both" },
  /** The queue to or from another worker, or to a connection, was full. */
  queueFull: { ...DROPS, label: ["reason", "queue full"], of: "both" },
  /** The kernel did not take a response. */
  sendFailed: { ...DROPS, label: ["reason", "send failed"], of: "udp" },
  /** Answers that no pending offer was found for. */
  lostAnswers: { ...DROPS, label: ["reason", "lost answers"], of: "ws" },
  offers: {
    name: "aquatic_offers_total",
    kind: "counter",
    help: "Offers passed on",
    of: "ws",
  },
  answers: {
    name: "aquatic_answers_total",
    kind: "counter",
    help: "Answers passed on",
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

/** A metric's place among the counts of a worker. */
export type Counter = number & { readonly counter: unique symbol };

const KEYS = Object.keys(METRICS) as MetricKey[];

/** The number of metrics. */
export const METRIC_COUNT = KEYS.length;

/** The place of each metric, by its key. */
export const COUNTER = Object.fromEntries(KEYS.map((key, index) => [key, index])) as Readonly<
  Record<MetricKey, Counter>
>;

/** What a tracker may not have served, by reason, in the order of the table. */
export function listFaults(tracker: "udp" | "ws"): [reason: string, counter: Counter][] {
  return KEYS.flatMap((key): [string, Counter][] => {
    const metric: Metric = METRICS[key];
    const isOurs = metric.of === "both" || metric.of === tracker;
    if (metric.name !== DROPS.name || !isOurs || metric.label === undefined) return [];
    return [[metric.label[1], COUNTER[key]]];
  });
}
