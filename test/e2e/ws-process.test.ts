// The WebTorrent tracker as a process: how it starts, what it refuses, what it bears, how it ends.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { type CertificateFiles, fingerprintOf, makeCertificate } from "../support/certificate.ts";
import { connectRaw, OPCODE, type RawWebSocket } from "../support/raw-websocket.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker, type Tracker } from "../support/tracker.ts";
import {
  announce,
  connectWs,
  id,
  offers,
  say,
  sayUntil,
  type WsClient,
} from "../support/ws-client.ts";

/** For what waits for a ping to go unanswered. */
const TIMEOUT_MS = 30_000;

const PORT_0 = "[network]\naddress = '127.0.0.1:0'\n";

function startWs(config: string): Promise<Tracker> {
  return startTracker({ program: "ws", config });
}

function connectTo(tracker: Tracker): Promise<WsClient> {
  return connectWs(`ws://127.0.0.1:${tracker.ports[0]}/`);
}

test.each(["SIGINT", "SIGTERM"] as const)("ends with code 0 on %s", async (signal) => {
  await using tracker = await startWs(`socket_workers = 2\n${PORT_0}`);
  const clients = await Promise.all([1, 2, 3].map(() => connectTo(tracker)));
  expect(await tracker.stop(signal)).toBe(0);
  await Promise.all(clients.map((client) => client.closed));
});

await testWith(["ss"], "each worker's queue of connections is the system's longest", async () => {
  await using tracker = await startWs(`socket_workers = 2\n${PORT_0}`);
  const { stdout } = Bun.spawnSync(["ss", "-tlnH", `sport = :${tracker.ports[0]}`]);
  // LISTEN, those that wait, the most that may wait.
  const most = stdout.toString().matchAll(/^LISTEN +0 +(\d+) /gm);
  const longest = readFileSync("/proc/sys/net/core/somaxconn", "utf8").trim();
  expect(Array.from(most, ([, length]) => length)).toEqual([longest, longest]);
});

test("refuses an address that another tracker serves, in one line", async () => {
  await using tracker = await startWs(`socket_workers = 2\n${PORT_0}`);
  const address = `127.0.0.1:${tracker.ports[0]}`;
  const second = await runTracker({
    program: "ws",
    config: `[network]\naddress = '${address}'`,
  });
  expect(second).toEqual({
    code: 1,
    stdout: "",
    stderr:
      `aquatic-ws: network.address: cannot bind ${address}: the address is in use; ` +
      "stop that program or choose another port\n",
  });
});

test.each([
  [
    "[network]\naddress = '192.0.2.1:3000'",
    /no interface of this machine has the address; 0\.0\.0\.0 and \[::\] mean all/,
  ],
  ["[network]\nuse_tls = true", /network\.use_tls: needs tls_pkcs12_path, or/],
  [
    "[network]\nuse_tls = true\ntls_pkcs12_path = '/no/such.p12'",
    /network\.tls_pkcs12_path: "\/no\/such\.p12" does not exist$/,
  ],
  ["[network]\nmax_ofers = 5", /unknown key, did you mean "network\.max_offers"\?$/],
  ["[cleaning]\nmax_connection_age = 5", /max_connection_age: must be an integer from 8 to 960/],
  ["request_workers = 1", /unknown key/],
])("refuses to start with %j", async (config, reason) => {
  const { code, stdout, stderr } = await runTracker({ program: "ws", config });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr.trimEnd()).toMatch(reason);
});

test("says once which key has no effect", async () => {
  await using tracker = await startWs(`
    socket_workers = 2
    [network]
    address = '127.0.0.1:0'
    poll_event_capacity = 1
    poll_timeout_milliseconds = 1
    [handlers]
    channel_recv_timeout_microseconds = 1`);
  expect(tracker.stderr.match(/[\w.]+: has no effect/g)).toEqual([
    "handlers.channel_recv_timeout_microseconds: has no effect",
  ]);
  expect(await tracker.stop()).toBe(0);
});

test("writes its statistics", async () => {
  await using tracker = await startWs(`${PORT_0}[statistics]\ninterval = 1`);
  await using a = await connectTo(tracker);
  await say(a, announce("t", "a"));
  await say(a, announce("t", "b", offers("o")));
  await tracker.waitForOutput(
    () =>
      /^connections: 1, offers\/s: [1-9]/m.test(tracker.stdout) ||
      /offers\/s: 0\.[1-9]/.test(tracker.stdout),
  );
  await tracker.waitForOutput(() => tracker.stdout.includes("max 2"));
  expect(tracker.stdout).toMatch(
    /^requests\/s: \d+\.\d\d, responses\/s: \d+\.\d\d, requests per batch: /m,
  );
});

