// Swarms that do not fit one packet: libtorrent reads responses into 1,500 bytes and ignores the
// peers of a longer one.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startChild } from "../support/child.ts";
import { startLibtorrent } from "../support/clients/libtorrent.ts";
import { addressOf, createNetwork, type Network } from "../support/netns.ts";
import { describeWith } from "../support/requirements.ts";
import { makeTorrent, writeTorrentFile } from "../support/torrent.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";

const FIXTURE = resolve(import.meta.dir, "announce-fixture.ts");
const PORT = 3000;
const TIMEOUT_MS = 60_000;

await describeWith(
  ["root", "network namespaces", "IPv6", "python3-libtorrent"],
  "libtorrent in a large swarm",
  () => {
    let network: Network<"tracker" | "swarm" | "client">;
    let tracker: Tracker;
    let directory: string;

    beforeAll(async () => {
      network = createNetwork(["tracker", "swarm", "client"]);
      directory = mkdtempSync(join(tmpdir(), "aquatic-large-"));
      const { netns } = network.hosts.tracker;
      const config = `[network]\naddress = ['0.0.0.0:${PORT}', '[::]:${PORT}']`;
      tracker = await startTracker({ netns, config });
    });

    afterAll(async () => {
      await tracker[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    test.each([
      ["IPv4", 300, 300, 242],
      ["IPv6", 100, 200, 79],
    ] as const)(
      "of %s, %i peers, wants %i and uses the %i that fit a packet",
      async (family, peers, wanted, fitting) => {
        const { hosts } = network;
        const [address, local] = [hosts.tracker, hosts.swarm].map((host) =>
          addressOf(host, family),
        );
        const torrent = makeTorrent(`${family}.bin`, 100_000);
        const hash = torrent.infoHash.toString("hex");
        const argv = [FIXTURE, address, String(PORT), local, hash, String(peers)];
        await using swarm = startChild([process.execPath, ...argv], { netns: hosts.swarm.netns });
        await swarm.waitForLine(new RegExp(`"leechers":${peers}`));

        const url = family === "IPv4" ? address : `[${address}]`;
        const torrentPath = join(directory, `${family}.torrent`);
        writeFileSync(torrentPath, writeTorrentFile(torrent, `udp://${url}:${PORT}/announce`));
        const download = join(directory, family);
        mkdirSync(download);
        await using client = startLibtorrent(
          { host: hosts.client, torrent: torrentPath, directory: download },
          wanted,
        );
        const reply = /received peers: \d+|invalid size/;
        const [line] = await client.waitForLine(reply, TIMEOUT_MS / 2);
        expect(line).toBe(`received peers: ${fitting}`);
      },
      TIMEOUT_MS,
    );
  },
);
