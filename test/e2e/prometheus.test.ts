// The real Prometheus scrapes a tracker. In a file of its own, because it takes five seconds to
// begin.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../support/child.ts";
import { announceThree, PAGES, pagesOf } from "../support/operator.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";

const TIMEOUT_MS = 30_000;

await testWith(
  ["prometheus"],
  "Prometheus scrapes what the UDP tracker did",
  async () => {
    await using tracker = await startTracker({ config: PAGES });
    const pages = await pagesOf(tracker);
    await announceThree(tracker);
    const { host } = new URL(pages);

    const directory = mkdtempSync(join(tmpdir(), "aquatic-prometheus-"));
    using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
    const config = join(directory, "prometheus.yml");
    writeFileSync(
      config,
      `scrape_configs:
  - job_name: aquatic
    scrape_interval: 200ms
    scrape_timeout: 200ms
    static_configs: [{ targets: ['${host}'] }]
`,
    );
    await using prometheus = startChild([
      "prometheus",
      `--config.file=${config}`,
      `--storage.tsdb.path=${directory}/data`,
      "--web.listen-address=127.0.0.1:0",
    ]);
    const [, own] = await prometheus.waitForLine(/Listening on.* address=(\S+)/);
    const query = async (expression: string): Promise<number | undefined> => {
      const url = `http://${own}/api/v1/query?query=${encodeURIComponent(expression)}`;
      const response = await fetch(url).catch(() => undefined);
      if (response?.ok !== true) return undefined;
      const { data } = (await response.json()) as {
        data: { result: { value: [number, string] }[] };
      };
      return data.result.length === 0 ? undefined : Number(data.result[0].value[1]);
    };
    const awaitValue = async (expression: string, value: number) => {
      while ((await query(expression)) !== value) {
        await Bun.sleep(50);
      }
    };
    await awaitValue('up{job="aquatic"}', 1);
    await awaitValue("sum(aquatic_requests_total)", 6);
    await awaitValue('sum(aquatic_responses_total{type="announce",ip_version="4"})', 3);
    await awaitValue('sum(aquatic_responses_total{type="error"})', 1);
    await awaitValue('sum(aquatic_not_served_total{reason="malformed"})', 1);
    await awaitValue('aquatic_torrents{ip_version="4"}', 2);
    await awaitValue('aquatic_peers{ip_version="4"}', 3);
  },
  TIMEOUT_MS,
);