describe.each([
  ["the same address", 0],
  ["another address", 1],
])("a peer id on a second connection, from %s", (_name, index) => {
  const twoFamilies = "[network]\naddress = ['127.0.0.1:0', '[::1]:0']\n";
  const urlOf = (tracker: Tracker): string =>
    `ws://${["127.0.0.1", "[::1]"][index]}:${tracker.ports[index]}/`;

  test.each([1, 2])("is refused while the first lives, %i workers", async (workers) => {
    await using tracker = await startWs(`socket_workers = ${workers}\n${twoFamilies}`);
    await using first = await connectTo(tracker);
    await say(first, announce("t", "a"));
    const others = await Promise.all([1, 2, 3, 4].map(() => connectWs(urlOf(tracker))));
    for (const other of others) {
      expect(await say(other, announce("t", "a"))).toEqual({
        action: "announce",
        info_hash: id("t"),
        "failure reason": "Another connection uses this peer_id",
      });
    }
    const all = await Promise.all(others.map((other) => say(other, announce("t", "a"))));
    for (const response of all) expect(response).toHaveProperty("failure reason");
    // Nor does it end anything.
    await say(others[0], announce("t", "a", { event: "stopped" }));
    await Promise.all(others.map((other) => other.close()));
    expect(await say(first, announce("t", "a"))).toMatchObject({ incomplete: 1 });
  });

  test.each([1, 2])(
    "takes over when the first is dead, %i workers",
    async (workers) => {
      await using tracker = await startWs(`socket_workers = ${workers}\n${twoFamilies}`);
      using dead = await connectRaw("127.0.0.1", tracker.ports[0]);
      dead.sendFrame(OPCODE.text, JSON.stringify(announce("t", "a", { left: 0 })));
      await dead.waitUntil(() => dead.frames.length === 1);
      const others = await Promise.all([1, 2, 3, 4].map(() => connectWs(urlOf(tracker))));
      const responses = others.map((other) => say(other, announce("t", "a")));
      await dead.waitUntil(() => dead.frames.some(({ opcode }) => opcode === OPCODE.ping));
      const isTaken = (response: object): boolean => Bun.deepMatch({ incomplete: 1 }, response);
      // One of them gets the peer, and lives.
      expect((await Promise.all(responses)).filter(isTaken)).toHaveLength(1);
      await dead.waitUntil(() => dead.hasEnded);
      await Promise.all(others.map((other) => other.close()));
      await using last = await connectTo(tracker);
      await sayUntil(last, announce("t", "b"), { complete: 0, incomplete: 1 });
    },
    TIMEOUT_MS,
  );
});

test(
  "dead connections whose peers are asked for keep no others waiting",
  async () => {
    await using tracker = await startWs(PORT_0);
    const port = tracker.ports[0];
    using disposables = new DisposableStack();
    const openDead = async (name: string, count: number): Promise<RawWebSocket> => {
      const dead = disposables.use(await connectRaw("127.0.0.1", port));
      for (let i = 0; i < count; i++) {
        dead.sendFrame(OPCODE.text, JSON.stringify(announce("t", `${name} ${i}`)));
      }
      await dead.waitUntil(() => dead.frames.length === count);
      return dead;
    };
    await openDead("honest", 1);
    const names = Array.from({ length: 126 }, (_, n) => `deaf${n}`);
    await Promise.all(names.map((name) => openDead(name, 8)));
    const greedy = await Promise.all(names.map(() => connectTo(tracker)));
    for (const [n, client] of greedy.entries()) {
      for (let i = 0; i < 8; i++) client.send(announce("t", `${names[n]} ${i}`));
    }
    await using honest = await connectTo(tracker);
    expect(await say(honest, announce("t", "honest 0"))).toHaveProperty("incomplete");
    await Promise.all(greedy.map((client) => client.close()));
  },
  TIMEOUT_MS,
);

