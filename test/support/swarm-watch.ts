// A program that scrapes a tracker repeatedly and prints the counts of a swarm, as a line of
// `INFO_HASH seeders N leechers N`, whenever they change, starting from zero. The end-to-end tests
// run it inside the tracker's network, which they cannot reach themselves.
//
//   usage: swarm-watch.ts TRACKER_ADDRESS PORT LOCAL_ADDRESS INFO_HASH...

import { buildScrape, parseResponse } from "./bep15.ts";
import { openUdpClient } from "./udp-client.ts";

const PERIOD_MS = 100;
/** A connection id of BEP 15 is valid for at least a minute. */
const CONNECTION_AGE_MS = 30_000;

const [address, port, localAddress, ...infoHashes] = process.argv.slice(2);
const hashes = infoHashes.map((hex) => Buffer.from(hex, "hex"));
const shown = infoHashes.map(() => "seeders 0 leechers 0");

await using client = await openUdpClient({ address, port: Number(port), localAddress });
let connectionId = await client.connect();
let connectedAt = Date.now();

while (true) {
  if (Date.now() - connectedAt > CONNECTION_AGE_MS) {
    connectedAt = Date.now();
    connectionId = await client.connect();
  }
  const request = buildScrape({ connectionId, infoHashes: hashes });
  const bytes = await client.request(request);
  const response = bytes && parseResponse(bytes, client.addressBytes);
  if (response?.kind === "scrape") response.swarms.forEach(show);
  await Bun.sleep(PERIOD_MS);
}

function show({ seeders, leechers }: { seeders: number; leechers: number }, index: number): void {
  const counts = `seeders ${seeders} leechers ${leechers}`;
  if (counts === shown[index]) return;
  shown[index] = counts;
  console.log(`${infoHashes[index]} ${counts}`);
}
