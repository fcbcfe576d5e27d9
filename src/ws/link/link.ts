// The link of a WebTorrent tracker to the other nodes of its cluster, as the link thread runs it.
// Socket workers tell it what has changed, and it publishes that in batches; what other nodes
// publish, it puts into the table. It passes on offers and answers, in batches for each node:
//
//   socket worker ── change, offer, answer ──► link ══ Valkey ══► link of another node ──► its table,
//   (handler.ts)        (channel.ts)                                                       its workers
//
// The offer is remembered by the node whose client it is for, and that node alone accepts the
// answer, exactly as if the offer had been made there.

import { Counters } from "../../app/counters.ts";
import { COUNTER } from "../../app/metrics.ts";
import { BATCH_BYTES } from "../../cluster/message.ts";
import type { Cluster, ClusterEvents } from "../../cluster/cluster.ts";
import type { Node } from "../../cluster/members.ts";
import { AccessList } from "../../swarm/access-list.ts";
import { FLAG_MERGE } from "../../swarm/layout.ts";
import { Table } from "../../swarm/table.ts";
import { Channels, type LinkReceiver } from "../channel.ts";
import { type ConnectionName, Connections, OwnConnections, workerOf } from "../connections.ts";
import { KIND, type Kind, ROUTE } from "../deliveries.ts";
import { Draft } from "../message/draft.ts";
import { ID_WORDS } from "../message/id.ts";
import { PendingOffers } from "../pending-offers.ts";
import type { Setup } from "../setup.ts";
import { TrackerClock } from "../tracker-clock.ts";
import { ChangeWriter, readChanges } from "./change-codec.ts";
import { LINK_KIND } from "./kinds.ts";
import { NodeProbes } from "./node-probes.ts";
import { type NodeConnection, Nodes } from "./nodes.ts";
import { PeerExchange } from "./peer-exchange.ts";
import { readRelays, RelayWriter } from "./relay-codec.ts";
import { RemotePeers } from "./remote-peers.ts";

/** What the link needs of the cluster. */
export type LinkCluster = Pick<Cluster, "publish" | "send" | "hasRoom" | "isUp">;

const NO_TEXT = new Uint8Array(0);

export class Link<C extends LinkCluster = LinkCluster> implements ClusterEvents, LinkReceiver {
  readonly cluster: C;
  readonly #linkWorker: number;
  readonly #channels: Channels;
  readonly #clock: TrackerClock;
  readonly #connections: Connections;
  readonly #counters: Counters;
  readonly #draft = new Draft();
  readonly #exchange: PeerExchange;
  readonly #nodes: Nodes;
  readonly #peers: RemotePeers;
  readonly #pendingOffers: PendingOffers;
  readonly #probes: NodeProbes;
  readonly #table: Table;
  readonly #changes = new ChangeWriter(BATCH_BYTES, (payload) => this.#publishChanges(payload));
  /** Whether offers or answers wait to be sent. */
  hasRelays = false;
  /** The time of the last poll. */
  #now = 0;