test(
  "who does not read is closed, and keeps nobody from being served",
  async () => {
    await using tracker = await startWs(`${PORT_0}[limits]\nmax_queued_bytes = 65536`);
    using deaf = await connectRaw("127.0.0.1", tracker.ports[0]);
    deaf.sendFrame(OPCODE.text, JSON.stringify(announce("t", "deaf")));
    await deaf.waitUntil(() => deaf.frames.length === 1);
    deaf.socket.pause();
    const hashes = Array.from({ length: 255 }, (_, i) => id(`hash${i}`));
    const scrape = JSON.stringify({ action: "scrape", info_hash: hashes });
    await using watcher = await connectTo(tracker);
    expect(await say(watcher, announce("t", "w"))).toMatchObject({ incomplete: 2 });
    // Each is answered with three times its size, until the buffers of both ends are full.
    const flood = setInterval(() => {
      for (let i = 0; i < 20; i++) deaf.sendFrame(OPCODE.text, scrape);
    }, 1);
    await sayUntil(watcher, announce("t", "w"), { incomplete: 1 });
    clearInterval(flood);
    expect(await tracker.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "offers wait for a slow reader up to a limit, and others get theirs",
  async () => {
    await using tracker = await startWs(
      `${PORT_0}max_message_size = 1000000\n[limits]\nmax_queued_bytes = 65536\n[statistics]\ninterval = 1`,
    );
    using slow = await connectRaw("127.0.0.1", tracker.ports[0]);
    slow.sendFrame(OPCODE.text, JSON.stringify(announce("t", "slow")));
    await slow.waitUntil(() => slow.frames.length === 1);
    slow.socket.pause();
    await using offerer = await connectTo(tracker);
    const long = Array.from({ length: 10 }, (_, i) => ({
      offer: { type: "offer", sdp: "x".repeat(50_000) },
      offer_id: id(`o${i}`),
    }));
    // Alone with the slow one, until the tracker passes it over.
    let lastOffers = -1;
    for (;;) {
      await say(offerer, announce("t", "offerer", { offers: long }));
      const passed = [...tracker.stdout.matchAll(/offers\/s: (\d+)/g)].map((match) =>
        Number(match[1]),
      );
      lastOffers = passed.at(-1) ?? -1;
      if (passed.length > 2 && lastOffers === 0) break;
    }
    await using reader = await connectTo(tracker);
    await say(reader, announce("t", "reader"));
    await say(offerer, announce("t", "offerer", { offers: long }));
    await reader.take((message) => "offer" in message);
    // When it reads on, it is offered again.
    slow.socket.resume();
    const isOffer = (payload: Buffer): boolean => payload.includes('"offer":');
    const count = (): number => slow.frames.filter(({ payload }) => isOffer(payload)).length;
    await slow.waitUntil(() => count() > 0);
    const before = count();
    await Promise.all([
      slow.waitUntil(() => count() > before + 1),
      (async () => {
        while (count() <= before + 1)
          await say(offerer, announce("t", "offerer", { offers: long }));
      })(),
    ]);
    expect(await tracker.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "a quiet client that answers pings stays, one that does not is closed",
  async () => {
    await using tracker = await startWs(`${PORT_0}[cleaning]\nmax_connection_age = 8`);
    await using quiet = await connectTo(tracker);
    expect(await say(quiet, announce("t", "quiet"))).toMatchObject({ incomplete: 1 });
    using dead = await connectRaw("127.0.0.1", tracker.ports[0]);
    dead.sendFrame(OPCODE.text, JSON.stringify(announce("t", "dead")));
    await dead.waitUntil(() => dead.hasEnded);
    expect(dead.frames.some(({ opcode }) => opcode === OPCODE.ping)).toBe(true);
    expect(await say(quiet, announce("t", "quiet"))).toMatchObject({ incomplete: 1 });
  },
  TIMEOUT_MS,
);

test("an idle connection is pinged every ping_interval seconds", async () => {
  await using tracker = await startWs(`${PORT_0}[cleaning]\nping_interval = 1`);
  using idle = await connectRaw("127.0.0.1", tracker.ports[0]);
  await idle.waitUntil(() => idle.frames.length >= 3);
  expect(new Set(idle.frames.map(({ opcode }) => opcode))).toEqual(new Set([OPCODE.ping]));
});

test(
  "a client that pings all the time and reads nothing is closed",
  async () => {
    await using tracker = await startWs(`${PORT_0}[cleaning]\nmax_connection_age = 8`);
    using deaf = await connectRaw("127.0.0.1", tracker.ports[0]);
    deaf.sendFrame(OPCODE.text, JSON.stringify(announce("t", "deaf")));
    await deaf.waitUntil(() => deaf.frames.length === 1);
    deaf.socket.pause();
    await using watcher = await connectTo(tracker);
    expect(await say(watcher, announce("t", "w"))).toMatchObject({ incomplete: 2 });
    const payload = "x".repeat(125);
    const flood = setInterval(() => {
      for (let i = 0; i < 500; i++) deaf.sendFrame(OPCODE.ping, payload);
    }, 1);
    await sayUntil(watcher, announce("t", "w"), { incomplete: 1 });
    clearInterval(flood);
  },
  TIMEOUT_MS,
);

describe("permessage-deflate", () => {
  const offered = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"];
  const message = JSON.stringify(announce("t", "a"));
  // Without the empty block at its end, RFC 7692.
  const compressed = deflateRawSync(message, { finishFlush: 2 }).subarray(0, -4);

  test.each([false, true])("is understood; compress_responses = %p", async (isCompressed) => {
    await using tracker = await startWs(
      `${PORT_0}accept_compressed = true\ncompress_responses = ${isCompressed}`,
    );
    using client = await connectRaw("127.0.0.1", tracker.ports[0], offered);
    expect(client.head.toLowerCase()).toContain("sec-websocket-extensions: permessage-deflate");
    client.sendFrame(OPCODE.text, compressed, { isCompressed: true });
    await client.waitUntil(() => client.frames.length === 1);
    const [frame] = client.frames;
    expect(frame.isCompressed).toBe(isCompressed);
    const payload = isCompressed
      ? inflateRawSync(Buffer.concat([frame.payload, Buffer.from([0, 0, 0xff, 0xff])]), {
          finishFlush: 2,
        })
      : frame.payload;
    expect(JSON.parse(payload.toString())).toMatchObject({ incomplete: 1 });
  });

  test("is declined by default", async () => {
    await using tracker = await startWs(PORT_0);
    using client = await connectRaw("127.0.0.1", tracker.ports[0], offered);
    expect(client.head.toLowerCase()).not.toContain("sec-websocket-extensions");
  });

  test("does not get a message past its limit", async () => {
    await using tracker = await startWs(`${PORT_0}accept_compressed = true`);
    using client = await connectRaw("127.0.0.1", tracker.ports[0], offered);
    const bomb = deflateRawSync(Buffer.alloc(20_000_000, " "), { finishFlush: 2 }).subarray(0, -4);
    client.sendFrame(OPCODE.text, bomb, { isCompressed: true });
    await client.waitUntil(() => client.hasEnded);
    await using other = await connectTo(tracker);
    expect(await say(other, announce("t", "a"))).toMatchObject({ incomplete: 1 });
  });
});

test("a message in several frames is one", async () => {
  await using tracker = await startWs(PORT_0);
  using client = await connectRaw("127.0.0.1", tracker.ports[0]);
  const text = JSON.stringify(announce("t", "a"));
  client.sendFrame(OPCODE.text, text.slice(0, 50), { isLast: false });
  client.sendFrame(OPCODE.ping, "in between");
  client.sendFrame(OPCODE.continuation, text.slice(50));
  await client.waitUntil(() => client.frames.length === 2);
  expect(new Set(client.frames.map(({ opcode }) => opcode))).toEqual(
    new Set([OPCODE.text, OPCODE.pong]),
  );
});

test("more connections than max_connections_per_ip are refused, of that address alone", async () => {
  await using tracker = await startWs(`socket_workers = 2\n[limits]\nmax_connections_per_ip = 2
    [network]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'`);
  const url = `ws://127.0.0.1:${tracker.ports[0]}/`;
  const connectFrom = (address: string) =>
    connectWs(url, { headers: { "x-forwarded-for": address } });
  const first = await connectFrom("192.0.2.1");
  await using _second = await connectFrom("192.0.2.1");
  expect(await connectFrom("192.0.2.1").catch(() => "refused")).toBe("refused");
  await using _other = await connectFrom("192.0.2.2");
  await first.close();
  for (;;) {
    const client = await connectFrom("192.0.2.1").catch(() => undefined);
    await client?.close();
    if (client !== undefined) break;
  }
});

test("an address that sends too many messages gets errors, then is closed", async () => {
  await using tracker = await startWs(
    `${PORT_0}[limits]\nmax_messages_per_second = 2\n[statistics]\ninterval = 1`,
  );
  const client = await connectTo(tracker);
  for (let i = 0; i < 80; i++) await say(client, announce("t", "p"));
  const refusal = { "failure reason": "Too many messages from your address" };
  await sayUntil(client, announce("t", "p"), refusal);
  // Nothing is answered any more; then the connection goes.
  for (let i = 0; i < 400; i++) client.send(announce("t", "p"));
  expect(await client.closed).toMatchObject({ code: 1008, reason: "too many messages" });
  await tracker.waitForLine(/not served: .* rate limited \d\d\d/);
});

test("more connections than max_connections are refused, until one has closed", async () => {
  await using tracker = await startWs(`${PORT_0}[limits]\nmax_connections = 2`);
  const url = `http://127.0.0.1:${tracker.ports[0]}/`;
  const upgrade = {
    headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
  };
  const [first] = await Promise.all([connectTo(tracker), connectTo(tracker)]);
  expect((await fetch(url, upgrade)).status).toBe(503);
  await first.close();
  while ((await fetch(url, upgrade)).status === 503);
});

test("more peers, torrents or peers of a connection than the limits are errors", async () => {
  await using tracker = await startWs(`${PORT_0}
    [limits]
    max_torrents = 3
    max_peers = 6
    max_peers_per_connection = 4`);
  await using a = await connectTo(tracker);
  await using b = await connectTo(tracker);
  for (let i = 0; i < 4; i++) await say(a, announce("t", `a${i}`));
  expect(await say(a, announce("t", "a4"))).toMatchObject({
    "failure reason": "Too many peers on one connection",
  });
  expect(await say(a, announce("t", "a3"))).toMatchObject({ incomplete: 4 });
  expect(await say(b, announce("u", "b"))).toMatchObject({ incomplete: 1 });
  expect(await say(b, announce("v", "b"))).toMatchObject({ incomplete: 1 });
  expect(await say(b, announce("w", "b"))).toMatchObject({ "failure reason": "Tracker is full" });
  expect(await say(b, announce("t", "b"))).toMatchObject({ "failure reason": "Tracker is full" });
  await say(a, announce("t", "a3", { event: "stopped" }));
  expect(await say(b, announce("t", "b"))).toMatchObject({ incomplete: 4 });
});

test("a peer expires that does not announce itself, though its connection lives", async () => {
  await using tracker = await startWs(`${PORT_0}[cleaning]\ninterval = 1\nmax_peer_age = 1`);
  await using a = await connectTo(tracker);
  await using b = await connectTo(tracker);
  await say(a, announce("t", "a"));
  await sayUntil(b, announce("t", "b"), { incomplete: 2 });
  await sayUntil(b, announce("t", "b"), { incomplete: 1 });
  expect(await say(a, announce("t", "a"))).toMatchObject({ incomplete: 2 });
  await a.close();
  await sayUntil(b, announce("t", "b"), { incomplete: 1 });
});

test("peers that have expired do not count towards max_peers_per_connection", async () => {
  await using tracker = await startWs(`${PORT_0}
    [cleaning]
    interval = 1
    max_peer_age = 1
    [limits]
    max_peers_per_connection = 2`);
  await using a = await connectTo(tracker);
  await using b = await connectTo(tracker);
  for (const peer of ["a", "b"]) await say(a, announce("t", peer));
  await sayUntil(b, announce("t", "x"), { incomplete: 1 });
  for (const peer of ["c", "d"]) {
    expect(await say(a, announce("t", peer))).toHaveProperty("incomplete");
  }
});

await testWith(["root"], "gives up its privileges, and takes a new certificate then", async () => {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-dropped-"));
  using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
  chmodSync(directory, 0o755);
  using first = await makeCertificate();
  using second = await makeCertificate();
  const path = join(directory, "tracker.p12");
  const install = (files: CertificateFiles): void => {
    copyFileSync(files.pkcs12Path, path);
    chmodSync(path, 0o644);
  };
  install(first);
  await using tracker = await startWs(
    `
    socket_workers = 2
    [network]
    address = '127.0.0.1:0'
    use_tls = true
    tls_pkcs12_path = '${path}'
    tls_pkcs12_password = '${first.password}'
    [privileges]
    drop_privileges = true
    chroot_path = '/var/empty'`.replace("/var/empty", tmpdir()),
  );
  const [port] = tracker.ports;
  const status = readFileSync(`/proc/${tracker.pid}/status`, "utf8");
  expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe("0");
  const tls = { rejectUnauthorized: false };
  await using a = await connectWs(`wss://127.0.0.1:${port}/`, { tls });
  expect(await say(a, announce("t", "a"))).toMatchObject({ incomplete: 1 });
  expect(await fingerprintOf(port)).toBe(first.fingerprint);
  install(second);
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForLine(/the certificate has been reloaded/);
  for (let i = 0; i < 20; i++) expect(await fingerprintOf(port)).toBe(second.fingerprint);
  expect(await say(a, announce("t", "a"))).toMatchObject({ incomplete: 1 });
  await using b = await connectWs(`wss://127.0.0.1:${port}/`, { tls });
  expect(await say(b, announce("t", "b"))).toMatchObject({ incomplete: 2 });
  // A file that only root may read is not read.
  chmodSync(path, 0o600);
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForLine(/the certificate stays as it was/);
  expect(await fingerprintOf(port)).toBe(second.fingerprint);
});
