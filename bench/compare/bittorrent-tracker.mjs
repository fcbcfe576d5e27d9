// bittorrent-tracker's server, WebTorrent only, on a port of loopback. Run by Node.
//
// usage: node bittorrent-tracker.mjs ADDRESS PORT

import Server from "bittorrent-tracker/server";

const [address, port] = process.argv.slice(2);
const server = new Server({ http: false, udp: false, ws: true, stats: false });
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
// What clients did wrong.
server.on("warning", () => {});
server.listen(Number(port), address);
