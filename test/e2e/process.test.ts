// The tracker as a process: how it starts, what it refuses, what it writes, how it ends.

import { expect, test } from "bun:test";
import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  buildAnnounce,
  buildConnect,
  buildScrape,
  parseResponse,
  type Response,
} from "../support/bep15.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker, type Tracker } from "../support/tracker.ts";
import { openUdpClient, type UdpClient } from "../support/udp-client.ts";

const PORT_0 = "[network]\naddress = '127.0.0.1:0'\n";

function openClient(tracker: Tracker, address = "127.0.0.1", index = 0): Promise<UdpClient> {
  return openUdpClient({ address, port: tracker.ports[index] });
}

/** Asks until `isEnough` returns true, because the outcome depends on the tracker's clock. */
async function askUntil(
  client: UdpClient,
  request: Uint8Array,
  isEnough: (response: ReturnType<typeof parseResponse>) => boolean,
): Promise<void> {
  for (;;) {
    const response = await client.request(request);
    if (response !== undefined && isEnough(parseResponse(response, client.addressBytes))) return;
    await Bun.sleep(20);
  }
}

test.each(["SIGINT", "SIGTERM"] as const)("exits with code 0 on %s", async (signal) => {
  await using tracker = await startTracker({
    config: `socket_workers = 2\nrequest_workers = 2\n${PORT_0}`,
  });
  await using client = await openClient(tracker);
  await client.connect();
  expect(await tracker.stop(signal)).toBe(0);
  expect(tracker.stderr.trimEnd().split("\n").at(-1)).toContain("listening on");
});

test("refuses an address of another tracker in one line", async () => {
  await using tracker = await startTracker({ config: `socket_workers = 2\n${PORT_0}` });
  const address = `127.0.0.1:${tracker.ports[0]}`;
  const second = await runTracker({ config: `[network]\naddress = '${address}'` });
  expect(second).toEqual({
    code: 1,
    stdout: "",
    stderr:
      `aquatic-udp: network.address: cannot bind ${address}: the address is in use; ` +
      "stop that program or choose another port\n",
  });
});

test.each([
  [
    "[network]\naddress = '192.0.2.1:3000'",
    /no interface of this machine has the address; 0\.0\.0\.0 and \[::\] mean all/,
  ],
  [
    "[limits]\nmax_torrents = 50000000\nmax_peers = 100000000",
    /limits: 50000000 torrents and 100000000 IPv4 peers need .* 4 GiB of one table; lower max_peers to/,
  ],
  [
    "socket_workers = 74\nrequest_workers = 74",
    /request_workers: 74 socket workers and 74 request workers .*; at most \d+ are possible; lower either/,
  ],
  ["[privileges]\ndrop_privileges = true\nuser = 'no-such-user'", /privileges\.user: there is no/],
  ["[network]\nadress = '127.0.0.1:3000'", /unknown key, did you mean "network\.address"\?$/],
])("refuses to start with %j", async (config, reason) => {
  const { code, stdout, stderr } = await runTracker({ config });
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^aquatic-udp: .*\n$/);
  expect(stderr.trimEnd()).toMatch(reason);
});

test("serves IPv4 clients on a single [::] in the IPv4 swarm", async () => {
  await using tracker = await startTracker({ config: "[network]\naddress = '[::]:0'" });
  const infoHash = randomBytes(20);
  for (const [address, localAddress] of [
    ["::1", "::1"],
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "127.0.0.2"],
  ]) {
    await using client = await openUdpClient({ address, localAddress, port: tracker.ports[0] });
    const connectionId = await client.connect();
    const announce = buildAnnounce({ connectionId, infoHash, port: 5, left: 1n });
    const response = parseResponse((await client.request(announce))!, client.addressBytes);
    const isLast = localAddress === "127.0.0.2";
    expect(response).toMatchObject({
      leechers: isLast ? 2 : 1,
      peers: isLast ? [{ address: "127.0.0.1", port: 5 }] : [],
    });
  }
});

