// A node of a cluster that serves nobody, and sends changes as if half a million peers announced
// themselves to it, in turn, evenly through time.
//
//   usage: cluster-node.ts CHANGES_PER_SECOND

import { Cluster } from "../../src/cluster/cluster.ts";
import { BATCH_BYTES } from "../../src/cluster/message.ts";
import { KIND } from "../../src/udp/link/catch-up.ts";
import { ChangeEncoder } from "../../src/udp/link/change-codec.ts";
import { CHANGE } from "../../src/udp/changes.ts";
import { CLUSTER_SECRET, VALKEY_URL } from "./cluster.ts";

const PEERS = 500_000;
const PERIOD_MILLISECONDS = 50;

const rate = Number(process.argv[2]);
const cluster = new Cluster(
  {
    tracker: "udp",
    cluster: { servers: [VALKEY_URL], name: "aquatic", secret: CLUSTER_SECRET, node: "feeder" },
    tell() {},
  },
  { receive: () => true, join() {}, lose() {}, miss() {} },
);
cluster.start();

const encoder = new ChangeEncoder(BATCH_BYTES);
const change = new Int32Array(CHANGE.peer + 2);
// No tick: that of this process means nothing.
const start = performance.now();
let sent = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - start) / 1000) * rate);
  for (; sent < due; sent++) {
    const peer = sent % PEERS;
    change[CHANGE.infoHash] = Math.imul(peer >> 1, 0x9e3779b1);
    change[CHANGE.infoHash + 1] = peer >> 1;
    change[CHANGE.peer] = 0x0a000000 | peer;
    change[CHANGE.peer + 1] = 6881;
    while (!encoder.add(change, 0, 0)) send();
  }
  send();
}, PERIOD_MILLISECONDS);

function send(): void {
  if (!encoder.isEmpty) cluster.publish(KIND.changes, encoder.take());
}
