// A host with several addresses responds from the address that the client asked.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { createNetwork, type Network } from "../support/netns.ts";
import { startChild } from "../support/child.ts";
import { describeWith } from "../support/requirements.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";

const FIXTURE = resolve(import.meta.dir, "announce-fixture.ts");
const SECOND_IPV4 = "10.77.9.9";
const SECOND_IPV6 = "2001:db8:77::99";

await describeWith(["root", "network namespaces", "IPv6"], "a host of several addresses", () => {
  let network: Network<"tracker" | "client">;
  const trackers: Tracker[] = [];

  beforeAll(async () => {
    network = createNetwork(["tracker", "client"]);
    const { netns } = network.hosts.tracker;
    for (const address of [`${SECOND_IPV4}/16`, `${SECOND_IPV6}/64`]) {
      Bun.spawnSync(["ip", "-n", netns, "addr", "add", address, "dev", "eth0", "nodad"]);
    }
    for (const [requests, addresses] of [
      [0, "['0.0.0.0:3000', '[::]:3000']"],
      [1, "['0.0.0.0:3001', '[::]:3001']"],
      [0, "'[::]:3002'"],
      [1, "'[::]:3003'"],
    ] as const) {
      const config = `request_workers = ${requests}\n[network]\naddress = ${addresses}`;
      trackers.push(await startTracker({ netns, config }));
    }
  });

  afterAll(async () => {
    for (const tracker of trackers) await tracker[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
  });

  const cases = [3000, 3001, 3002, 3003].flatMap((port) =>
    (["first IPv4", "second IPv4", "first IPv6", "second IPv6", "loopback"] as const).map(
      (which) => [port, which] as const,
    ),
  );
  test.each(cases)("port %i answers from the %s address that was asked", async (port, which) => {
    const { tracker, client } = network.hosts;
    const asked = {
      "first IPv4": tracker.ipv4,
      "second IPv4": SECOND_IPV4,
      "first IPv6": tracker.ipv6,
      "second IPv6": SECOND_IPV6,
      loopback: "127.0.0.5",
    };
    const address = asked[which];
    const isLoopback = which === "loopback";
    const { netns } = isLoopback ? tracker : client;
    const localAddress = isLoopback
      ? "127.0.0.1"
      : address.includes(":")
        ? client.ipv6
        : client.ipv4;
    const argv = [process.execPath, FIXTURE, address, String(port), localAddress];
    await using child = startChild(argv, { netns });
    const [, json] = await child.waitForLine(/^(\{.*\})$/);
    // The client accepts only responses from the exact endpoint that it asked.
    expect(JSON.parse(json)).toMatchObject({ kind: "announce" });
  });
});
