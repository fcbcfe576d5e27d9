// How nodes come to know each other's peers. A node that joins, or of which messages are lost, is
// asked for all of its peers. It lists them to the nodes that ask, at a limited rate, beside the
// changes that it publishes. Peers that a node has no more, and those of a node that is lost, are
// removed by a pass over the table.

import type { Cluster } from "../../cluster/cluster.ts";
import type { Node } from "../../cluster/members.ts";
import { BATCH_BYTES } from "../../cluster/message.ts";
import { tickOf } from "../../memory/clock.ts";
import { AbandonedPass } from "../../swarm/abandoned.ts";
import type { Table } from "../../swarm/table.ts";
import { workerOf } from "../connections.ts";
import { LINK_KIND } from "./kinds.ts";
import type { Nodes } from "./nodes.ts";
import { OwnPeers } from "./own-peers.ts";

/** Milliseconds after which a node is asked again if nothing more of its list comes. */
const RETRY_MILLISECONDS = 3000;
/**
 * Milliseconds until a node that is back is asked. It knows of this one a little later, because
 * messages are missing in between.
 */
const RETURN_MILLISECONDS = 500;
/** The same between two questions because messages are lost. */
const MISS_MILLISECONDS = 10_000;
/** Milliseconds between two passes, if no node is lost. */
const PASS_MILLISECONDS = 60_000;
/** Milliseconds of work at a time, so that messages do not wait. */
const WORK_MILLISECONDS = 1;
/** Bytes listed in a second, at most. */
const LIST_RATE = 2 ** 22;
/** Bytes that may be listed at once. */
const MAX_BURST = 2 ** 17;

const NOTHING = new Uint8Array(0);

export interface PeerExchangeParts {
  readonly table: Table;
  readonly nodes: Nodes;
  readonly cluster: Pick<Cluster, "publish" | "send" | "hasRoom">;
}

/** What is expected of a node. */
interface Expected {
  /** When it was asked last; -Infinity if it was not. */
  askedAt: number;
  /** When it is to be asked; Infinity once its list has ended. */
  dueAt: number;
  /** Whether messages of it are lost, and it must be asked again. */
  isMissed: boolean;
}

/** The peers of this node that are being listed. */
interface List {
  readonly peers: OwnPeers;
  readonly askers: Set<Node>;
}

export class PeerExchange {
  readonly #expected = new Map<Node, Expected>();
  /** Nodes that have asked, and get the next list. */
  #askers = new Set<Node>();
  #list: List | undefined;
  #pass: AbandonedPass | undefined;
  #isPassDue = false;
  #passedAt = 0;
  /** Peers by node in the current pass, and in the last one. */
  #counts = new Map<Node, number>();
  #lastCounts = new Map<Node, number>();
  /** Bytes that may be listed now. */
  #room = MAX_BURST;
  #workedAt = 0;

  constructor(
    private readonly linkWorker: number,
    private readonly parts: PeerExchangeParts,
  ) {}

  /**
   * Expects the peers of a node that has joined, or is back. It is asked later, once it knows of
   * this node, too.
   */
  expect(node: Node, isBack: boolean): void {
    const dueAt = isBack ? this.#workedAt + RETURN_MILLISECONDS : -Infinity;
    this.#expected.set(node, { askedAt: -Infinity, dueAt, isMissed: false });
  }

  /** Notes that messages of a node are lost. */
  miss(node: Node): void {
    const expected = this.#expected.get(node);
    if (expected !== undefined) expected.isMissed = true;
  }

  lose(node: Node): void {
    this.#expected.delete(node);
    this.#askers.delete(node);
    this.#list?.askers.delete(node);
    this.#isPassDue = true;
  }

  /** A node asks for the peers of this one. */
  takeQuestion(from: Node): true {
    this.#askers.add(from);
    return true;
  }

  /** A part of the list of a node has come. */
  takePart(from: Node): void {
    const expected = this.#expected.get(from);
    if (expected === undefined || expected.dueAt === Infinity) return;
    expected.dueAt = this.#workedAt + RETRY_MILLISECONDS;
  }

  /** The list of a node ends. */
  takeEnd(from: Node): true {
    const expected = this.#expected.get(from);
    if (expected === undefined || expected.dueAt === Infinity) return true;
    expected.dueAt = Infinity;
    this.parts.nodes.settle(from);
    this.#isPassDue = true;
    return true;
  }

  /** Peers of a node, as the last pass found them. */
  countPeers(node: Node): number {
    return this.#lastCounts.get(node) ?? 0;
  }

  /** Does some of what is to be done, at `now` in milliseconds and at a second of the clock. */
  work(now: number, second: number): void {
    this.#askNodes(now);
    const until = performance.now() + WORK_MILLISECONDS;
    const passed = (now - this.#workedAt) / 1000;
    this.#workedAt = now;
    this.#room = Math.min(MAX_BURST, this.#room + passed * LIST_RATE);
    this.#continueList(until, tickOf(second));
    this.#continuePass(until, now);
  }

  #askNodes(now: number): void {
    const { cluster, nodes } = this.parts;
    for (const [node, expected] of this.#expected) {
      const isMissed = expected.isMissed && now - expected.askedAt >= MISS_MILLISECONDS;
      if (!isMissed && now < expected.dueAt) continue;
      // With the list, the node's peers move to a new connection; what stays behind is gone.
      if (isMissed) nodes.open(node);
      expected.askedAt = now;
      expected.dueAt = now + RETRY_MILLISECONDS;
      expected.isMissed &&= !isMissed;
      cluster.send(node, LINK_KIND.ask, NOTHING);
    }
  }

  #continueList(until: number, tick: number): void {
    const { cluster, table } = this.parts;
    if (this.#list === undefined) {
      if (this.#askers.size === 0) return;
      const peers = new OwnPeers(table, this.linkWorker, BATCH_BYTES);
      this.#list = { peers, askers: this.#askers };
      this.#askers = new Set();
    }
    const { askers, peers } = this.#list;
    while (this.#room > 0 && cluster.hasRoom) {
      const isOver = peers.step(tick, (payload) => {
        this.#room -= payload.length;
        this.#send(askers, LINK_KIND.list, payload);
      });
      if (isOver) {
        this.#send(askers, LINK_KIND.listed, NOTHING);
        this.#list = undefined;
        return;
      }
      if (performance.now() >= until) return;
    }
  }

  // To several nodes at once if several have asked: all ask when a server is back.
  #send(to: Set<Node>, kind: number, payload: Uint8Array): void {
    const { cluster } = this.parts;
    if (to.size > 1) return cluster.publish(kind, payload);
    for (const node of to) cluster.send(node, kind, payload);
  }

  #continuePass(until: number, now: number): void {
    if (this.#pass === undefined) {
      if (!this.#isPassDue && now - this.#passedAt < PASS_MILLISECONDS) return;
      this.#isPassDue = false;
      this.#counts = new Map();
      this.#pass = new AbandonedPass(this.parts.table, this.#isGone);
    }
    while (!this.#pass.step()) if (performance.now() >= until) return;
    this.#pass = undefined;
    this.#passedAt = now;
    this.#lastCounts = this.#counts;
  }

  // Whether a connection is that of a node, and closed. Counts the peers of others.
  readonly #isGone = (name: number, generation: number): boolean => {
    if (workerOf(name) !== this.linkWorker) return false;
    const connection = this.parts.nodes.find(name, generation);
    if (connection === undefined) return true;
    this.#counts.set(connection.node, (this.#counts.get(connection.node) ?? 0) + 1);
    return false;
  };
}
