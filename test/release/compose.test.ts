// What docker/compose.yaml mounts into its containers.

import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readConfig } from "../../src/app/config.ts";
import { udpSchema } from "../../src/udp/config.ts";
import { wsSchema } from "../../src/ws/config.ts";
import { testWith } from "../support/requirements.ts";

const DOCKER = resolve(import.meta.dir, "../../docker");

interface Compose {
  readonly services: Readonly<Record<string, { readonly volumes: readonly string[] }>>;
}

async function readYaml<T>(path: string): Promise<T> {
  return Bun.YAML.parse(await Bun.file(join(DOCKER, path)).text()) as T;
}

/** The files of the repository that a service sees, by their path in its container. */
async function listMounts(service: string): Promise<Map<string, string>> {
  const { services } = await readYaml<Compose>("compose.yaml");
  const mounts = services[service].volumes.map((volume) => volume.split(":"));
  return new Map(
    mounts
      .filter(([source]) => source.startsWith("."))
      .map(([source, target]) => [target, join(DOCKER, source)]),
  );
}

test("each mounted file is in the repository", async () => {
  for (const service of ["udp", "ws", "prometheus", "grafana"]) {
    const mounts = await listMounts(service);
    expect(mounts.size).toBeGreaterThan(0);
    for (const source of mounts.values()) expect(existsSync(source)).toBe(true);
  }
});

test.each([
  ["udp", udpSchema],
  ["ws", wsSchema],
] as const)("%s is reached from outside, and by Prometheus", async (service, schema) => {
  const mounts = await listMounts(service);
  const config = readConfig(schema, mounts.get(`/etc/aquatic/${service}.toml`)!);
  expect(config.network.address).toEqual(["0.0.0.0:3000"]);
  expect(config.statistics).toMatchObject({
    http_address: "0.0.0.0:9000",
    http_hosts: [service],
  });
  const { scrape_configs } = await readYaml<{
    scrape_configs: { static_configs: { targets: string[]; labels: object }[] }[];
  }>("prometheus.yml");
  expect(scrape_configs[0].static_configs).toContainEqual({
    targets: [`${service}:9000`],
    labels: { tracker: service },
  });
});

await testWith(["prometheus"], "promtool accepts Prometheus' files", async () => {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-compose-"));
  try {
    for (const [target, source] of await listMounts("prometheus")) {
      copyFileSync(source, join(directory, target.replace("/etc/prometheus/", "")));
    }
    const { exitCode, stdout } = Bun.spawnSync(["promtool", "check", "config", "prometheus.yml"], {
      cwd: directory,
    });
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(/SUCCESS: \d+ rules found/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("Grafana finds Prometheus and its dashboard", async () => {
  const mounts = await listMounts("grafana");
  const { datasources } = await readYaml<{ datasources: { url: string }[] }>(
    "grafana/datasources.yml",
  );
  expect(datasources.map(({ url }) => url)).toEqual(["http://prometheus:9090"]);
  const { providers } = await readYaml<{ providers: { options: { path: string } }[] }>(
    "grafana/dashboards.yml",
  );
  expect([...mounts.keys()]).toContain(join(providers[0].options.path, "aquatic.json"));
});
