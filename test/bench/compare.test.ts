import { describe, expect, test } from "bun:test";
import { drawBars } from "../../bench/compare/chart.ts";
import { Comparison } from "../../bench/compare/comparison.ts";
import { type Contestant, floorWs } from "../../bench/compare/contestants.ts";
import { tenOffers } from "../../bench/compare/loads.ts";
import type { Run } from "../../bench/compare/measure.ts";

const contestant = (name: string, isOurs?: true): Contestant => ({
  ...floorWs,
  name,
  ...(isOurs ? { isOurs } : {}),
});
const [ours, floor] = [contestant("aquatic-ws", true), contestant("floor")];

/** Compares with made-up figures: CPU times by contestant and round. */
async function compare(only: string[], cpus: Record<string, number[]>, trouble = {}) {
  const order: string[] = [];
  const options = { rounds: 3, seconds: 2, only, keepsResults: false };
  const rows = await new Comparison("", options).run([ours, floor], tenOffers, async ({ name }) => {
    const round = order.filter((other) => other === name).length;
    order.push(name);
    const cpu = cpus[name][round];
    const run: Run = {
      figures: { cpu, rate: 1e6 / cpu, cpuShare: 1, loadCpuShare: 0.5 },
      trouble: round === 1 ? trouble : {},
    };
    return run;
  });
  return { order, rows };
}

describe("a comparison", () => {
  const cpus = { "aquatic-ws": [12, 20, 10], floor: [5, 4, 6] };

  test("lets contestants take turns, and gives medians, extremes and ratios", async () => {
    const { order, rows } = await compare([], cpus);
    expect(order).toEqual([ours, floor, ours, floor, ours, floor].map(({ name }) => name));
    expect(rows[0]).toMatchObject({ contestant: "aquatic-ws", isOurs: true });
    expect(rows[0].figures.cpu).toEqual({ median: 12, min: 10, max: 20 });
    expect(rows[0].cpuTo).toEqual({ floor: 12 / 5 });
    expect(rows[1].cpuTo).toEqual({ "aquatic-ws": 5 / 12 });
  });

  test("sums what went wrong in any round", async () => {
    const { rows } = await compare([], cpus, { "requests lost": 7 });
    expect(rows[0].trouble).toEqual({ "requests lost": 7 });
  });

  test("leaves out the contestants that are not asked for", async () => {
    const { rows } = await compare(["flo"], cpus);
    expect(rows.map((row) => row.contestant)).toEqual(["floor"]);
  });
});

describe("a chart", () => {
  test("has room for its labels, and for the texts of its bars", () => {
    const label = "aquatic-ws, half of the clients deflate";
    const bars = [
      { label, value: 100, text: "1,234 µs, 999.9k/s", isOurs: true },
      { label: "floor", value: 25, text: "25 µs", isOurs: false },
    ];
    const svg = drawBars("Title", "subtitle", [{ name: "a < b", bars }]);
    const width = Number(/width="(\d+)"/.exec(svg)![1]);
    const left = Number(/<text x="(\d+)"[^>]*text-anchor="end">aquatic/.exec(svg)![1]);
    // Characters of 14 pixels are hardly wider than half of that.
    expect(left).toBeGreaterThan(label.length * 7);
    const [first, second] = [...svg.matchAll(/<rect x="(\d+)" [^>]*width="([\d.]+)" height="20"/g)];
    expect(Number(first[2]) / Number(second[2])).toBeCloseTo(4, 1);
    expect(Number(first[1]) + Number(first[2])).toBeLessThan(width - 18 * 7);
    expect(svg).toContain("a &lt; b");
  });
});
