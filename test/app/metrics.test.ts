import { expect, test } from "bun:test";
import { COUNTER, listFaults, type Metric, METRIC_COUNT, METRICS } from "../../src/app/metrics.ts";

const rows: [string, Metric][] = Object.entries(METRICS);

test("every metric has an index of its own, below the number of metrics", () => {
  const places = Object.values(COUNTER).map(Number);
  expect(places.toSorted((a, b) => a - b)).toEqual(rows.map((_, index) => index));
  expect(METRIC_COUNT).toBe(rows.length);
});

test("no two rows are the same series, and rows of one name have one kind", () => {
  const series = rows.map(([, { label, name }]) => [name, ...(label ?? [])].join());
  expect(new Set(series).size).toBe(series.length);
  for (const [, { help, kind, label, name }] of rows) {
    const others = rows.map(([, other]) => other).filter((other) => other.name === name);
    expect(others.map((other) => [other.kind, other.help, other.label?.[0]])).toEqual(
      others.map(() => [kind, help, label?.[0]]),
    );
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
    "queue full",
    "send failed",
  ]);
  expect(listFaults("ws").map(([reason]) => reason)).not.toContain("send failed");
  expect(listFaults("ws").find(([reason]) => reason === "lost answers")?.[1]).toBe(
    COUNTER.lostAnswers,
  );
});
