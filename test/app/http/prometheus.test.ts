import { expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import { renderMetrics } from "../../../src/app/http/prometheus.ts";
import { collectCounters, family } from "../../../src/app/http/series.ts";
import { COUNTER, LATENCY_BOUNDS } from "../../../src/app/metrics.ts";

test("labels and help are escaped", () => {
  const text = renderMetrics([
    family("aquatic_test", "gauge", "one\ntwo \\", [
      [{}, 1.5],
      [{ name: 'a"b\\c\nd', other: "é" }, 2],
    ]),
  ]);
  expect(text).toBe(
    "# HELP aquatic_test one\\ntwo \\\\\n# TYPE aquatic_test gauge\n" +
      'aquatic_test 1.5\naquatic_test{name="a\\"b\\\\c\\nd",other="é"} 2\n',
  );
});

test("each worker's counts are a series, and names of aquatic are no counters to Prometheus", () => {
  const memory = allocateCounters(2);
  new Counters(memory, 0).add(COUNTER.bytesIn, 3);
  new Counters(memory, 1).add(COUNTER.bytesIn, 4);
  new Counters(memory, 1).add(COUNTER.malformed, 5);
  const lines = renderMetrics(collectCounters("udp", memory)).split("\n");
  expect(lines).toContain("# TYPE aquatic_rx_bytes untyped");
  expect(lines).toContain('aquatic_rx_bytes{worker_index="0"} 3');
  expect(lines).toContain('aquatic_rx_bytes{worker_index="1"} 4');
  expect(lines).toContain('aquatic_not_served_total{reason="malformed",worker_index="1"} 5');
  expect(lines.filter((line) => line.startsWith("# TYPE aquatic_not_served_total"))).toHaveLength(
    1,
  );
});

test("a tracker shows only what it counts", () => {
  const memory = allocateCounters(1);
  const names = (tracker: "udp" | "ws") => collectCounters(tracker, memory).map(({ name }) => name);
  expect(names("udp")).not.toContain("aquatic_offers_total");
  expect(names("ws")).toContain("aquatic_offers_total");
  const types = (tracker: "udp" | "ws") => {
    const samples = collectCounters(tracker, memory).flatMap((each) => each.samples);
    return samples.map(({ labels }) => labels["type"]);
  };
  expect(types("udp")).toContain("connect");
  expect(types("ws")).not.toContain("connect");
});

test("the buckets of a histogram are cumulative, over all workers", () => {
  const memory = allocateCounters(2);
  const observe = (worker: number, value: number) => {
    new Counters(memory, worker).observe(COUNTER.latency, LATENCY_BOUNDS, value);
  };
  for (const [worker, value] of [
    [0, 1e-5],
    [1, 2e-5],
    [1, 0.2],
    [0, 7],
  ]) {
    observe(worker, value);
  }
  const histogram = collectCounters("udp", memory).find(
    ({ name }) => name === "aquatic_response_latency_seconds",
  )!;
  const values = histogram.samples.map(({ labels, suffix, value }) => [
    suffix,
    labels["le"] ?? "",
    value,
  ]);
  expect(values.slice(0, 3)).toEqual([
    ["_bucket", "0.00001", 1],
    ["_bucket", "0.000025", 2],
    ["_bucket", "0.00005", 2],
  ]);
  expect(values.slice(-4)).toEqual([
    ["_bucket", "0.25", 3],
    ["_bucket", "+Inf", 4],
    ["_sum", "", expect.closeTo(7.20003, 10)],
    ["_count", "", 4],
  ]);
});
