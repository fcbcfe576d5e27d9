// Trackers of one cluster, with a real server between them, as their clients see them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWith, testWith } from "../support/requirements.ts";
import { NO_ADDRESS_LIMITS, startTracker, type Tracker } from "../support/tracker.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startValkey, type ValkeyServer } from "../support/valkey.ts";
import {
  announce,
  answer,
  connectWs,
  id,
  isAnswer,
  isOffer,
  newTorrent,
  offers,
  say,
  sayUntil,
  type WsClient,
} from "../support/ws-client.ts";

const PATIENCE_MILLISECONDS = 60_000;

/** Starts a tracker of the cluster with these servers. */
function startNode(node: string, servers: readonly string[], more = ""): Promise<Tracker> {
  const config = `\
socket_workers = 2
${more}
[network]
address = '127.0.0.1:0'
[cluster]
servers = ${JSON.stringify(servers)}
secret = 'a secret of the tests'
node = '${node}'
${NO_ADDRESS_LIMITS.ws}`;
  return startTracker({ program: "ws", config });
}

/** Starts trackers with these servers, and waits until each knows the peers of all. */
async function startNodes(
  stack: AsyncDisposableStack,
  count: number,
  servers: readonly string[],
): Promise<Tracker[]> {
  const names = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i));
  const trackers = await Promise.all(
    names.map(async (name) => stack.use(await startNode(name, servers))),
  );
  await meet(trackers);
  return trackers;
}

async function meet(trackers: readonly Tracker[]): Promise<void> {
  const torrent = newTorrent();
  await using stack = new AsyncDisposableStack();
  const clients = await Promise.all(trackers.map(async (each) => stack.use(await connectTo(each))));
  for (const [i, client] of clients.entries()) await say(client, announce(torrent, `met${i}`));
  for (const [i, client] of clients.entries()) {
    await sayUntil(client, announce(torrent, `met${i}`), { incomplete: trackers.length });
  }
}

const connectTo = ({ ports }: Tracker): Promise<WsClient> => {
  return connectWs(`ws://127.0.0.1:${ports[0]}/announce`);
};

/** Lets `offerer` offer to a peer of `answerer`, the only one that may get it, which answers. */
async function exchange(torrent: string, offerer: WsClient, answerer: WsClient): Promise<void> {
  await say(offerer, announce(torrent, "offerer", offers("o1", "o2")));
  const offer = await answerer.take(isOffer);
  expect(offer).toMatchObject({ info_hash: id(torrent), peer_id: id("offerer") });
  // As soon as it can be.
  answerer.send(answer(torrent, "answerer", offer));
  answerer.send(answer(torrent, "answerer", offer));
  expect(await offerer.take(isAnswer)).toMatchObject({
    peer_id: id("answerer"),
    offer_id: offer.offer_id,
  });
}

