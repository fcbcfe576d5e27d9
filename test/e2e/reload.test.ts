// A tracker reads its configuration file again at SIGHUP and SIGUSR1, without an end to what it
// serves.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAnnounce, buildScrape, parseResponse } from "../support/bep15.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker, type Tracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";
import { announce, connectWs, say } from "../support/ws-client.ts";
import { readLog, readMessages } from "../support/log.ts";

/**
 * Sends the signal and returns the lines that the tracker logs, up to the `pattern` in the last.
 */
async function reload(
  tracker: Tracker,
  config: string,
  pattern: RegExp,
  signal: "SIGHUP" | "SIGUSR1" = "SIGHUP",
): Promise<string[]> {
  const before = tracker.stderr.length;
  tracker.rewriteConfig(config);
  process.kill(tracker.pid, signal);
  await tracker.waitForOutput(
    () => pattern.test(tracker.stderr.slice(before)),
    undefined,
    `${pattern}`,
  );
  return readMessages(tracker.stderr.slice(before));
}

test.each([
  ["mmsg", 0],
  ["mmsg", 1],
  ["bun", 0],
  ["bun", 1],
] as const)("aquatic-udp with '%s' and %d request workers", async (backend, requestWorkers) => {
  const configure = (network: string, limits = "max_peers_per_ip = 100") => `
    request_workers = ${requestWorkers}
    [network]
    address = '127.0.0.1:0'
    socket_backend = '${backend}'
    ${network}
    [limits]
    ${limits}`;
  await using tracker = await startTracker({ config: configure("peer_announce_interval = 900") });
  await using client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
  const connectionId = await client.connect();
  const ask = async (request: Uint8Array) => parseResponse((await client.request(request))!, 4);
  const infoHash = randomBytes(20);
  const announcePeer = (port: number) => ask(buildAnnounce({ connectionId, infoHash, port }));
  expect(await announcePeer(1)).toMatchObject({ interval: 900, peers: [] });
  const leech = buildAnnounce({ connectionId, infoHash, port: 3, left: 1n });
  await announcePeer(2);
  expect(await ask(leech)).toMatchObject({ peers: [{}, {}] });

  const changed = configure(
    "peer_announce_interval = 60\nmax_response_peers = 1\nmax_scrape_torrents = 2",
    "max_peers_per_ip = 3",
  );
  const log = await reload(tracker, changed, /\n/);
  expect(log).toEqual([
    "the configuration has been reloaded: network.max_scrape_torrents, " +
      "network.max_response_peers, network.peer_announce_interval, limits.max_peers_per_ip " +
      "changed",
  ]);
  expect(await ask(leech)).toMatchObject({ interval: 60, peers: [{}] });
  const infoHashes = [infoHash, infoHash, infoHash];
  expect(await ask(buildScrape({ connectionId, infoHashes }))).toMatchObject({
    swarms: [{ seeders: 2 }, { seeders: 2 }],
  });
  expect(await announcePeer(4)).toMatchObject({ message: "Too many peers of your address" });

  const limited = configure("", "max_requests_per_ip_per_second = 1\nmax_torrents = 5");
  const both = await reload(tracker, limited, /restart/, "SIGUSR1");
  expect(both).toContain("restart the tracker to change limits.max_torrents");
  expect(await ask(leech)).toMatchObject({ interval: 900 });
  for (;;) {
    const response = await client.request(leech);
    if (response === undefined) continue;
    const parsed = parseResponse(response, 4);
    if (parsed.kind === "error") break;
  }
  expect(await tracker.stop()).toBe(0);
});

test("a file with a mistake changes nothing, and is logged in one line", async () => {
  const config = "[network]\naddress = '127.0.0.1:0'\npeer_announce_interval = 50\n";
  await using tracker = await startTracker({ config });
  const broken = await reload(tracker, `${config}peer_announce_intervall = 5\n`, /\n/);
  expect(broken).toEqual([
    expect.stringMatching(/^the configuration stays as it was: .*: unknown key, did/),
  ]);
  const same = await reload(tracker, config, /\n/);
  expect(same).toEqual(["the configuration has been reloaded: nothing has changed"]);
});

