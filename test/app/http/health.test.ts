import { expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import { checkWorkers } from "../../../src/app/http/health.ts";
import type { Subject } from "../../../src/app/http/subject.ts";
import { Pulse } from "../../../src/app/pulse.ts";

test("a worker that shows no life for more than five seconds is stuck", () => {
  const counters = allocateCounters(2);
  const pulses = [0, 1].map((worker) => new Pulse(new Counters(counters, worker)));
  const check = (second: number) => {
    const subject = { clock: { second }, counters, workers: ["a", "b"] } as unknown as Subject;
    return checkWorkers(subject).map(({ isAlive, silentSeconds }) => [isAlive, silentSeconds]);
  };
  const both = (now: number) => pulses.forEach((pulse) => pulse.beat(now));
  both(100);
  expect(check(105)).toEqual([
    [true, 5],
    [true, 5],
  ]);
  pulses[0].beat(105);
  expect(check(106)).toEqual([
    [true, 1],
    [false, 6],
  ]);
  both(107);
  // A worker may be a second ahead of whoever asks.
  expect(check(106)).toEqual([
    [true, 0],
    [true, 0],
  ]);
});
