// Conversations over three trackers whose messages are late, overtake nobody, and are lost at
// times, while nodes come and go: whatever happens, no answer reaches anybody but the peer that
// made the offer, and in the end all nodes have the same swarms.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SnapshotEncoder } from "../../../src/swarm/snapshot.ts";
import { workerOf } from "../../../src/ws/connections.ts";
import { announce, type FakeSocket, id } from "../worker-harness.ts";
import { Network, type TestNode } from "./network.ts";

const NODES = 3;
const SOCKETS_EACH = 2;
/** Conversations are few and long, because a new tracker takes its time. */
const RUNS = Number(process.env.RUNS ?? 30);
const MIN_STEPS = 200;
/** Seconds of an epoch, and a little more: see cluster/news.ts. */
const EPOCH_SECONDS = 23;

type Json = Record<string, any>;

type Step =
  | {
      do: "announce";
      socket: number;
      torrent: string;
      peer: string;
      isSeeder: boolean;
      offers: number;
    }
  | { do: "stop"; socket: number; torrent: string; peer: string }
  | { do: "answer"; receipt: number; socket: number | undefined; peer: string | undefined }
  | { do: "reopen" | "pong"; socket: number }
  | { do: "work"; node: number }
  | { do: "deliver"; count: number }
  | { do: "lose"; from: number; to: number }
  | { do: "leave" | "return"; node: number }
  | { do: "wait"; seconds: number };

const socket = fc.nat(NODES * SOCKETS_EACH - 1);
const node = fc.nat(NODES - 1);
const torrent = fc.constantFrom("t", "t", "u");
const PEERS = ["a", "b", "c", "d", "e"];
const peer = fc.constantFrom(...PEERS);

const announceStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("announce"),
  socket,
  torrent,
  peer,
  isSeeder: fc.boolean(),
  offers: fc.nat(3),
});
const answerStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("answer"),
  receipt: fc.nat(4),
  // Its own, or any.
  socket: fc.option(socket, { nil: undefined, freq: 1 }),
  peer: fc.option(peer, { nil: undefined, freq: 1 }),
});
const deliverStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("deliver"),
  count: fc.nat(6),
});
const workStep: fc.Arbitrary<Step> = fc.record({ do: fc.constant("work"), node });

const calmSteps: fc.Arbitrary<Step>[] = [
  announceStep,
  announceStep,
  announceStep,
  answerStep,
  answerStep,
  fc.record({ do: fc.constant("stop"), socket, torrent, peer }),
  fc.record({ do: fc.constantFrom("reopen", "pong"), socket }),
  fc.record({ do: fc.constant("wait"), seconds: fc.nat(30) }),
];
const stormySteps: fc.Arbitrary<Step>[] = [
  ...calmSteps,
  deliverStep,
  deliverStep,
  workStep,
  workStep,
  fc.record({ do: fc.constant("lose"), from: node, to: node }),
  fc.record({ do: fc.constantFrom("leave", "return"), node }),
];

/** An offer as a client received it. */
interface Receipt {
  readonly socket: FakeSocket;
  readonly torrent: string;
  readonly offer: Json;
}

class Conversation {
  readonly network = new Network({ nodes: NODES });
  readonly sockets: FakeSocket[] = [];
  /** By the ID of an offer, the peer that made it. */
  readonly #offerers = new Map<string, string>();
  /** The peers that each client has ever announced. Others never answer in their name. */
  readonly #announced = new Map<FakeSocket, Set<string>>();
  readonly #receipts: Receipt[] = [];
  /** How many of them are from before the last step. */
  #oldReceipts = 0;
  /** By the ID of an offer and the peer in whose name it was answered, the clients that did so. */
  readonly #answered = new Map<string, FakeSocket[]>();
  readonly #delivered = new Set<string>();

