// The values of all metrics at one moment, as series of Prometheus: one for each metric, set of
// labels and worker. The text of /metrics is made from them.

import { readCounter } from "../counters.ts";
import { listMetrics, type Metric } from "../metrics.ts";

type Labels = Readonly<Record<string, string>>;

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly kind: Metric["kind"];
  readonly help: string;
  readonly samples: Sample[];
}

export interface Sample {
  /** Appended to the name: "_bucket", "_sum" or "_count" for histograms. */
  readonly suffix?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** A gauge or counter without a row in the table of metrics, because no worker counts it. */
export function family(
  name: `aquatic_${string}`,
  kind: "counter" | "gauge",
  help: string,
  samples: readonly (readonly [Labels, number])[],
): Family {
  return { name, kind, help, samples: samples.map(([labels, value]) => ({ labels, value })) };
}

/** Everything that the workers count, with a label for the worker. */
export function collectCounters(tracker: "udp" | "ws", counters: SharedArrayBuffer): Family[] {
  const families = new Map<string, Family>();
  for (const [counter, metric] of listMetrics(tracker)) {
    const { bounds, help, kind, labels, name } = metric;
    const known = families.get(name) ?? { name, help, kind, samples: [] };
    families.set(name, known);
    for (const [worker, value] of readCounter(counters, counter).entries()) {
      const own = { ...labels, worker_index: String(worker) };
      if (bounds === undefined) known.samples.push({ labels: own, value });
    }
    if (bounds !== undefined) known.samples.push(...sumHistogram(counters, counter, bounds));
  }
  return [...families.values()];
}

// The workers' histograms together: a series for each bucket and worker would be too many.
function sumHistogram(
  counters: SharedArrayBuffer,
  counter: Parameters<typeof readCounter>[1],
  bounds: readonly number[],
): Sample[] {
  const sum = (word: number): number => {
    return readCounter(counters, counter, word).reduce((total, count) => total + count, 0);
  };
  let count = 0;
  const buckets = [...bounds, Infinity].map((bound, bucket): Sample => {
    count += sum(bucket);
    const le = bound === Infinity ? "+Inf" : String(bound);
    return { suffix: "_bucket", labels: { le }, value: count };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels: {}, value: sum(bounds.length + 1) },
    { suffix: "_count", labels: {}, value: count },
  ];
}
