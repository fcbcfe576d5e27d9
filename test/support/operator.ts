// Trackers with the operator's pages, and what a few clients did to them.

import { buildAnnounce } from "./bep15.ts";
import type { Tracker } from "./tracker.ts";
import { openUdpClient } from "./udp-client.ts";

/** A configuration whose last section is [statistics]. */
export const PAGES = `
  [network]
  address = '127.0.0.1:0'
  [statistics]
  http_address = '127.0.0.1:0'`;

/** The address of the pages, with a slash at its end. */
export async function pagesOf(tracker: Tracker): Promise<string> {
  const [, url] = await tracker.waitForLine(/statistics on (http:[^\s"]+)"$/);
  return url;
}

/**
 * Announces a seeder and a leecher of one torrent, and a leecher of another; then sends nonsense,
 * and an announce with a wrong connection id.
 */
export async function announceThree(tracker: Tracker): Promise<void> {
  await using client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
  const connectionId = await client.connect();
  for (const [torrent, port, left] of [
    [1, 1, 0n],
    [1, 2, 1n],
    [2, 3, 1n],
  ] as const) {
    const infoHash = Buffer.alloc(20, torrent);
    await client.request(buildAnnounce({ connectionId, infoHash, port, left }));
  }
  client.send(Buffer.from("nonsense"));
  await client.request(buildAnnounce({ connectionId: 1n, port: 1 }));
}
