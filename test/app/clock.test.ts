// The clock, on a timer and times that the tests control.

import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { Clock } from "../../src/app/clock.ts";
import { allocateControl } from "../../src/app/control.ts";

let tick: () => void;
let monotonic: ReturnType<typeof spyOn<typeof performance, "now">>;
let wall: ReturnType<typeof spyOn<typeof Date, "now">>;
let start: ReturnType<typeof spyOn<typeof globalThis, "setInterval">>;

beforeEach(() => {
  monotonic = spyOn(performance, "now").mockReturnValue(70_000);
  wall = spyOn(Date, "now").mockReturnValue(1_900_000_000_500);
  start = spyOn(globalThis, "setInterval").mockImplementation(((callback: () => void) => {
    tick = callback;
  }) as never);
});
afterEach(() => {
  jest.restoreAllMocks();
});

test("the clock counts whole seconds from its start", () => {
  const clock = new Clock(allocateControl(1));
  const ticks: number[] = [];
  clock.keep((second) => ticks.push(second));
  expect(start).toHaveBeenCalledTimes(1);
  // Often enough not to miss a second.
  expect(start.mock.calls[0][1]).toBeLessThanOrEqual(500);
  const shown = [70_000, 70_999, 71_000, 75_500, 75_400, 74_000].map((time) => {
    monotonic.mockReturnValue(time);
    tick();
    return clock.second;
  });
  expect(shown).toEqual([0, 0, 1, 5, 5, 5]);
  expect(ticks).toEqual([0, 0, 0, 1, 5, 5, 5]);
});

test("a step of the wall clock moves the wall time of a second, but not the second", () => {
  const clock = new Clock(allocateControl(1));
  clock.keep();
  monotonic.mockReturnValue(100_250);
  wall.mockReturnValue(1_900_000_030_750);
  tick();
  expect([clock.second, clock.uptimeSeconds]).toEqual([30, 30.25]);
  expect([clock.wallTimeOf(0), clock.wallTimeOf(20)]).toEqual([1_900_000_000.5, 1_900_000_020.5]);
  wall.mockReturnValue(1_900_003_630_750);
  tick();
  expect([clock.second, clock.uptimeSeconds]).toEqual([30, 30.25]);
  expect([clock.wallTimeOf(0), clock.wallTimeOf(20)]).toEqual([1_900_003_600.5, 1_900_003_620.5]);
});
