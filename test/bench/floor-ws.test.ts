import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Report } from "../../bench/load/ws/report.ts";
import { startChild } from "../support/child.ts";

const REPOSITORY = resolve(import.meta.dir, "../..");
const compiler = Bun.which("cc");

test.skipIf(compiler === null)(
  "the floor relays offers and answers as a tracker does",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "aquatic-floor-"));
    try {
      const binary = join(directory, "floor");
      const source = join(REPOSITORY, "bench/floor/ws.c");
      const { exitCode, stderr } = Bun.spawnSync([compiler!, "-O2", "-o", binary, source]);
      expect([exitCode, stderr.toString()]).toEqual([0, ""]);
      await using floor = startChild([binary, "127.0.0.1", "0"]);
      const port = () => /listening on 127\.0\.0\.1:(\d+)\n/.exec(floor.stderr)?.[1];
      await floor.waitForOutput(() => port() !== undefined, 10_000);
      const config = join(directory, "load.toml");
      writeFileSync(
        config,
        `server_url = 'ws://127.0.0.1:${port()}'
       duration = 2
       [network]
       connections = 40
       rate = 200
       churn = 20
       [requests]
       number_of_torrents = 4
       sdp_size = 'long'`,
      );
      const entry = join(REPOSITORY, "bench/load/ws.ts");
      await using load = startChild([process.execPath, "run", entry, "-c", config, "--json"]);
      expect([await load.exited, load.stderr]).toEqual([0, expect.anything()]);
      const { measured, setup } = JSON.parse(load.stdout) as Report;
      expect([setup.responses, setup.invalid_by_fault]).toEqual([40, {}]);
      expect([measured.invalid_by_fault, measured.closed]).toEqual([{}, 0]);
      expect(measured.answers_received).toBeGreaterThan(0);
      expect(measured.churned).toBeGreaterThan(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  30_000,
);
