// The handlers of two workers on one table, with messages as values and deliveries as an array, for
// the tests of the handler. A socket here is what a test opens. Each worker has an inbox and a
// draft; the harness parses what is delivered as a client would.

import { expect } from "bun:test";
import { allocateCounters, Counters, sumCounter } from "../../src/app/counters.ts";
import type { Counter } from "../../src/app/metrics.ts";
import { Random } from "../../src/memory/random.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { AddressLimits, allocateAddressLimits } from "../../src/ws/address-limits.ts";
import {
  allocateConnections,
  Connections,
  nameConnection,
  OwnConnections,
  slotOf,
} from "../../src/ws/connections.ts";
import { KIND, type Kind } from "../../src/ws/deliveries.ts";
import {
  ERRORS,
  Handler,
  type HandlerSettings,
  OUTCOME,
  type Outcome,
  type Sender,
} from "../../src/ws/handler.ts";
import { Memberships } from "../../src/ws/memberships.ts";
import { Draft } from "../../src/ws/message/draft.ts";
import { Inbox } from "../../src/ws/message/inbox.ts";
import { allocatePendingOffers, PendingOffers } from "../../src/ws/pending-offers.ts";
import { responseCounters } from "../../src/ws/response-counters.ts";

/** A connection of one of the workers. */
export interface Socket extends Sender {
  readonly worker: number;
  /** The last word of its IP address. */
  readonly address: number;
}

export interface Delivery {
  /** Undefined when no open connection has the name and the generation. */
  readonly to: Socket | undefined;
  readonly kind: Kind;
  readonly message: any;
}

export interface HarnessOptions extends Partial<HandlerSettings> {
  limits?: { maxTorrents: number; maxPeers: number };
  /** Any number by default. */
  maxPeersPerAddress?: number;
  mostPeersEach?: number;
  seed?: number;
}

const NO_LIMITS = { max_connections_per_ip: 0, max_peers_per_ip: 0, max_messages_per_second: 0 };

const WORKERS = 2;
const MAX_MESSAGE_BYTES = 2 ** 16;

// The same for all harnesses: a new one for each case of a property would keep the collector busy.
// So the rest of an earlier message is behind each message.
const inboxes = Array.from({ length: WORKERS }, () => new Inbox(MAX_MESSAGE_BYTES));
const MOST_CONNECTIONS = 150;

/** The errors that clients receive, as text. */
export const REASON = Object.fromEntries(
  Object.entries(ERRORS).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
) as Readonly<Record<keyof typeof ERRORS, string>>;

/** The id of 20 characters that begins with `name`. */
export function id(name: string): string {
  return name.padEnd(20, "\u00ff");
}

/** The torrent of the messages below. */
export const infoHash = id("torrent");

export function announce(peer: string, more: object = {}) {
  return { action: "announce", info_hash: infoHash, peer_id: id(peer), left: 5, ...more };
}

export function makeOffers(count: number, prefix = "offer") {
  return Array.from({ length: count }, (_, n) => ({
    offer: { type: "offer", sdp: `sdp of ${prefix}${n}` },
    offer_id: id(`${prefix}${n}`),
  }));
}

export function answer(peer: string, to: string, offerId: string, more: object = {}) {
  const { left: _, ...fields } = announce(peer);
  const description = { type: "answer", sdp: `sdp of ${peer}` };
  return { ...fields, to_peer_id: id(to), answer: description, offer_id: offerId, ...more };
}

export class HandlerHarness {
  /** The clock, in seconds. */
  now = 1000;
  readonly table: Table;
  readonly connections: Connections;
  readonly handlers: readonly Handler[];
  readonly own: readonly OwnConnections[];
  readonly sockets = new Set<Socket>();
  /** Both handlers have these, and see each change. */
  readonly settings: { -readonly [Key in keyof HandlerSettings]: HandlerSettings[Key] };
  readonly #counters: SharedArrayBuffer;
  #delivered: Delivery[] = [];

