// What else nodes of a cluster of UDP trackers have to get right: see cluster.test.ts.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awaitCounts, awaitNodes, poll, startNode } from "../support/cluster-nodes.ts";
import { describeWith } from "../support/requirements.ts";
import { startValkey } from "../support/valkey.ts";

const TIMEOUT_MS = 60_000;

await describeWith(["redis-server"], "UDP trackers of a cluster", () => {
  test(
    "share what several request workers answer",
    async () => {
      await using server = await startValkey();
      const servers = [server.url];
      await using a = await startNode({ servers, node: "a", requestWorkers: 2 });
      await using b = await startNode({ servers, node: "b", requestWorkers: 2 });
      await awaitNodes([a, b], 1);
      for (let torrent = 0; torrent < 10; torrent++) {
        await a.announce(torrent, 1, { left: 0n });
        await b.announce(torrent, 2);
      }
      const counts = Array.from({ length: 10 }, () => [1, 1] as const);
      await awaitCounts([a, b], counts);
      // To list the peers, one more announces itself.
      expect(await a.readMetric("aquatic_cluster_announces_total", 'fate="applied"')).toBe(10);
      expect(await b.listPeers(7)).toEqual([1, 2]);
      // An estimate, which the link thread reports once a second.
      await poll("peers of a", async () => {
        const count = await b.readMetric("aquatic_cluster_peers", 'node="a"');
        return [Math.abs(count - 10) <= 1, count];
      });
    },
    TIMEOUT_MS,
  );

  test(
    "merge a restored snapshot with what the others know",
    async () => {
      const path = mkdtempSync(join(tmpdir(), "aquatic-state-"));
      const more = `[persistence]\npath = '${path}'`;
      try {
        await using server = await startValkey();
        const servers = [server.url];
        await using a = await startNode({ servers, node: "a" });
        {
          await using b = await startNode({ servers, node: "b", more });
          await awaitNodes([a, b], 1);
          await b.announce(0, 1);
          await b.announce(0, 2);
          await awaitCounts([a, b], [[0, 2]]);
          expect(await b.tracker.stop()).toBe(0);
          await awaitNodes([a], 0);
        }
        await a.announce(0, 2, { left: 0n });
        await a.announce(0, 3);
        await using b = await startNode({ servers, node: "b", more });
        expect(b.tracker.stderr).toContain("2 peers of 1 torrents have been restored");
        await awaitCounts([a, b], [[1, 2]]);
      } finally {
        rmSync(path, { recursive: true });
      }
    },
    TIMEOUT_MS,
  );

  test(
    "catch up after they were stopped for a while",
    async () => {
      await using server = await startValkey();
      const servers = [server.url];
      const [a, b, c] = await Promise.all(
        ["a", "b", "c"].map((node) => startNode({ servers, node })),
      );
      await using stack = new AsyncDisposableStack();
      for (const node of [a, b, c]) stack.use(node);
      await awaitNodes([a, b, c], 2);
      await c.announce(0, 1);
      await awaitCounts([a, b, c], [[0, 1]]);
      process.kill(c.tracker.pid, "SIGSTOP");
      await awaitNodes([a, b], 1);
      await a.announce(0, 2);
      await b.announce(0, 3);
      process.kill(c.tracker.pid, "SIGCONT");
      await awaitCounts([a, b, c], [[0, 3]]);
      await c.announce(0, 4);
      await awaitCounts([a, b, c], [[0, 4]]);
    },
    TIMEOUT_MS,
  );
});