test("warns of the backend 'bun' only at a wildcard address", async () => {
  const warning =
    "network.socket_backend: at a wildcard address, 'bun' may respond from an address";
  for (const [address, isWarned] of [
    ["0.0.0.0:0", true],
    ["[::]:0", true],
    ["127.0.0.1:0", false],
  ] as const) {
    const config = `[network]\nsocket_backend = 'bun'\naddress = '${address}'`;
    await using tracker = await startTracker({ config });
    expect(tracker.stderr.includes(warning)).toBe(isWarned);
  }
});

test("serves one port on 0.0.0.0 and [::] together", async () => {
  // Below the ports that the system gives to other tests.
  const port = 10_000 + randomInt(20_000);
  const config = `socket_workers = 2\n[network]\naddress = ['0.0.0.0:${port}', '[::]:${port}']`;
  await using tracker = await startTracker({ config });
  for (const [index, address] of ["127.0.0.1", "::1"].entries()) {
    await using client = await openClient(tracker, address, index);
    await client.connect();
  }
});

test("removes peers after their time, and torrents with their last peer", async () => {
  await using tracker = await startTracker({
    config: `${PORT_0}[cleaning]\ninterval = 1\nmax_peer_age = 1`,
  });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  const infoHash = randomBytes(20);
  await client.request(buildAnnounce({ connectionId, infoHash, port: 1 }));
  const scrape = buildScrape({ connectionId, infoHashes: [infoHash] });
  const before = parseResponse((await client.request(scrape))!, 4);
  expect(before).toMatchObject({ swarms: [{ seeders: 1 }] });
  await askUntil(client, scrape, (response) => {
    return response.kind === "scrape" && response.swarms[0].seeders === 0;
  });
});

test("accepts a connection id until it expires", async () => {
  await using tracker = await startTracker({
    config: `${PORT_0}[cleaning]\nmax_connection_age = 1`,
  });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  const scrape = buildScrape({ connectionId, infoHashes: [randomBytes(20)] });
  expect(parseResponse((await client.request(scrape))!, 4).kind).toBe("scrape");
  await askUntil(client, scrape, (response) => response.kind === "error");
});

test("refuses new peers when full, logs it once, and keeps serving", async () => {
  await using tracker = await startTracker({
    config: `${PORT_0}[limits]\nmax_torrents = 1\nmax_peers = 2\n[statistics]\ninterval = 1`,
  });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  const infoHash = randomBytes(20);
  const announce = async (port: number, hash = infoHash) => {
    const request = buildAnnounce({ connectionId, infoHash: hash, port, left: 1n });
    return parseResponse((await client.request(request))!, 4);
  };
  await announce(1);
  await announce(2);
  const refusal = { kind: "error", message: "Tracker is full" };
  expect(await announce(3)).toMatchObject(refusal);
  expect(await announce(1, randomBytes(20))).toMatchObject(refusal);
  expect(await announce(1)).toMatchObject({ leechers: 2, peers: [{ port: 2 }] });
  await tracker.waitForLine(/limits: a table is full/);
  await tracker.waitForLine(/not served: malformed 0, invalid connection 0, table full 2/);
  expect(tracker.stderr.match(/is full/g)).toHaveLength(1);
});

test("limits the peers and requests of one address, and counts refusals", async () => {
  await using tracker = await startTracker({
    config: `${PORT_0}[limits]\nmax_peers_per_ip = 3\nmax_requests_per_ip_per_second = 1
      [statistics]\ninterval = 1`,
  });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  const announce = async (port: number) => {
    const request = buildAnnounce({ connectionId, infoHash: Buffer.alloc(20), port, left: 1n });
    const response = await client.request(request);
    return response && parseResponse(response, 4);
  };
  for (let port = 1; port <= 3; port++)
    expect(await announce(port)).toMatchObject({ leechers: port });
  const refusal = { kind: "error", message: "Too many peers of your address" };
  expect(await announce(4)).toMatchObject(refusal);
  // The burst is 40 requests.
  const isLimited = (response: Response) =>
    response.kind === "error" && response.message === "Too many requests from your address";
  const again = buildAnnounce({ connectionId, infoHash: Buffer.alloc(20), port: 1, left: 1n });
  await askUntil(client, again, isLimited);
  await tracker.waitForLine(/not served: .* address full [1-9]/);
  await tracker.waitForLine(/not served: .* rate limited [1-9]/);
});

