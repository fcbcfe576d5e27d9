// Pages of a real browser that are connected to different nodes of a cluster move a file. With
// $AQUATIC_WS set to a compiled binary, that is the tracker.

import { expect } from "bun:test";
import { startBrowser } from "../support/browser.ts";
import { SECRET } from "../support/cluster-nodes.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";
import { startValkey } from "../support/valkey.ts";

const FILE_BYTES = 500_000;
const TIMEOUT_MS = 60_000;

await testWith(
  ["chromium", "redis-server"],
  "browsers at three nodes exchange a file",
  async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startValkey());
    const browser = stack.use(await startBrowser());
    const start = async (node: string) => {
      const config = `
        [network]
        address = '127.0.0.1:0'
        peer_announce_interval = 10
        [cluster]
        servers = '${server.url}'
        secret = '${SECRET}'
        node = '${node}'`;
      return stack.use(await startTracker({ program: "ws", config }));
    };
    const trackers = await Promise.all(["a", "b", "c"].map(start));
    for (const tracker of trackers) {
      await tracker.waitForOutput(() => tracker.stderr.split("has joined").length === 3);
    }
    const open = async () => {
      const page = stack.use(await browser.open());
      await page.call("createClient");
      return page;
    };
    const [url, ...others] = trackers.map(({ ports }) => `ws://127.0.0.1:${ports[0]}/announce`);
    const { magnet, sha256 } = await (await open()).call("seed", 0, FILE_BYTES, url);
    for (const other of others) {
      // The magnet link names the tracker of the seeder.
      const elsewhere = magnet.replaceAll(encodeURIComponent(url), encodeURIComponent(other));
      expect(elsewhere).not.toContain(encodeURIComponent(url));
      const fetched = await (await open()).call("fetch", 0, elsewhere, other);
      expect(fetched).toEqual({ sha256, wireTypes: expect.arrayContaining(["webrtc"]) });
    }
  },
  TIMEOUT_MS,
);
