// Responses that are longer than the packets which the path to a client takes.

import { expect } from "bun:test";
import { resolve } from "node:path";
import { startChild } from "../support/child.ts";
import { addressOf, createNetwork } from "../support/netns.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";

const FIXTURE = resolve(import.meta.dir, "announce-fixture.ts");
const PORTS = [3000, 3001];

for (const [family, peers, fitting] of [
  ["IPv4", 250, 242],
  ["IPv6", 90, 79],
] as const) {
  await testWith(
    ["root", "network namespaces", "IPv6"],
    `a client whose path takes 1,280 bytes gets ${fitting} peers over ${family}`,
    async () => {
      await using network = createNetwork(["tracker", "client"]);
      const { client, tracker: host } = network.hosts;
      Bun.spawnSync(["ip", "-n", host.netns, "link", "set", "eth0", "mtu", "1280"]);
      // A socket for each family, and one for both.
      const addresses = `['0.0.0.0:${PORTS[0]}', '[::]:${PORTS[0]}']`;
      const config = (address: string) => `request_workers = 0\n[network]\naddress = ${address}`;
      await using apart = await startTracker({ netns: host.netns, config: config(addresses) });
      const one = `'[::]:${PORTS[1]}'`;
      await using together = await startTracker({ netns: host.netns, config: config(one) });
      expect([...apart.ports, ...together.ports]).toEqual([PORTS[0], PORTS[0], PORTS[1]]);
      for (const port of PORTS) {
        const argv = [addressOf(host, family), port, addressOf(client, family), "07".repeat(20)];
        await using swarm = startChild(
          [process.execPath, FIXTURE, ...argv.map(String), String(peers)],
          { netns: client.netns },
        );
        const [, json] = await swarm.waitForLine(/^(\{.*\})$/);
        expect(JSON.parse(json).peers).toHaveLength(fitting);
      }
    },
    20_000,
  );
}