test.each(["udp", "ws"] as const)("aquatic-%s changes its log level", async (program) => {
  const configure = (level: string, port = 0) =>
    `
    log_level = '${level}'
    network = { address = '127.0.0.1:${port}' }
    limits = ${program === "ws" ? "{ max_connections = 10 }" : "{}"}`;
  await using tracker = await startTracker({ program, config: configure("info") });
  // Of the lines about this reload, only the warning is important enough.
  expect(await reload(tracker, configure("warn", 1), /\n/)).toEqual([
    "restart the tracker to change network.address",
  ]);
  expect(await reload(tracker, configure("info"), /\n/)).toEqual([
    "the configuration has been reloaded: log_level changed",
  ]);
  expect(await reload(tracker, "typo = 1", /\n/)).toHaveLength(1);
  expect(new Set(readLog(tracker.stderr).map(({ level }) => level))).toEqual(
    new Set(["info", "warn", "error"]),
  );
});

test("aquatic-ws applies what may change to open connections", async () => {
  const configure = (network: string, limits: string) => `
    socket_workers = 2
    [network]
    address = '127.0.0.1:0'
    ${network}
    [limits]
    ${limits}`;
  await using tracker = await startTracker({ program: "ws", config: configure("", "") });
  await using a = await connectWs(`ws://127.0.0.1:${tracker.ports[0]}/`);
  await using b = await connectWs(`ws://127.0.0.1:${tracker.ports[0]}/`);
  expect(await say(a, announce("t", "a"))).toMatchObject({ interval: 120 });
  const network = "peer_announce_interval = 30\nmax_offers = 1\nmax_scrape_torrents = 1";
  const next = configure(network, "max_peers_per_ip = 1");
  const log = await reload(tracker, next, /\n/);
  expect(log).toEqual([
    "the configuration has been reloaded: network.max_scrape_torrents, " +
      "network.max_offers, network.peer_announce_interval, limits.max_peers_per_ip changed",
  ]);
  // A worker takes the change over when its event loop turns.
  for (;;) {
    const response = await say(a, announce("t", "a"));
    if (response["interval"] === 30) break;
  }
  a.send({
    action: "scrape",
    info_hash: ["t", "u"].map((name) => announce(name, "a")["info_hash"]),
  });
  const { files } = await a.take((message) => "files" in message);
  expect(Object.keys(files as object)).toHaveLength(1);
  for (;;) {
    const response = await say(b, announce("t", "b"));
    if ("failure reason" in response) break;
    await say(b, announce("t", "b", { event: "stopped" }));
  }
});

await testWith(["root"], "works after chroot and as another user", async () => {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-reload-"));
  using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
  chmodSync(directory, 0o755);
  const path = join(directory, "udp.toml");
  const configure = (more: string) => {
    writeFileSync(
      path,
      `[network]\naddress = '127.0.0.1:0'\n${more}
      [access_list]\nmode = 'deny'\npath = '${directory}/list'
      [privileges]\ndrop_privileges = true\nchroot_path = '/var/empty-or-tmp'`.replace(
        "/var/empty-or-tmp",
        tmpdir(),
      ),
    );
  };
  writeFileSync(join(directory, "list"), "");
  configure("");
  await using tracker = await startTracker({ args: ["-c", path] });
  configure("peer_announce_interval = 60");
  writeFileSync(join(directory, "list"), `${"ab".repeat(20)}\n`);
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForLine(/reloaded: network.peer_announce_interval changed"$/);
  await tracker.waitForLine(/the access list has been reloaded: deny, 1 info hashes"$/);
  // A file that only root may read is not read.
  chmodSync(path, 0o600);
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForLine(/the configuration stays as it was: .*udp.toml: permission denied"$/);
});

test("--check-config checks without starting", async () => {
  const check = async (program: "udp" | "ws", config: string) => {
    const { code, stderr, stdout } = await runTracker({
      program,
      config,
      args: ["--check-config"],
    });
    return [code, (stdout + stderr).replace(/\S*config.toml/, "FILE")];
  };
  expect(await check("udp", "socket_workers = 2")).toEqual([0, "FILE is valid\n"]);
  expect(await check("udp", "socket_workers = 0")).toEqual([
    1,
    "aquatic-udp: FILE: socket_workers: must be an integer from 1 to 256, not 0\n",
  ]);
  const [code, line] = await check("ws", "[network]\nuse_tls = true\ntls_pkcs12_path = '/none'");
  expect([code, line]).toEqual([1, expect.stringContaining('tls_pkcs12_path: "/none" does not')]);
});
