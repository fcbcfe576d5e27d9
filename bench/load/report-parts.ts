// What the reports of both load testers have in common.

import type { Durations } from "./histogram.ts";

/** CPU time of the load tester, in seconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

/** The CPU time since `process.cpuUsage()` gave `before`. */
export function cpuTimeSince(before: NodeJS.CpuUsage): CpuTime {
  const { system, user } = process.cpuUsage(before);
  return { user: user / 1e6, system: system / 1e6 };
}

export function describeCpuTime({ system, user }: CpuTime): string {
  return `CPU of the load tester: ${user.toFixed(2)} s user, ${system.toFixed(2)} s system`;
}

export function describeDurations({ p50, p99, p999, max }: Durations): string {
  return `p50 ${p50}, p99 ${p99}, p99.9 ${p999}, max ${max}`;
}

/** Counts by name in brackets, to follow their sum; nothing where there are none. */
export function describeCounts(counts: Record<string, number>): string {
  const list = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  return list.length > 0 ? ` (${list.join(", ")})` : "";
}