test("writes its statistics as three lines at a time", async () => {
  await using tracker = await startTracker({ config: `${PORT_0}[statistics]\ninterval = 1` });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  for (let port = 1; port <= 7; port++) {
    await client.request(buildAnnounce({ connectionId, infoHash: Buffer.alloc(20), port }));
  }
  await tracker.waitForLine(/^peers per torrent: min 7, p50 7, .*, p99\.9 7, max 7$/);
  await tracker.waitForLine(/^requests\/s: 0\.00, responses\/s: 0\.00, requests per batch: 0\.00$/);
  const lines = tracker.stdout.split("\n");
  const first = lines.findIndex((line) => line.startsWith("peers per torrent: min 7"));
  expect(lines[first - 2]).toMatch(/^requests\/s: \d\.\d\d, responses\/s: \d\.\d\d, requests per/);
  expect(lines[first - 1]).toMatch(/^bandwidth: 0\.0\d Mbit\/s in, 0\.0\d Mbit\/s out$/);
});

test("keeps serving when its standard output is closed", async () => {
  await using tracker = await startTracker({
    command: ["bash", "-c", 'exec "$@" > >(head -n 1)', "bash", process.execPath, "src/udp.ts"],
    cwd: `${import.meta.dir}/../..`,
    config: `${PORT_0}[statistics]\ninterval = 1`,
  });
  await using client = await openClient(tracker);
  // Until after the second report, which is written to a closed pipe.
  await Bun.sleep(2500);
  await client.connect();
  expect(await tracker.stop()).toBe(0);
});

test("survives a flood faster than it can answer", async () => {
  await using tracker = await startTracker({
    config: `request_workers = 1\n${PORT_0}[statistics]\ninterval = 0`,
  });
  await using client = await openClient(tracker);
  const connectionId = await client.connect();
  const flood = Array.from({ length: 50 }, () => buildAnnounce({ connectionId, port: 1 }));
  for (let round = 0; round < 200; round++) {
    for (const datagram of flood) client.send(datagram);
    if (round % 20 === 0) await client.request(buildConnect(), { timeoutMs: 100 });
  }
  await askUntil(client, buildScrape({ connectionId, infoHashes: [randomBytes(20)] }), () => true);
  expect(await tracker.stop()).toBe(0);
});

await testWith(
  ["root"],
  "drops its privileges with any number of workers and addresses",
  async () => {
    await using tracker = await startTracker({
      config: `socket_workers = 2\nrequest_workers = 2
      [network]\naddress = ['127.0.0.1:0', '[::1]:0']
      [privileges]\ndrop_privileges = true\nchroot_path = '/tmp'`,
    });
    const status = readFileSync(`/proc/${tracker.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t(\d+)\t\1\t\1\t\1$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
    for (const [index, address] of ["127.0.0.1", "::1"].entries()) {
      await using client = await openClient(tracker, address, index);
      const connectionId = await client.connect();
      expect(await client.request(buildAnnounce({ connectionId, port: 1 }))).toBeDefined();
    }
    expect(await tracker.stop()).toBe(0);
  },
);

await testWith(
  ["ss"],
  "sets the configured receive buffer, and logs if the kernel grants less",
  async () => {
    const buffers = async (bytes: number) => {
      await using tracker = await startTracker({
        config: `${PORT_0}socket_recv_buffer_size = ${bytes}`,
      });
      const { stdout } = Bun.spawnSync(["ss", "-ulnmH", `sport = :${tracker.ports[0]}`]);
      return { granted: Number(/rb(\d+)/.exec(stdout.toString())?.[1]), log: tracker.stderr };
    };
    const small = await buffers(50_000);
    expect(small.granted).toBe(100_000);
    expect(small.log).not.toContain("socket_recv_buffer_size");
    const huge = await buffers(2 ** 30 - 1);
    expect(huge.log).toMatch(
      /socket_recv_buffer_size: the kernel granted \d+ of 1073741823 bytes; raise net\.core\.rmem_max/,
    );
    expect((await buffers(0)).log).not.toContain("socket_recv_buffer_size");
  },
);
