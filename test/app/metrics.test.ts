import { expect, test } from "bun:test";
import {
  COUNTER,
  listFaults,
  type Metric,
  METRIC_WORDS,
  METRICS,
  metricWords,
} from "../../src/app/metrics.ts";

const rows: [string, Metric][] = Object.entries(METRICS);

test("every metric has words of its own", () => {
  const taken = rows.flatMap(([key, metric]) => {
    const first = COUNTER[key as keyof typeof COUNTER];
    return Array.from({ length: metricWords(metric) }, (_, word) => first + word);
  });
  expect(taken).toEqual(Array.from({ length: METRIC_WORDS }, (_, word) => word));
});

test("no two rows are the same series, and rows of one name have one kind", () => {
  const series = rows.map(([, { labels, name }]) => JSON.stringify([name, labels]));
  expect(new Set(series).size).toBe(series.length);
  for (const [, { help, kind, labels, name }] of rows) {
    const others = rows.map(([, other]) => other).filter((other) => other.name === name);
    expect(
      others.map((other) => [other.kind, other.help, Object.keys(other.labels ?? {})]),
    ).toEqual(others.map(() => [kind, help, Object.keys(labels ?? {})]));
    expect(name).toMatch(/^aquatic_[a-z_]+$/);
    // A convention of Prometheus. The byte counters have aquatic's names.
    if (kind === "counter" && !name.endsWith("_bytes")) expect(name).toEndWith("_total");
  }
});

test("each tracker has its own faults in the order of the table", () => {
  expect(listFaults("udp").map(([reason]) => reason)).toEqual([
    "malformed",
    "invalid connection",
    "table full",
    "address full",
    "rate limited",
    "forbidden torrent",
    "queue full",
    "send failed",
  ]);
  expect(listFaults("ws").map(([reason]) => reason)).not.toContain("send failed");
  expect(listFaults("ws").find(([reason]) => reason === "lost answers")?.[1]).toBe(
    COUNTER.lostAnswers,
  );
});
