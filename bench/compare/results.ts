// What a comparison leaves behind: files in bench/results, with the machine they were measured on.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { resolve } from "node:path";

const RESULTS = resolve(import.meta.dir, "../results");

/** Writes what was measured under a load to a file named after both. */
export function keepMeasurements(
  protocol: "udp" | "ws",
  load: string,
  rounds: number,
  measurements: readonly unknown[],
): void {
  const name = load.replaceAll(/[ ,]+/g, "-");
  const content = { ...describeMachine(), rounds, measurements };
  keepFile(`${protocol}-${name}.json`, `${JSON.stringify(content, null, 1)}\n`);
}

export function keepFile(name: string, content: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(resolve(RESULTS, name), content);
}

export function describeMachine() {
  const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const cores = cpus();
  return {
    machine: `${cores.length} x ${cores[0].model}, Linux ${release()}, Bun ${Bun.version}`,
    commit: git.stdout.toString().trim(),
    date: new Date().toISOString().slice(0, 10),
  };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