await describeWith(["redis-server"], "trackers of one cluster", () => {
  let server: ValkeyServer;
  let trackers: Tracker[];
  const stack = new AsyncDisposableStack();

  beforeAll(async () => {
    server = stack.use(await startValkey("redis"));
    trackers = await startNodes(stack, 3, [server.url]);
  }, PATIENCE_MILLISECONDS);

  afterAll(async () => {
    for (const tracker of trackers) expect(await tracker.stop()).toBe(0);
    await stack.disposeAsync();
  });

  test("have the same swarms, as soon as peers come, change and go", async () => {
    const torrent = newTorrent();
    await using a = await connectTo(trackers[0]);
    await using b = await connectTo(trackers[1]);
    await using c = await connectTo(trackers[2]);
    await say(a, announce(torrent, "a", { left: 0 }));
    await say(b, announce(torrent, "b"));
    const swarm = { complete: 1, incomplete: 2 };
    await sayUntil(c, announce(torrent, "c"), swarm);
    await sayUntil(a, announce(torrent, "a", { left: 0 }), swarm);
    await say(b, announce(torrent, "b", { left: 0, event: "completed" }));
    await sayUntil(c, announce(torrent, "c"), { complete: 2, incomplete: 1 });
    await say(b, announce(torrent, "b", { left: 0, event: "stopped" }));
    await sayUntil(c, announce(torrent, "c"), { complete: 1, incomplete: 1 });
    await a.close();
    await sayUntil(c, announce(torrent, "c"), { complete: 0, incomplete: 1 });
  });

  test("pass on offers and answers to each other's clients, once", async () => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [2, 0],
    ]) {
      const torrent = newTorrent();
      await using offerer = await connectTo(trackers[from]);
      await using answerer = await connectTo(trackers[to]);
      await say(answerer, announce(torrent, "answerer", { left: 0 }));
      await sayUntil(offerer, announce(torrent, "offerer"), { complete: 1, incomplete: 1 });
      await exchange(torrent, offerer, answerer);
      await say(answerer, announce(newTorrent(), "x"));
      await say(offerer, announce(newTorrent(), "x"));
      expect([...offerer.inbox, ...answerer.inbox]).toEqual([]);
    }
  });

  test("do not let a client take the peer of a living connection elsewhere", async () => {
    const torrent = newTorrent();
    await using holder = await connectTo(trackers[0]);
    await using thief = await connectTo(trackers[1]);
    await say(holder, announce(torrent, "p"));
    await sayUntil(thief, announce(torrent, "q"), { incomplete: 2 });
    expect(await say(thief, announce(torrent, "p"))).toMatchObject({
      "failure reason": "Another connection uses this peer_id",
    });
    expect(await say(holder, announce(torrent, "p"))).toMatchObject({ incomplete: 2 });
  });

  test("show each other on their pages, and no secret", async () => {
    const tracker = stack.use(
      await startNode("d", [server.url], "[statistics]\nhttp_address = '127.0.0.1:0'"),
    );
    const [, pages] = await tracker.waitForLine(/statistics on (http:[^\s"]+)/);
    await meet([tracker, trackers[0]]);
    const stats = await fetch(`${pages}stats.json`);
    const text = await stats.text();
    expect(text).not.toContain("a secret of the tests");
    expect(JSON.parse(text).cluster).toMatchObject({
      node: "d",
      servers: [{ is_up: true }],
      lost: 0,
      rejected: 0,
    });
    expect(
      JSON.parse(text)
        .cluster.nodes.map(({ name }: { name: string }) => name)
        .sort(),
    ).toEqual(["a", "b", "c"]);
    expect(await (await fetch(`${pages}health`)).text()).toBe("ok\n");
    expect(JSON.parse(text).workers.map(({ name }: { name: string }) => name)).toEqual([
      "socket worker 0",
      "socket worker 1",
      "link worker",
    ]);
    expect(await tracker.stop()).toBe(0);
    await trackers[0].waitForLine(/node d is lost \(goodbye\)/);
  });
});

await testWith(
  ["redis-server"],
  "the peers of a tracker that is killed go, and their clients can come to another one at once",
  async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startValkey("redis"));
    const [a, b] = await startNodes(stack, 2, [server.url]);
    const torrent = newTorrent();
    const before = await connectTo(a);
    await say(before, announce(torrent, "answerer"));
    await using other = await connectTo(b);
    await sayUntil(other, announce(torrent, "offerer"), { incomplete: 2 });
    await a.stop("SIGKILL");
    await before.closed;
    // Its peer ID is held by the node that is gone, which the other one does not know yet.
    await using again = await connectTo(b);
    expect(await say(again, announce(torrent, "answerer"))).toMatchObject({ incomplete: 2 });
    await exchange(torrent, other, again);
    await b.waitForLine(/node a is lost \(silent\)/);
  },
  PATIENCE_MILLISECONDS,
);

