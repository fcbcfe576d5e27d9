// Trackers of one cluster, from the messages of their clients to those that other clients receive.

import { beforeEach, describe, expect, test } from "bun:test";
import { LINK_KIND } from "../../../src/ws/link/kinds.ts";
import { announce, type FakeSocket, id } from "../worker-harness.ts";
import { Network, type TestNode } from "./network.ts";

let network: Network;
let a: TestNode;
let b: TestNode;

beforeEach(() => {
  network = new Network({ nodes: 3, workers: 2 });
  [a, b] = network.nodes;
});

type Json = Record<string, unknown>;

/** Sends a message, and takes all that the socket receives once everything has settled. */
function say(socket: FakeSocket, message: object): Json[] {
  socket.say(message);
  network.settle();
  return socket.take();
}

/** Announces, and gives the counts of the response. */
function counts(socket: FakeSocket, torrent: string, peer: string, more: object = {}): unknown[] {
  const [response] = say(socket, { ...announce(torrent, peer), ...more });
  return [response.complete, response.incomplete];
}

function makeAnswer(torrent: string, peer: string, offer: Json): object {
  return {
    action: "announce",
    info_hash: id(torrent),
    peer_id: id(peer),
    to_peer_id: offer.peer_id,
    offer_id: offer.offer_id,
    answer: { type: "answer", sdp: `answer of ${peer}` },
  };
}

const REFUSAL = { "failure reason": "Another connection uses this peer_id" };

/** The counts of a torrent at each node. */
function countsEverywhere(torrent: string): unknown[] {
  return network.nodes.map((node) => {
    const socket = node.open();
    const [response] = say(socket, { action: "scrape", info_hash: id(torrent) });
    socket.terminate();
    const { files } = response as { files: Record<string, Json> };
    return [files[id(torrent)].complete, files[id(torrent)].incomplete];
  });
}

