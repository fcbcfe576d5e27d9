// What a comparison leaves behind: one file in bench/results, with the machine and the programs it
// was measured with.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import { REPOSITORY } from "./processes.ts";

const RESULTS = resolve(import.meta.dir, "../results");

/** Writes a summary as JSON: objects of nothing but numbers on one line each. */
export function keepSummary(name: string, summary: object): void {
  const text = JSON.stringify({ ...describeMachine(), ...summary }, round, 1);
  const short = text.replaceAll(/\{[^{}[\]]*\}/g, (object) => object.replaceAll(/\n\s*/g, " "));
  keepFile(`${name}.json`, `${short}\n`);
}

export function keepFile(name: string, content: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(resolve(RESULTS, name), content);
}

export function describeMachine() {
  const cores = cpus();
  return {
    machine: `${cores.length} x ${cores[0].model}, Linux ${release()}`,
    commit: commitOf(REPOSITORY),
    date: new Date().toISOString().slice(0, 10),
    versions: {
      bun: Bun.version,
      node: run(["node", "--version"]),
      cc: run(["cc", "-dumpfullversion"]),
      "bittorrent-tracker": packageVersion("bittorrent-tracker"),
    },
  };
}

/** The commit of a checkout, in short. */
export function commitOf(root: string): string {
  return run(["git", "-C", root, "rev-parse", "--short", "HEAD"]);
}

function run(argv: string[]): string {
  try {
    return Bun.spawnSync(argv).stdout.toString().trim();
  } catch {
    return "";
  }
}

function packageVersion(name: string): string {
  const path = join(REPOSITORY, "node_modules", name, "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

// Four digits say all that a measurement does.
function round(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value;
}