  constructor(options: HarnessOptions = {}) {
    const { limits = { maxTorrents: 100, maxPeers: 1000 }, mostPeersEach = 50, seed = 1 } = options;
    const { maxPeersPerAddress = 0 } = options;
    const { announceInterval = 120, maxOffers = 10, maxScrapeTorrents = 5 } = options;
    this.settings = { announceInterval, maxOffers, maxScrapeTorrents };
    const tableMemory = createTable(20, limits, new Int32Array([seed, 2]));
    const connections = allocateConnections(WORKERS, MOST_CONNECTIONS);
    const pendingOffers = allocatePendingOffers(20_000, new Int32Array([seed, 3, 4, 5]));
    const addressLimits = allocateAddressLimits(new Int32Array([seed, 7]));
    this.#counters = allocateCounters(WORKERS);
    this.table = new Table(tableMemory, new Random(seed, 1, 1));
    this.connections = new Connections(connections);
    this.own = connections.map((buffer) => new OwnConnections(buffer));
    this.handlers = inboxes.map((inbox, worker) => {
      const draft = new Draft();
      return new Handler(this.settings, {
        table: new Table(tableMemory, new Random(seed, 2, worker)),
        connections: new Connections(connections),
        memberships: new Memberships(mostPeersEach, new Int32Array([seed, 6])),
        limits: new AddressLimits(addressLimits, {
          ...NO_LIMITS,
          max_peers_per_ip: maxPeersPerAddress,
        }),
        pendingOffers: new PendingOffers(pendingOffers),
        counters: new Counters(this.#counters, worker),
        inbox,
        draft,
        deliveries: {
          deliver: (name, generation, kind) => this.#deliver(name, generation, kind, draft),
        },
      });
    });
  }

  open(address = 1, worker = 0): Socket {
    const own = this.own[worker];
    const words = new Int32Array([0, 0, 0, address]);
    const slot = own.open(words);
    const name = nameConnection(worker, slot);
    const generation = own.generation(slot);
    const responses = responseCounters(words);
    const socket = { name, generation, worker, address, addressHash: address, responses };
    this.sockets.add(socket);
    return socket;
  }

  close(socket: Socket): void {
    this.handlers[socket.worker].removePeers(socket);
    this.own[socket.worker].close(slotOf(socket.name));
    this.sockets.delete(socket);
  }

  /** Handles a message, a value or a text. Returns its outcome and what was delivered. */
  send(from: Socket, message: unknown): { outcome: Outcome; deliveries: Delivery[] } {
    this.fillInbox(from, message);
    const outcome = this.handlers[from.worker].handle(from, this.now);
    return { outcome, deliveries: this.takeDeliveries() };
  }

  /** Puts a message, a value or a text, into the inbox of the sender's worker. */
  fillInbox({ worker }: Socket, message: unknown): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    if (!inboxes[worker].setText(text)) throw new Error("the message is too long");
  }

  /** Refuses a message because another connection holds its peer. Returns what was delivered. */
  refuseHeld(from: Socket, message: unknown): Delivery[] {
    this.fillInbox(from, message);
    this.handlers[from.worker].refuseHeld(from);
    return this.takeDeliveries();
  }

  /** Sends a message that gets one response and nothing else, and gives the response. */
  ask(from: Socket, message: unknown): any {
    const { outcome, deliveries } = this.send(from, message);
    expect(outcome).toBe(OUTCOME.handled);
    expect(deliveries).toEqual([{ to: from, kind: KIND.response, message: expect.anything() }]);
    return deliveries[0].message;
  }

  /** Announces, and gives the sockets that offers went to. */
  offerTo(from: Socket, peer: string, more: object): (Socket | undefined)[] {
    const { deliveries } = this.send(from, announce(peer, more));
    return deliveries.filter(({ kind }) => kind === KIND.offer).map(({ to }) => to);
  }

  /** What was delivered since the last time. */
  takeDeliveries(): Delivery[] {
    const delivered = this.#delivered;
    this.#delivered = [];
    return delivered;
  }

  /** Cleans the table of peers that announced themselves longer than `seconds` ago. */
  expire(seconds: number): void {
    const pass = new CleaningPass(this.table, seconds);
    while (!pass.step(this.now & 0xffff));
  }

  setFull(socket: Socket, isFull: boolean): void {
    this.own[socket.worker].setFull(slotOf(socket.name), isFull);
  }

  count(counter: Counter): number {
    return sumCounter(this.#counters, counter);
  }

  #deliver(name: number, generation: number, kind: Kind, draft: Draft): void {
    const to = [...this.sockets].find((socket) => {
      return socket.name === name && socket.generation === generation;
    });
    this.#delivered.push({ to, kind, message: JSON.parse(draft.toString()) });
  }
}
