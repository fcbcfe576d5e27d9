// The example files for Prometheus and Grafana: promtool accepts them, the alerts fire when they
// should, and every metric in them is one that a tracker serves.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PAGES, pagesOf } from "../support/operator.ts";
import { makeCertificate } from "../support/certificate.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";

/** Nobody answers there. */
const CLUSTER = `[cluster]
  servers = 'redis://127.0.0.1:1'
  secret = '0123456789abcdef'`;

const MONITORING = resolve(import.meta.dir, "../../release/files/monitoring");

function promtool(...args: string[]): { code: number; output: string } {
  const { exitCode, stderr, stdout } = Bun.spawnSync(["promtool", ...args]);
  return { code: exitCode, output: stdout.toString() + stderr.toString() };
}

await testWith(["prometheus"], "promtool accepts the scrape configuration and the rules", () => {
  const config = promtool("check", "config", join(MONITORING, "prometheus/scrape.yml"));
  expect(config).toMatchObject({ code: 0, output: expect.stringContaining("SUCCESS: 11 rules") });
});

await testWith(["prometheus"], "the alerts fire when they should", () => {
  const { code, output } = promtool("test", "rules", join(import.meta.dir, "alerts.yml"));
  expect([code, output]).toEqual([0, expect.stringContaining("SUCCESS")]);
});

await testWith(
  ["openssl"],
  "a tracker serves every metric of the rules and the dashboard",
  async () => {
    // Without clients, and without other nodes, these have no samples.
    const served = new Set(["aquatic_peer_clients", "aquatic_cluster_peers"]);
    using files = await makeCertificate();
    const tls = `use_tls = true
    tls_certificate_path = '${files.certificatePath}'
    tls_private_key_path = '${files.privateKeyPath}'
    [statistics]`;
    for (const [program, config] of [
      ["udp", `request_workers = 1\n${PAGES}\n${CLUSTER}`],
      ["ws", PAGES.replace("[statistics]", tls)],
    ] as const) {
      await using tracker = await startTracker({ program, config });
      const pages = await pagesOf(tracker);
      let text = "";
      do text = await (await fetch(`${pages}metrics`)).text();
      while (program === "udp" && !text.includes("aquatic_cluster_nodes"));
      for (const [name] of text.matchAll(/^aquatic_\w+/gm)) served.add(name);
    }
    for (const file of ["prometheus/alerts.yml", "grafana/aquatic.json"]) {
      const names = readFileSync(join(MONITORING, file), "utf8").match(/aquatic_\w+/g)!;
      expect(names.filter((name) => !served.has(name))).toEqual([]);
    }
  },
);

test("the panels of the dashboard do not overlap", () => {
  const { panels } = JSON.parse(readFileSync(join(MONITORING, "grafana/aquatic.json"), "utf8")) as {
    panels: { gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  const taken = new Set<string>();
  for (const { gridPos } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.has(`${x},${y}`)).toBe(false);
        expect(x).toBeLessThan(24);
        taken.add(`${x},${y}`);
      }
    }
  }
});
