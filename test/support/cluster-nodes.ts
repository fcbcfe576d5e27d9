// Nodes of a cluster of UDP trackers on this host, and clients that announce at them.

import { buildAnnounce, buildScrape, EVENT, parseResponse } from "./bep15.ts";
import { startTracker, type Tracker } from "./tracker.ts";
import { openUdpClient, type UdpClient } from "./udp-client.ts";

export const SECRET = "what only these trackers know";

const CONVERGE_MS = 20_000;
const POLL_MS = 50;

export interface NodeOptions {
  readonly servers: readonly string[];
  readonly node: string;
  readonly secret?: string;
  readonly requestWorkers?: number;
  /** More lines, which begin with the keys of [cleaning]. */
  readonly more?: string;
  /** In front of the command line. */
  readonly prefix?: readonly string[];
  readonly command?: string[];
}

/** Seeders and leechers of each torrent. */
export type Counts = readonly (readonly [seeders: number, leechers: number])[];

export interface ClusterNode extends AsyncDisposable {
  readonly tracker: Tracker;
  readonly client: UdpClient;
  /** Announces the peer with a port in torrent number `torrent`. */
  announce(torrent: number, port: number, peer?: { left?: bigint; event?: number }): Promise<void>;
  stop(torrent: number, port: number): Promise<void>;
  /** The counts of torrents 0 to before `torrents`. */
  scrape(torrents: number): Promise<Counts>;
  /** The ports of the peers in a torrent, in ascending order. */
  listPeers(torrent: number): Promise<number[]>;
  /** Whether the tracker answers now. */
  answers(): Promise<boolean>;
  /** The sum of the samples of a metric whose labels include these. */
  readMetric(name: string, ...labels: string[]): Promise<number>;
}

export function infoHashOf(torrent: number): Buffer {
  return Buffer.alloc(20, torrent + 1);
}

export async function startNode(options: NodeOptions): Promise<ClusterNode> {
  const { more = "", node, requestWorkers = 1, secret = SECRET, servers } = options;
  const tracker = await startTracker({
    ...(options.command && { command: options.command }),
    config: `
      request_workers = ${requestWorkers}
      [network]
      address = '127.0.0.1:0'
      [statistics]
      http_address = '127.0.0.1:0'
      [cluster]
      servers = ${JSON.stringify(servers)}
      secret = '${secret}'
      node = '${node}'
      [cleaning]
      ${more}`,
  });
  const [, pages] = await tracker.waitForLine(/statistics on (http:[^\s"]+)/);
  const client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
  let connectionId = await client.connect();
  let connectedAt = performance.now();

  const ask = async (build: (id: bigint) => Buffer) => {
    if (performance.now() - connectedAt > 30_000) {
      connectionId = await client.connect();
      connectedAt = performance.now();
    }
    const bytes = await client.request(build(connectionId));
    if (bytes === undefined) throw new Error(`${node} does not answer:\n${tracker.stderr}`);
    const response = parseResponse(bytes, 4)!;
    if (response.kind === "error") throw new Error(response.message);
    return response;
  };
  const announce: ClusterNode["announce"] = async (torrent, port, peer = {}) => {
    const { event = EVENT.none, left = 1n } = peer;
    const infoHash = infoHashOf(torrent);
    await ask((id) => buildAnnounce({ connectionId: id, infoHash, port, left, event, numwant: 0 }));
  };
  return {
    tracker,
    client,
    announce,
    stop: (torrent, port) => announce(torrent, port, { event: EVENT.stopped }),
    async scrape(torrents) {
      const infoHashes = Array.from({ length: torrents }, (_, torrent) => infoHashOf(torrent));
      const response = await ask((id) => buildScrape({ connectionId: id, infoHashes }));
      if (response.kind !== "scrape") throw new Error(response.kind);
      return response.swarms.map(({ leechers, seeders }) => [seeders, leechers] as const);
    },
    async listPeers(torrent) {
      const infoHash = infoHashOf(torrent);
      const port = 65_535;
      const response = await ask((id) => {
        return buildAnnounce({ connectionId: id, infoHash, port, left: 1n, numwant: 240 });
      });
      await announce(torrent, port, { event: EVENT.stopped });
      if (response.kind !== "announce") throw new Error(response.kind);
      const ports = response.peers.map((peer) => peer.port).filter((other) => other !== port);
      return ports.sort((a, b) => a - b);
    },
    async answers() {
      return (await client.request(buildScrape({ connectionId, infoHashes: [] }))) !== undefined;
    },
    async readMetric(name, ...labels) {
      const text = await (await fetch(`${pages}metrics`)).text();
      const lines = text.split("\n").filter((line) => {
        return /^[^{ ]+/.exec(line)?.[0] === name && labels.every((label) => line.includes(label));
      });
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await tracker[Symbol.asyncDispose]();
    },
  };
}

/** Resolves once each node sees so many others. */
export async function awaitNodes(nodes: readonly ClusterNode[], others: number): Promise<void> {
  await poll(`${others} other nodes`, async () => {
    const counts = await Promise.all(nodes.map((node) => node.readMetric("aquatic_cluster_nodes")));
    return [counts.every((count) => count === others), counts];
  });
}

/** Resolves once all nodes have these swarms. */
export async function awaitCounts(nodes: readonly ClusterNode[], counts: Counts): Promise<void> {
  await poll(JSON.stringify(counts), async () => {
    const seen = await Promise.all(nodes.map((node) => node.scrape(counts.length)));
    return [seen.every((each) => Bun.deepEquals(each, counts)), seen];
  });
}

/** Resolves once `check` gives true; it also gives what to show if that takes too long. */
export async function poll(
  what: string,
  check: () => Promise<[isTrue: boolean, seen: unknown]>,
  milliseconds = CONVERGE_MS,
): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const [isTrue, seen] = await check();
    if (isTrue) return;
    if (performance.now() > end) throw new Error(`not ${what}: ${JSON.stringify(seen)}`);
    await Bun.sleep(POLL_MS);
  }
}
