// What a tracker in a cluster needs beside it: a Valkey or Redis server, and another node that
// sends changes. Both run on the core of the load.

import { join } from "node:path";
import { LOAD_CORE, REPOSITORY } from "./processes.ts";

const PORT = 6390;

export const VALKEY_URL = `redis://127.0.0.1:${PORT}`;
export const CLUSTER_SECRET = "known to all nodes of the comparison";

/** Starts a server, and a node that sends so many changes a second; none for 0. */
export async function startCluster(changesPerSecond: number): Promise<AsyncDisposable> {
  const program = Bun.which("valkey-server") ?? Bun.which("redis-server");
  if (program === null) throw new Error("a cluster needs valkey-server or redis-server");
  const children: Bun.Subprocess[] = [];
  const start = (argv: readonly string[]): void => {
    const pinned = ["taskset", "-c", LOAD_CORE, ...argv];
    children.push(Bun.spawn(pinned, { stdin: "ignore", stdout: "ignore", stderr: "ignore" }));
  };
  start([program, "--port", String(PORT), "--save", "", "--bind", "127.0.0.1"]);
  if (changesPerSecond > 0) {
    const feeder = join(REPOSITORY, "bench/compare/cluster-node.ts");
    start([process.execPath, "run", feeder, String(changesPerSecond)]);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill();
      await Promise.all(children.map(({ exited }) => exited));
    },
  };
}