  constructor(private readonly isCalm: boolean) {
    for (let i = 0; i < NODES * SOCKETS_EACH; i++) this.sockets.push(this.#open(i));
  }

  take(step: Step): void {
    const { network, sockets } = this;
    const old = this.#oldReceipts;
    this.#oldReceipts = this.#receipts.length;
    switch (step.do) {
      case "announce":
        this.#announce(step);
        break;
      case "stop":
        sockets[step.socket].say({ ...announce(step.torrent, step.peer), event: "stopped" });
        break;
      case "answer":
        this.#answer(step, old);
        break;
      case "reopen":
        sockets[step.socket].terminate();
        this.#read();
        sockets[step.socket] = this.#open(step.socket);
        break;
      case "pong":
        sockets[step.socket].answerPing();
        break;
      case "wait":
        network.pass(step.seconds);
        break;
      case "work":
        network.nodes[step.node].work();
        break;
      case "deliver":
        for (let i = 0; i < step.count && network.messages.length > 0; i++) network.deliver();
        break;
      case "lose":
        this.#lose(network.nodes[step.from], network.nodes[step.to]);
        break;
      case "leave":
        network.nodes[step.node].leave();
        break;
      case "return":
        network.nodes[step.node].reach();
        break;
    }
    if (this.isCalm) this.#calm();
    this.#read();
  }

  /** Lets everything come right, as it does once nothing is lost any more. */
  end(): void {
    const { network, sockets } = this;
    for (const each of network.nodes) each.reach();
    for (let i = 0; i < 4; i++) {
      this.#calm();
      network.pass(10);
    }
    // Clients announce themselves again.
    const held = network.nodes.map((each) => heldAt(each));
    network.pass(EPOCH_SECONDS);
    for (const [index, peers] of held.entries()) {
      for (const [key, { connection, isSeeder }] of peers) {
        if (workerOf(connection) !== 0) continue;
        const [torrent, peer] = key.split(" ");
        const slot = connection & 0xffffff;
        const client = sockets.find(({ client }, i) => {
          return Math.floor(i / SOCKETS_EACH) === index && (client.name & 0xffffff) === slot;
        })!;
        client.say({ ...announce(torrent, peer), left: isSeeder ? 0 : 1 });
      }
    }
    this.#calm();
    this.#expectSameSwarms();
  }

  #open(index: number): FakeSocket {
    return this.network.nodes[Math.floor(index / SOCKETS_EACH)].open();
  }

