import { expect, test } from "bun:test";
import { allocateControl, CONTROL } from "../../../src/app/control.ts";
import { FineClock } from "../../../src/udp/link/fine-clock.ts";

test("the clock has the fraction of a second that has passed since the second began", () => {
  const control = new Int32Array(allocateControl(1));
  let milliseconds = 7_654_321;
  const clock = new FineClock(control, () => milliseconds);
  // The clock advances 400 ms after a whole second of the other one, as seen every 50 ms.
  for (let i = 0; i < 200; i++) {
    milliseconds += 50;
    control[CONTROL.clock] = Math.floor((milliseconds - 7_654_321 + 600) / 1000);
    const now = clock.read();
    expect(clock.second).toBe(control[CONTROL.clock]);
    expect(now).toBeGreaterThanOrEqual(clock.second);
    expect(now).toBeLessThan(clock.second + 1.05);
    if (i > 20) expect(Math.abs(now - (milliseconds - 7_654_321 + 600) / 1000)).toBeLessThan(0.06);
  }
});