  /** `connect` is called once, and gives the cluster that reports to this link. */
  constructor(setup: Setup, connect: (link: Link) => C) {
    const { config, linkWorker, wakeEvents } = setup;
    const control = new Int32Array(setup.control);
    const maxGathered = config.handlers.max_requests_per_iter;
    this.#linkWorker = linkWorker;
    this.#clock = new TrackerClock(control);
    this.#channels = new Channels(
      setup.channels,
      { worker: linkWorker, maxGathered, wakeEvents },
      control,
    );
    this.#connections = new Connections(setup.connections);
    this.#counters = new Counters(setup.counters, linkWorker);
    this.#pendingOffers = new PendingOffers(setup.pendingOffers);
    this.#table = new Table(setup.table);
    this.#nodes = new Nodes(linkWorker, new OwnConnections(setup.connections[linkWorker]));
    const parts = {
      table: this.#table,
      connections: this.#connections,
      nodes: this.#nodes,
      access: new AccessList(setup.accessList),
      counters: this.#counters,
      channels: this.#channels,
    };
    this.#peers = new RemotePeers(linkWorker, parts);
    const cluster = connect(this);
    this.cluster = cluster;
    const send = cluster.send.bind(cluster);
    this.#probes = new NodeProbes(linkWorker, { ...parts, peers: this.#peers, send });
    this.#exchange = new PeerExchange(linkWorker, { ...parts, cluster });
  }

  /** Peers of a node in the table, as of the last look at all. */
  countPeers(node: Node): number {
    return this.#exchange.countPeers(node);
  }

  // --- what workers send
  // ---------------------------------------------------------------------------

  /** Whether workers have sent anything of which this thread is told. */
  get hasMessages(): boolean {
    return this.#channels.hasMessages;
  }

  /** Takes what workers have sent. */
  receiveFromWorkers(): void {
    this.#channels.receive(this);
  }

  /** Does what is due regularly. `now` is a time in milliseconds that never goes back. */
  poll(now: number): void {
    this.#now = now;
    this.receiveFromWorkers();
    this.#changes.flush();
    this.flushRelays();
    this.#nodes.setFull(!this.cluster.isUp);
    this.#exchange.work(now, this.#clock.now);
    this.#probes.expire(now);
    this.#probes.flush();
    this.#channels.flush();
  }

  /** Sends the offers and answers that wait. */
  flushRelays(): void {
    if (!this.hasRelays) return;
    this.hasRelays = false;
    for (const connection of this.#nodes) this.#sendRelays(connection);
  }

  /** The link thread has no client: workers send messages for clients of nodes by relayToNode. */
  relay(): void {}

  relayToNode(
    name: ConnectionName,
    generation: number,
    kind: Kind,
    words: Int32Array,
    route: number,
    bytes: Buffer,
    start: number,
    length: number,
  ): void {
    const connection = this.#nodes.find(name, generation);
    if (connection === undefined) return;
    const { relays } = connection;
    // A message that is longer than a batch is sent alone.
    if (relays.length + RelayWriter.bytesOf(length) > BATCH_BYTES) this.#sendRelays(connection);
    relays.add(kind, words, route, bytes, start, length);
    this.hasRelays = true;
  }

  change(flags: number, words: Int32Array, word: number): void {
    // Even if no node is here: one that is not heard may listen.
    this.#changes.add(words, word, words, word + ID_WORDS, flags, 0);
  }

  probeNode(
    name: ConnectionName,
    generation: number,
    token: number,
    words: Int32Array,
    word: number,
  ): void {
    this.#probes.ask(name, generation, token, words, word, this.#now);
  }

  /** No worker asks the link thread for a connection of its own. */
  probe(): void {}

  conclude(name: ConnectionName, generation: number, isAlive: boolean): void {
    this.#probes.conclude(name, generation, isAlive);
  }

  // Offers go first: an offer tells of the peer that made it, which may stop in the next batch of
  // changes.
  #publishChanges(payload: Buffer): void {
    this.flushRelays();
    this.cluster.publish(LINK_KIND.changes, payload);
  }

  #sendRelays({ node, relays }: NodeConnection): void {
    if (relays.length > 0) this.cluster.send(node, LINK_KIND.relays, relays.take());
  }

  // --- what other nodes send
  // -----------------------------------------------------------------------

  join(node: Node, silence: number): void {
    if (this.#nodes.open(node)) this.#exchange.expect(node, Number.isFinite(silence));
  }

  lose(node: Node): void {
    this.#nodes.close(node);
    this.#exchange.lose(node);
    for (const other of this.#peers.lose(node)) this.#exchange.miss(other);
    this.#probes.lose(node);
    this.#channels.flush();
  }

  miss(node: Node): void {
    this.#exchange.miss(node);
  }

  receive(from: Node, kind: number, payload: Buffer, age: number): boolean {
    const connection = this.#nodes.of(from);
    // There are more nodes than there is room for.
    if (connection === undefined) return true;
    const isValid = this.#take(connection, kind, payload, age);
    this.#channels.flush();
    return isValid;
  }

  #take(connection: NodeConnection, kind: number, payload: Buffer, age: number): boolean {
    const { node } = connection;
    switch (kind) {
      case LINK_KIND.changes:
        return this.#takeChanges(connection, payload, age, 0);
      case LINK_KIND.list:
        this.#exchange.takePart(node);
        return this.#takeChanges(connection, payload, age, FLAG_MERGE);
      case LINK_KIND.relays:
        return readRelays(payload, (relayed, route, start, length) => {
          this.#takeRelay(connection, relayed, route, payload, start, length);
        });
      case LINK_KIND.ask:
        return this.#exchange.takeQuestion(node);
      case LINK_KIND.listed:
        return this.#exchange.takeEnd(node);
      case LINK_KIND.probe:
        return this.#probes.receiveQuestions(node, payload);
      case LINK_KIND.probed:
        return this.#probes.receiveAnswers(node, payload);
      default:
        return false;
    }
  }

  #takeChanges(connection: NodeConnection, payload: Buffer, age: number, more: number): boolean {
    const sent = this.#clock.now - age;
    return readChanges(payload, (words, flags, seconds) => {
      const second = Math.floor(sent - seconds);
      this.#peers.change(connection, words, 0, ID_WORDS, flags | more, second);
    });
  }

  #takeRelay(
    connection: NodeConnection,
    kind: Kind,
    route: Int32Array,
    payload: Buffer,
    start: number,
    length: number,
  ): void {
    const { now } = this.#clock;
    const isOffer = kind === KIND.offer;
    if (isOffer) {
      // Its announce comes with the next batch of changes, and the answer may be faster.
      const { flags, infoHash, offerer } = ROUTE;
      this.#peers.change(connection, route, infoHash, offerer, route[flags], now);
    }
    const receiver = isOffer ? ROUTE.answerer : ROUTE.offerer;
    const isHere = this.#peers.find(route, ROUTE.infoHash, receiver);
    const { connection: name, generation } = this.#table.result;
    const worker = workerOf(name);
    if (!isHere || worker === this.#linkWorker) {
      if (!isOffer) this.#counters.add(COUNTER.lostAnswers, 1);
      return;
    }
    if (isOffer) {
      if (!this.#connections.takesOffers(name, generation)) return;
      this.#pendingOffers.add(route, now);
    }
    this.#draft.begin(NO_TEXT);
    this.#draft.addPart(payload, start, start + length);
    const isTaken = this.#channels.relay(worker, name, generation, kind, this.#draft);
    if (!isTaken) this.#counters.add(COUNTER.queueFull, 1);
  }
}
