// Several trackers of one cluster in one thread: each has socket workers, whose sockets are none,
// and a link. What they publish waits in an array until the network delivers it, or loses it.

import { defaultConfig } from "../../../src/app/config.ts";
import { CONTROL } from "../../../src/app/control.ts";
import { sumCounter } from "../../../src/app/counters.ts";
import { COUNTER } from "../../../src/app/metrics.ts";
import type { Node } from "../../../src/cluster/members.ts";
import { advanceClock, readClock } from "../../../src/memory/clock.ts";
import { CleaningPass } from "../../../src/swarm/clean.ts";
import { Table } from "../../../src/swarm/table.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { Link, type LinkCluster } from "../../../src/ws/link/link.ts";
import {
  allocateSetup,
  createSocketWorker,
  type Setup,
  type SocketWorker,
} from "../../../src/ws/setup.ts";
import { FakeSocket } from "../worker-harness.ts";

const CLUSTER = { servers: ["valkey://192.0.2.1"], name: "test", secret: "of all nodes", node: "" };
/** Milliseconds between two polls. */
const POLL_MILLISECONDS = 25;
const MAX_PEER_AGE = 180;

export interface NetworkOptions {
  nodes?: number;
  workers?: number;
  /** By node. */
  maxPeers?: readonly number[];
}

interface Message {
  readonly from: TestNode;
  readonly to: TestNode;
  readonly kind: number;
  readonly payload: Buffer;
}

/** The servers, and all nodes. */
export class Network {
  readonly nodes: readonly TestNode[];
  /** On their way. */
  readonly messages: Message[] = [];
  /** Whether a message is lost, and nobody notices. */
  loses: (message: Message) => boolean = () => false;
  /** Bytes that have been sent, by kind. */
  readonly sent = new Map<number, number>();
  /** Milliseconds. */
  now = 0;

  constructor({ nodes = 2, workers = 1, maxPeers = [] }: NetworkOptions = {}) {
    this.nodes = Array.from(
      { length: nodes },
      (_, i) => new TestNode(this, i, workers, maxPeers[i] ?? 10_000),
    );
    for (const node of this.nodes) node.reach();
    this.settle();
  }

  send(message: Message): void {
    const { kind, payload } = message;
    this.sent.set(kind, (this.sent.get(kind) ?? 0) + payload.length);
    this.messages.push(message);
  }

  /** Delivers the oldest message on its way. */
  deliver(): void {
    const message = this.messages.shift()!;
    const { from, kind, payload, to } = message;
    if (this.loses(message) || !to.here.has(from)) return;
    if (!to.link.receive(from, kind, payload, 0)) throw new Error("an invalid message");
  }

  /** Lets all threads work, and delivers, until nothing happens any more. */
  settle(): void {
    for (let quiet = 0; quiet < 3; quiet++) {
      this.now += POLL_MILLISECONDS;
      for (const node of this.nodes) node.work();
      if (this.messages.length > 0) quiet = 0;
      while (this.messages.length > 0) this.deliver();
    }
  }

  /** Lets the clocks of all nodes go on, and some time pass. */
  pass(seconds: number): void {
    this.now += seconds * 1000;
    for (const node of this.nodes) node.pass(seconds);
  }
}

/** A tracker, and as such a node to the others. */
export class TestNode implements Node {
  readonly session: string;
  readonly name: string;
  readonly workers: readonly SocketWorker[];
  readonly table: Table;
  readonly link: Link;
  /** The other nodes that it knows. */
  readonly here = new Set<TestNode>();
  /** The same, with those that were lost. */
  readonly known = new Set<TestNode>();
  /** Whether servers can be reached. */
  isUp = true;
  hasRoom = true;
  readonly #control: Int32Array;
  readonly #setup: Setup;

  constructor(
    readonly network: Network,
    readonly index: number,
    workers: number,
    maxPeers: number,
  ) {
    this.session = this.name = `node${index}`;
    const config = defaultConfig(wsSchema);
    const limits = {
      max_connections: 100,
      max_torrents: 1000,
      max_peers: maxPeers,
      max_pending_offers: 10_000,
      max_messages_per_second: 0,
    };
    this.#setup = allocateSetup(
      {
        ...config,
        socket_workers: workers,
        cluster: CLUSTER,
        limits: { ...config.limits, ...limits },
      },
      undefined,
      "bytes",
    );
    this.#control = new Int32Array(this.#setup.control);
    this.workers = Array.from({ length: workers }, (_, worker) =>
      createSocketWorker({ ...this.#setup, worker, addresses: [] }),
    );
    this.table = new Table(this.#setup.table);
    this.link = new Link(this.#setup, () => this.#connect());
  }

  /** Opens a connection. */
  open(worker = 0): FakeSocket {
    return new FakeSocket(this.workers[worker], `192.0.2.${this.index}`);
  }

  /** All others know this node, and it knows them, from now on. */
  reach(): void {
    for (const other of this.network.nodes) {
      if (other === this) continue;
      for (const [a, b] of [
        [this, other],
        [other, this],
      ]) {
        if (a.here.has(b)) continue;
        a.here.add(b);
        a.link.join(b, a.known.has(b) ? 5 : Infinity);
        a.known.add(b);
      }
    }
  }

  /** All others lose this node, and it loses them. */
  leave(): void {
    for (const other of this.network.nodes) {
      for (const [a, b] of [
        [this, other],
        [other, this],
      ]) {
        if (a.here.delete(b)) a.link.lose(b);
      }
    }
  }

  /** Lets all of its threads work. */
  work(): void {
    for (const worker of this.workers) {
      worker.receiveFromWorkers();
      worker.delivery.flush();
    }
    this.link.poll(this.network.now);
  }

  pass(seconds: number): void {
    advanceClock(this.#control, CONTROL.clock, this.second + seconds);
  }

  get second(): number {
    return readClock(this.#control, CONTROL.clock);
  }

  expire(): void {
    const pass = new CleaningPass(this.table, MAX_PEER_AGE);
    while (!pass.step(this.second & 0xffff));
  }

  count(counter: keyof typeof COUNTER): number {
    return sumCounter(this.#setup.counters, COUNTER[counter]);
  }

  #connect(): LinkCluster {
    const { network } = this;
    const send = (to: TestNode, kind: number, payload: Uint8Array): void => {
      if (this.isUp) network.send({ from: this, to, kind, payload: Buffer.from(payload) });
    };
    const isUp = (): boolean => this.isUp;
    const hasRoom = (): boolean => this.hasRoom;
    return {
      publish: (kind, payload) => {
        for (const to of network.nodes) if (to !== this) send(to, kind, payload);
      },
      send: (node, kind, payload) => send(node as TestNode, kind, payload),
      get isUp() {
        return isUp();
      },
      get hasRoom() {
        return hasRoom();
      },
    };
  }
}