describe("peers", () => {
  test("of one node are in the swarms of all", () => {
    const socket = a.open();
    say(socket, announce("t", "leecher"));
    say(b.open(1), { ...announce("t", "seeder"), left: 0 });
    expect(countsEverywhere("t")).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    say(socket, { ...announce("t", "leecher"), left: 0, event: "completed" });
    expect(countsEverywhere("t")[2]).toEqual([2, 0]);
    say(socket, { ...announce("t", "leecher"), event: "stopped" });
    expect(countsEverywhere("t")).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  test("go everywhere when their connection closes", () => {
    const socket = a.open();
    for (const torrent of ["t", "u"]) say(socket, announce(torrent, "p"));
    socket.terminate();
    network.settle();
    for (const { table } of network.nodes)
      expect([table.peerCount, table.torrentCount]).toEqual([0, 0]);
  });

  test("that announce themselves again are told only as often as others need it", () => {
    const socket = a.open();
    say(socket, announce("t", "p"));
    const tell = (): number => {
      const before = network.sent.get(LINK_KIND.changes) ?? 0;
      say(socket, announce("t", "p"));
      return (network.sent.get(LINK_KIND.changes) ?? 0) - before;
    };
    expect(tell()).toBe(0);
    let told = 0;
    for (let second = 0; second < 220; second += 2) {
      network.pass(2);
      if (tell() > 0) told++;
    }
    // Ten epochs of 22 seconds.
    expect(told).toBeWithin(9, 12);
    network.pass(157);
    for (const node of network.nodes) node.expire();
    expect(countsEverywhere("t")[1]).toEqual([0, 1]);
    network.pass(24);
    for (const node of network.nodes) node.expire();
    expect(countsEverywhere("t")[1]).toEqual([0, 0]);
  });

  test("are refused where their torrent has no room, and counted", () => {
    network = new Network({ maxPeers: [50, 1000] });
    [a, b] = network.nodes;
    const socket = b.open();
    for (let n = 0; n < 100; n++) say(socket, announce("t", `b${n}`));
    expect([a.table.peerCount, b.table.peerCount]).toEqual([50, 100]);
    expect(a.count("tableFull")).toBe(50);
  });
});

describe("offers", () => {
  test("reach clients of other nodes, and their answers come back, once", () => {
    const [offerer, answerer] = [a.open(1), b.open(0)];
    say(answerer, announce("t", "b"));
    say(offerer, announce("t", "a", "the offer", 2));
    const [offer, ...more] = answerer.take();
    expect(more).toEqual([]);
    expect(offer).toMatchObject({
      info_hash: id("t"),
      peer_id: id("a"),
      offer: { sdp: "the offer" },
    });
    expect(say(answerer, makeAnswer("t", "b", offer))).toEqual([]);
    expect(offerer.take()).toEqual([
      {
        action: "announce",
        info_hash: id("t"),
        peer_id: id("b"),
        offer_id: offer.offer_id,
        answer: { type: "answer", sdp: "answer of b" },
      },
    ]);
    say(answerer, makeAnswer("t", "b", offer));
    expect(offerer.take()).toEqual([]);
    expect([a.count("offers"), b.count("answers"), b.count("lostAnswers")]).toEqual([1, 1, 1]);
  });

  test("are answered from the connection that they went to, in a minute, and from no other", () => {
    const [offerer, answerer, thief] = [a.open(), b.open(), b.open(1)];
    const far = network.nodes[2].open();
    for (const [socket, peer] of [
      [answerer, "b"],
      [thief, "thief"],
      [far, "far"],
    ] as const) {
      say(socket, announce("t", peer));
    }
    say(offerer, announce("t", "a", "sdp", 3));
    const [offer] = answerer.take();
    for (const [socket, peer] of [
      [thief, "b"],
      [thief, "thief"],
      [far, "b"],
    ] as const) {
      say(socket, makeAnswer("t", peer, offer));
    }
    // The others had offers of their own, with other IDs.
    expect(offerer.take()).toEqual([]);
    network.pass(61);
    say(answerer, makeAnswer("t", "b", offer));
    expect(offerer.take()).toEqual([]);
    say(offerer, announce("t", "a", "sdp", 3));
    say(answerer, makeAnswer("t", "b", answerer.take()[0]));
    expect(offerer.take().filter((message) => "answer" in message)).toHaveLength(1);
  });

  test("that overtake the announce of their peer are answered nevertheless", () => {
    const [offerer, answerer] = [a.open(), b.open()];
    say(answerer, announce("t", "b"));
    network.loses = ({ kind }) => kind === LINK_KIND.changes;
    say(offerer, announce("t", "a", "sdp"));
    const [offer] = answerer.take();
    expect(counts(answerer, "t", "b")).toEqual([0, 2]);
    say(answerer, makeAnswer("t", "b", offer));
    expect(offerer.take().at(-1)).toMatchObject({ answer: { sdp: "answer of b" } });
  });

  test("are as long as messages may be, and many", () => {
    const [offerer, answerer] = [a.open(), b.open()];
    say(answerer, announce("t", "b"));
    for (const length of [1, 12_000, 20_000, 60_000]) {
      say(offerer, announce("t", "a", "x".repeat(length)));
      expect(answerer.take()).toMatchObject([{ offer: { sdp: "x".repeat(length) } }]);
    }
    for (let n = 0; n < 50; n++) offerer.say(announce("t", "a", `sdp ${n} ${"y".repeat(500)}`));
    network.settle();
    expect(answerer.take().map(({ offer }) => (offer as Json).sdp)).toEqual(
      Array.from({ length: 50 }, (_, n) => `sdp ${n} ${"y".repeat(500)}`),
    );
  });

  test("with IDs of other lengths are found by all nodes", () => {
    const [offerer, answerer] = [a.open(), b.open()];
    say(answerer, announce("t", "b"));
    const offers = [{ offer: { type: "offer", sdp: "sdp" }, offer_id: "12345" }];
    say(offerer, { ...announce("t", "a"), offers });
    say(answerer, makeAnswer("t", "b", answerer.take()[0]));
    expect(offerer.take().at(-1)).toMatchObject({ offer_id: "12345", peer_id: id("b") });
  });

  test("do not go to other nodes while no server can be reached", () => {
    const [offerer, answerer] = [a.open(), b.open()];
    say(answerer, announce("t", "b"));
    a.isUp = false;
    network.settle();
    say(offerer, announce("t", "a", "sdp"));
    expect([answerer.take(), a.count("offers")]).toEqual([[], 0]);
    a.isUp = true;
    network.settle();
    say(offerer, announce("t", "a", "sdp"));
    expect(answerer.take()).toHaveLength(1);
  });
});

describe("a node that is lost", () => {
  test("takes its peers with it, and brings them back when it returns", () => {
    const sockets = Array.from({ length: 90 }, (_, n) => {
      const socket = a.open(n % 2);
      say(socket, announce(n % 3 === 0 ? "t" : `u${n}`, `a${n}`));
      return socket;
    });
    say(b.open(), announce("t", "b"));
    a.leave();
    network.settle();
    expect(countsEverywhere("t")).toEqual([
      [0, 30],
      [0, 1],
      [0, 1],
    ]);
    expect(b.table.peerCount).toBe(1);
    // Meanwhile.
    sockets[0].terminate();
    say(b.open(), announce("t", "b2"));
    a.reach();
    network.settle();
    network.pass(1);
    network.settle();
    expect(countsEverywhere("t")).toEqual([
      [0, 31],
      [0, 31],
      [0, 31],
    ]);
    expect(network.nodes.map(({ table }) => table.peerCount)).toEqual([91, 91, 91]);
    expect([b.link.countPeers(a), a.link.countPeers(b)]).toEqual([89, 2]);
  });

  test("gets no offers", () => {
    const [offerer, answerer] = [a.open(), b.open()];
    say(answerer, announce("t", "b"));
    b.leave();
    say(offerer, announce("t", "a", "sdp"));
    expect([answerer.take(), a.count("offers")]).toEqual([[], 0]);
  });

  test("leaves its peers to the node where they announced themselves meanwhile", () => {
    const third = network.nodes[2];
    network.loses = ({ from, to }) => from === a && to === third;
    say(a.open(), announce("t", "p"));
    // As after a restart of the node, which others have not noticed.
    say(third.open(), announce("t", "p"));
    network.loses = () => false;
    a.leave();
    network.settle();
    network.pass(10);
    network.settle();
    expect(countsEverywhere("t").slice(1)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(b.link.countPeers(third)).toBe(1);
  });

  test("loses its peers to clients that come to another one at once", () => {
    say(a.open(), announce("t", "p"));
    a.leave();
    const socket = b.open();
    expect(counts(socket, "t", "p")).toEqual([0, 1]);
    expect(countsEverywhere("t")[2]).toEqual([0, 1]);
    network.settle();
    expect(countsEverywhere("t")[2]).toEqual([0, 1]);
  });
});

describe("messages that are lost", () => {
  test("are made up for: peers come and go as they should have", () => {
    const sockets = Array.from({ length: 20 }, (_, n) => {
      const socket = a.open();
      if (n < 10) say(socket, announce("t", `a${n}`));
      return socket;
    });
    network.loses = ({ from, to }) => from === a && to === b;
    for (const socket of sockets.slice(0, 5)) socket.terminate();
    sockets.slice(10).forEach((socket, n) => say(socket, announce("t", `new${n}`)));
    expect(countsEverywhere("t")).toEqual([
      [0, 15],
      [0, 10],
      [0, 15],
    ]);
    network.loses = () => false;
    b.link.miss(a);
    network.pass(10);
    network.settle();
    expect(countsEverywhere("t")[1]).toEqual([0, 15]);
    expect(b.link.countPeers(a)).toBe(15);
    // Each still gets offers.
    const offerer = b.open();
    for (let n = 0; n < 60; n++) say(offerer, announce("t", "b", "sdp", 4));
    for (const socket of sockets.slice(5)) expect(socket.take().length).toBeGreaterThan(0);
  });

  test("are asked for once in ten seconds, and again if the question is lost", () => {
    say(a.open(), announce("t", "p"));
    network.loses = ({ kind }) => kind === LINK_KIND.changes;
    say(a.open(), announce("t", "q"));
    b.link.miss(a);
    network.settle();
    expect(b.table.peerCount).toBe(1);
    network.loses = ({ kind }) => kind === LINK_KIND.ask;
    network.pass(10);
    network.settle();
    expect(b.table.peerCount).toBe(1);
    network.loses = () => false;
    network.pass(15);
    network.settle();
    expect(b.table.peerCount).toBe(2);
  });
});

describe("a peer ID that another node holds", () => {
  test("is refused while its connection is alive", () => {
    const [holder, other] = [a.open(1), b.open(1)];
    say(holder, announce("t", "p"));
    other.say(announce("t", "p"));
    network.settle();
    expect([holder.pings, other.take()]).toEqual([1, []]);
    holder.answerPing();
    network.settle();
    expect(other.take()).toMatchObject([REFUSAL]);
    expect(counts(holder, "t", "p")).toEqual([0, 1]);
  });

  test("is taken over when its connection is dead, and by one only", () => {
    const [holder, other, third] = [a.open(), b.open(), network.nodes[2].open()];
    say(holder, announce("t", "p"));
    const waiting = b.open(1);
    other.say(announce("t", "p"));
    network.settle();
    waiting.say(announce("t", "p"));
    network.settle();
    holder.terminate();
    network.settle();
    expect(other.take()).toMatchObject([{ incomplete: 1 }]);
    // Whose peer it is now, and that connection is alive.
    other.answerPing();
    network.settle();
    expect(waiting.take()).toMatchObject([REFUSAL]);
    third.say(announce("t", "p"));
    network.settle();
    other.answerPing();
    network.settle();
    expect(third.take()).toMatchObject([REFUSAL]);
    expect(countsEverywhere("t")).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    // Its offers go to the new connection.
    say(third, announce("t", "q", "sdp"));
    expect(other.take()).toMatchObject([{ offer: { sdp: "sdp" } }]);
  });

  test("is taken over everywhere, even if others do not learn that the connection is dead", () => {
    const third = network.nodes[2];
    const [holder, other] = [a.open(), b.open()];
    say(holder, announce("t", "p"));
    other.say(announce("t", "p"));
    network.settle();
    network.loses = ({ from, to }) => from === a && to === third;
    holder.terminate();
    network.settle();
    expect(other.take()).toMatchObject([{ incomplete: 1 }]);
    say(third.open(), announce("t", "q", "sdp"));
    expect(other.take()).toMatchObject([{ offer: { sdp: "sdp" } }]);
  });

  test("takes no offers with it that went to the connection before", () => {
    const [offerer, holder] = [a.open(), b.open()];
    say(holder, announce("t", "p"));
    say(offerer, announce("t", "q", "sdp"));
    const [offer] = holder.take();
    holder.terminate();
    network.settle();
    // It comes to the node that made the offer, and then back.
    for (const node of [a, b]) {
      const socket = node.open();
      say(socket, announce("t", "p"));
      const before = offerer.take().filter((message) => "answer" in message);
      say(socket, makeAnswer("t", "p", offer));
      const after = offerer.take().filter((message) => "answer" in message);
      // The node that the offer went to accepts it, as a single tracker would.
      expect([before, after.length]).toEqual([[], node === b ? 1 : 0]);
      socket.terminate();
      network.settle();
    }
  });

  test("is free once the node is lost", () => {
    const [holder, other] = [a.open(), b.open()];
    say(holder, announce("t", "p"));
    other.say(announce("t", "p"));
    network.settle();
    expect(other.take()).toEqual([]);
    a.leave();
    network.settle();
    expect(other.take()).toMatchObject([{ incomplete: 1 }]);
  });

  test("is refused if no answer comes", () => {
    const [holder, other] = [a.open(), b.open()];
    say(holder, announce("t", "p"));
    network.loses = ({ kind }) => kind === LINK_KIND.probe;
    other.say(announce("t", "p"));
    network.settle();
    network.pass(8);
    network.settle();
    expect(other.take()).toMatchObject([REFUSAL]);
  });

  test("is free if the node does not have it any more", () => {
    const [holder, other] = [a.open(), b.open()];
    say(holder, announce("t", "p"));
    network.loses = ({ to }) => to === b;
    holder.terminate();
    network.settle();
    network.loses = () => false;
    expect(counts(other, "t", "p")).toEqual([0, 1]);
  });
});
