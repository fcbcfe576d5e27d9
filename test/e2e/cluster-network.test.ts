// A cluster over a network that loses every tenth packet: trackers, clients and the server each in
// a namespace of their own. Clients that know one tracker each find each other and move a file.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Child } from "../support/child.ts";
import { startLibtorrent } from "../support/clients/libtorrent.ts";
import { SECRET } from "../support/cluster-nodes.ts";
import { addressOf, createNetwork, type Host, type Network } from "../support/netns.ts";
import { describeWith } from "../support/requirements.ts";
import { makeTorrent, writeTorrentFile } from "../support/torrent.ts";
import { startTracker } from "../support/tracker.ts";
import { startValkey } from "../support/valkey.ts";

const PORT = 3000;
const TIMEOUT_MS = 90_000;
const NODES = ["a", "b", "c"] as const;
type Name = (typeof NODES)[number] | "server" | "seeder" | "near" | "far";

await describeWith(
  ["root", "network namespaces", "IPv6", "redis-server", "iptables", "python3-libtorrent"],
  "over a network that loses packets",
  () => {
    const stack = new AsyncDisposableStack();
    let network: Network<Name>;
    let directory: string;
    const trackers = new Map<string, Child>();

    beforeAll(async () => {
      network = stack.use(createNetwork<Name>([...NODES, "server", "seeder", "near", "far"]));
      directory = mkdtempSync(join(tmpdir(), "aquatic-cluster-"));
      stack.defer(() => rmSync(directory, { recursive: true, force: true }));
      const { hosts } = network;
      const { ipv4, netns } = hosts.server;
      const server = stack.use(await startValkey("redis", { netns, host: ipv4 }));
      const drop = "-A INPUT -m statistic --mode random --probability 0.1 -j DROP".split(" ");
      expect(Bun.spawnSync(["ip", "netns", "exec", netns, "iptables", ...drop]).exitCode).toBe(0);
      const start = async (name: (typeof NODES)[number]): Promise<void> => {
        const config = `
          [network]
          address = ['0.0.0.0:${PORT}', '[::]:${PORT}']
          peer_announce_interval = 15
          [cluster]
          servers = '${server.url}'
          secret = '${SECRET}'
          node = '${name}'`;
        const tracker = stack.use(await startTracker({ netns: hosts[name].netns, config }));
        trackers.set(name, tracker);
        for (const other of NODES) {
          if (other === name) continue;
          await tracker.waitForLine(new RegExp(`node ${other} has joined`), TIMEOUT_MS / 2);
        }
      };
      await Promise.all(NODES.map(start));
    }, TIMEOUT_MS);

    afterAll(() => stack.disposeAsync(), TIMEOUT_MS);

    test.each(["IPv4", "IPv6"] as const)(
      "clients of three trackers move a file over %s",
      async (family) => {
        const { hosts } = network;
        const torrent = makeTorrent(`${family}.bin`, 1_000_000);
        const startClient = (host: Host, node: Host, name: string, payload?: Buffer) => {
          const download = join(directory, `${family}-${name}`);
          mkdirSync(download);
          if (payload !== undefined) writeFileSync(join(download, torrent.name), payload);
          const address = addressOf(node, family);
          const url = `udp://${family === "IPv4" ? address : `[${address}]`}:${PORT}/announce`;
          const torrentPath = `${download}.torrent`;
          writeFileSync(torrentPath, writeTorrentFile(torrent, url));
          const client = startLibtorrent({ host, torrent: torrentPath, directory: download });
          return { client, path: join(download, torrent.name) };
        };
        const seeder = startClient(hosts.seeder, hosts.a, "seeder", torrent.payload);
        await using _seeder = seeder.client;
        await seeder.client.waitForLine(/received peers/, TIMEOUT_MS / 3);
        for (const [host, node, name] of [
          [hosts.near, hosts.b, "near"],
          [hosts.far, hosts.c, "far"],
        ] as const) {
          const fetcher = startClient(host, node, name);
          await using _fetcher = fetcher.client;
          await fetcher.client.waitForPayload(TIMEOUT_MS / 3);
          expect(readFileSync(fetcher.path).equals(torrent.payload)).toBe(true);
        }
      },
      TIMEOUT_MS,
    );
  },
);
