// What the reports of both load testers have in common.

import type { Durations } from "./histogram.ts";

/** CPU time of the load tester, in seconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
  /** Both, each second: 1 is all of one core. */
  readonly share: number;
}

/** From this share of a core for each worker on, the load tester is what limits the load. */
const LIMIT = 0.97;

/** The CPU time since `process.cpuUsage()` gave `before`, so many seconds ago. */
export function cpuTimeSince(before: NodeJS.CpuUsage, seconds: number): CpuTime {
  const { system, user } = process.cpuUsage(before);
  return { user: user / 1e6, system: system / 1e6, share: (user + system) / 1e6 / seconds };
}

export function describeCpuTime({ share, system, user }: CpuTime, workers: number): string {
  const isLimit = share >= workers * LIMIT;
  return (
    `CPU of the load tester: ${user.toFixed(2)} s user, ${system.toFixed(2)} s system, ` +
    `${share.toFixed(2)} of a core${isLimit ? ": its limit, the tracker may be faster" : ""}`
  );
}

export function describeDurations({ p50, p99, p999, max }: Durations): string {
  return `p50 ${p50}, p99 ${p99}, p99.9 ${p999}, max ${max}`;
}

/** Counts by name in brackets, to follow their sum; nothing where there are none. */
export function describeCounts(counts: Record<string, number>): string {
  const list = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  return list.length > 0 ? ` (${list.join(", ")})` : "";
}
