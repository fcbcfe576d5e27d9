// A program that announces leechers of a swarm to a tracker, one for each port from 1 on, and
// prints the response to the last one as JSON.
//
//   usage: announce-fixture.ts TRACKER_ADDRESS PORT LOCAL_ADDRESS [INFO_HASH [PEERS]]

import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { openUdpClient } from "../support/udp-client.ts";

const [address, port, localAddress, hash = "07".repeat(20), peers = "1"] = process.argv.slice(2);
const infoHash = Buffer.from(hash, "hex");
await using client = await openUdpClient({ address, port: Number(port), localAddress });
const connectionId = await client.connect();
for (let peer = 1; peer <= Number(peers); peer++) {
  const announce = buildAnnounce({ connectionId, infoHash, port: peer, left: 1n });
  const response = await client.request(announce);
  if (response === undefined) throw new Error(`no answer to peer ${peer}`);
  if (peer < Number(peers)) continue;
  console.log(JSON.stringify(parseResponse(response, client.addressBytes)));
}
