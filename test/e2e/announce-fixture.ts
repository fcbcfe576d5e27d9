// A program: announces to a tracker from where it runs, and prints the response as JSON.
//
// usage: announce-fixture.ts TRACKER_ADDRESS PORT LOCAL_ADDRESS

import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { openUdpClient } from "../support/udp-client.ts";

const [address, port, localAddress] = process.argv.slice(2);
await using client = await openUdpClient({ address, port: Number(port), localAddress });
const connectionId = await client.connect();
const announce = buildAnnounce({ connectionId, infoHash: Buffer.alloc(20, 7), port: 1, left: 1n });
const response = await client.request(announce);
console.log(JSON.stringify(response && parseResponse(response, client.addressBytes)));