  #announce(step: Extract<Step, { do: "announce" }>): void {
    const { isSeeder, offers, peer, torrent } = step;
    const from = this.sockets[step.socket];
    const made = Array.from({ length: offers }, () => {
      const offerId = id(`${this.#offerers.size}`);
      this.#offerers.set(offerId, peer);
      return { offer: { type: "offer", sdp: "sdp" }, offer_id: offerId };
    });
    const announced = this.#announced.get(from) ?? new Set();
    this.#announced.set(from, announced.add(`${torrent} ${id(peer)}`));
    from.say({ ...announce(torrent, peer), left: isSeeder ? 0 : 1, offers: made });
  }

  #hasAnnounced(socket: FakeSocket, torrent: string, peer: string): boolean {
    return this.#announced.get(socket)?.has(`${torrent} ${peer}`) === true;
  }

  // `old`: the number of receipts from before the step before.
  #answer(step: Extract<Step, { do: "answer" }>, old: number): void {
    const index = this.#receipts.length - 1 - step.receipt;
    if (index < 0) return;
    const { offer, socket, torrent } = this.#receipts[index];
    const from = step.socket === undefined ? socket : this.sockets[step.socket];
    if (from.hasEnded) return;
    const { offer_id: offerId } = offer;
    // A client knows its own peer; here all are tried.
    for (const peer of step.peer === undefined ? PEERS : [step.peer]) {
      const key = `${offerId} ${id(peer)}`;
      this.#answered.set(key, [...(this.#answered.get(key) ?? []), from]);
      from.say({
        action: "announce",
        info_hash: id(torrent),
        peer_id: id(peer),
        to_peer_id: offer.peer_id,
        offer_id: offerId,
        answer: { type: "answer", sdp: "sdp" },
      });
    }
    if (!this.isCalm || index < old || from !== socket || step.peer !== undefined) return;
    this.#calm();
    this.#read();
    expect(this.#delivered.has(offerId)).toBe(true);
  }

  // The next messages are lost, and the receiver notices.
  #lose(from: TestNode, to: TestNode): void {
    const { messages } = this.network;
    const lost = messages.filter((message) => message.from === from && message.to === to);
    if (lost.length === 0) return;
    for (const message of lost) messages.splice(messages.indexOf(message), 1);
    if (to.here.has(from)) to.link.miss(from);
  }

  // Everything arrives, and each connection that is pinged answers.
  #calm(): void {
    for (let i = 0; i < 2; i++) {
      this.network.settle();
      for (const each of this.sockets) each.answerPing();
    }
    this.network.settle();
  }

  /** Reads what all clients have received. */
  #read(): void {
    for (const socket of this.sockets) {
      for (const message of socket.take() as Json[]) {
        if (message.offer !== undefined) this.#readOffer(socket, message);
        if (message.answer !== undefined) this.#readAnswer(socket, message);
      }
    }
  }

  // Once, from a client that has the peer, to one that has the peer that made the offer.
  #readAnswer(socket: FakeSocket, { info_hash, offer_id, peer_id }: Json): void {
    const torrent = info_hash.slice(0, 1);
    expect(this.#hasAnnounced(socket, torrent, id(this.#offerers.get(offer_id)!))).toBe(true);
    const senders = this.#answered.get(`${offer_id} ${peer_id}`)!;
    expect(senders.some((each) => this.#hasAnnounced(each, torrent, peer_id))).toBe(true);
    expect(this.#delivered.has(offer_id)).toBe(false);
    this.#delivered.add(offer_id);
  }

  #readOffer(socket: FakeSocket, offer: Json): void {
    const { info_hash, offer_id, peer_id } = offer;
    expect(peer_id).toBe(id(this.#offerers.get(offer_id)!));
    // To one client, once.
    expect(this.#receipts.some((receipt) => receipt.offer.offer_id === offer_id)).toBe(false);
    this.#receipts.push({ socket, torrent: info_hash.slice(0, 1), offer });
  }

  // Each node has the peers that some node's clients have. Two clients may have the same peer, at
  // nodes that could not reach each other, and the others know one of them.
  #expectSameSwarms(): void {
    const { nodes } = this.network;
    const views = nodes.map(heldAt);
    const keys = new Set(views.flatMap((view) => [...view.keys()]));
    for (const key of keys) {
      const holders = nodes.filter((_, i) => {
        const held = views[i].get(key);
        return held !== undefined && workerOf(held.connection) === 0;
      });
      const statuses = holders.map((holder) => views[nodes.indexOf(holder)].get(key)!.isSeeder);
      expect(holders.length).toBeGreaterThan(0);
      for (const view of views) expect(statuses).toContain(view.get(key)?.isSeeder as boolean);
      if (this.isCalm) expect(holders.length).toBe(1);
    }
  }
}

interface HeldPeer {
  readonly connection: number;
  readonly isSeeder: boolean;
}

/** The peers in a node's table, by torrent and ID. */
function heldAt({ second, table }: TestNode): Map<string, HeldPeer> {
  const encoder = new SnapshotEncoder(table, second & 0xffff);
  expect(encoder.next()).toBe(true);
  const peers = new Map<string, HeldPeer>();
  const { words } = encoder;
  const nameAt = (word: number): string => {
    return Buffer.from(words.buffer, word * 4, 20)
      .toString()
      .replace(/\.+$/, "");
  };
  for (let word = 0; word < encoder.length;) {
    const torrent = nameAt(word);
    let count = words[word + 5];
    for (word += 6; count > 0; count--, word += 7) {
      const isSeeder = words[word + 6] < 0;
      peers.set(`${torrent} ${nameAt(word)}`, { connection: words[word + 5], isSeeder });
    }
  }
  expect(table.peerCount).toBe(peers.size);
  return peers;
}

for (const [kind, steps, isCalm] of [
  ["calm", calmSteps, true],
  ["stormy", stormySteps, false],
] as const) {
  test(`in ${kind} conversations over three nodes`, () => {
    const length = { minLength: MIN_STEPS, maxLength: 2 * MIN_STEPS };
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), length), (taken) => {
        const conversation = new Conversation(isCalm);
        for (const step of taken) conversation.take(step);
        conversation.end();
      }),
      { numRuns: RUNS, endOnFailure: process.env.RUNS !== undefined },
    );
  }, 60_000);
}