await testWith(
  ["redis-server"],
  "trackers serve on alone while the server is away, and find each other's peers when it is back",
  async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startValkey("redis"));
    const trackers = await startNodes(stack, 2, [server.url]);
    const torrent = newTorrent();
    const offerer = stack.use(await connectTo(trackers[0]));
    const answerer = stack.use(await connectTo(trackers[1]));
    await say(answerer, announce(torrent, "answerer"));
    await sayUntil(offerer, announce(torrent, "offerer"), { incomplete: 2 });
    await server.child.stop("SIGKILL");
    await sayUntil(offerer, announce(torrent, "offerer"), { incomplete: 1 });
    await using newcomer = await connectTo(trackers[1]);
    await say(newcomer, announce(torrent, "newcomer"));
    await sayUntil(answerer, announce(torrent, "answerer"), { incomplete: 2 });
    await server.restart();
    await sayUntil(offerer, announce(torrent, "offerer"), { incomplete: 3 });
    await say(newcomer, announce(torrent, "newcomer", { event: "stopped" }));
    await sayUntil(offerer, announce(torrent, "offerer"), { incomplete: 2 });
    await sayUntil(answerer, announce(torrent, "answerer"), { incomplete: 2 });
    answerer.inbox.length = 0;
    await exchange(torrent, offerer, answerer);
    for (const tracker of trackers) expect(await tracker.stop()).toBe(0);
  },
  PATIENCE_MILLISECONDS,
);

await testWith(
  ["redis-server"],
  "the loss of one of two servers loses no offer",
  async () => {
    await using stack = new AsyncDisposableStack();
    const servers = [stack.use(await startValkey("redis")), stack.use(await startValkey("redis"))];
    const trackers = await startNodes(
      stack,
      2,
      servers.map(({ url }) => url),
    );
    const torrent = newTorrent();
    const offerer = stack.use(await connectTo(trackers[0]));
    const answerer = stack.use(await connectTo(trackers[1]));
    await say(answerer, announce(torrent, "answerer"));
    await sayUntil(offerer, announce(torrent, "offerer"), { incomplete: 2 });
    for (let i = 0; i < 20; i++) {
      if (i === 5) await servers[0].child.stop("SIGKILL");
      await exchange(torrent, offerer, answerer);
    }
    await say(offerer, announce(newTorrent(), "x"));
    expect([...offerer.inbox, ...answerer.inbox]).toEqual([]);
    for (const { stderr } of trackers) expect(stderr).not.toContain("is lost");
    for (const tracker of trackers) expect(await tracker.stop()).toBe(0);
  },
  PATIENCE_MILLISECONDS,
);

await testWith(
  ["redis-server"],
  "both sides of a partition serve on, and merge when it ends",
  async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startValkey("redis"));
    const proxy = stack.use(await startTcpProxy(server.port));
    const far = [`redis://127.0.0.1:${proxy.port}`];
    const trackers = [
      stack.use(await startNode("a", [server.url])),
      stack.use(await startNode("b", far)),
    ];
    await meet(trackers);
    const torrent = newTorrent();
    const [here, there] = await Promise.all(
      trackers.map(async (tracker) => stack.use(await connectTo(tracker))),
    );
    await say(there, announce(torrent, "answerer"));
    await sayUntil(here, announce(torrent, "offerer"), { incomplete: 2 });
    proxy.partition();
    await sayUntil(here, announce(torrent, "offerer"), { incomplete: 1 });
    await sayUntil(there, announce(torrent, "answerer"), { incomplete: 1 });
    proxy.heal();
    await sayUntil(here, announce(torrent, "offerer"), { incomplete: 2 });
    await sayUntil(there, announce(torrent, "answerer"), { incomplete: 2 });
    there.inbox.length = 0;
    await exchange(torrent, here, there);

    // The same, if the server hangs.
    process.kill(server.child.pid, "SIGSTOP");
    await sayUntil(here, announce(torrent, "offerer"), { incomplete: 1 });
    process.kill(server.child.pid, "SIGCONT");
    await sayUntil(here, announce(torrent, "offerer"), { incomplete: 2 });
    await sayUntil(there, announce(torrent, "answerer"), { incomplete: 2 });
    there.inbox.length = 0;
    await exchange(torrent, here, there);
    for (const tracker of trackers) expect(await tracker.stop()).toBe(0);
  },
  PATIENCE_MILLISECONDS,
);
