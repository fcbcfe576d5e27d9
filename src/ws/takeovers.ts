// What happens when a peer ID appears on a second connection: the tracker pings the first. If the
// first answers, the second gets an error; if not, the first is closed, and the second has its
// message handled again. Clients often reconnect before the tracker notices that their old
// connection is dead; and nobody can take the place of a peer whose connection lives. In a cluster,
// the node that holds the peer is asked, which does the same.

import { COUNTER } from "../app/metrics.ts";
import type { Channels } from "./channel.ts";
import type { Client } from "./client.ts";
import type { Clients } from "./clients.ts";
import { type ConnectionName, NO_LINK, workerOf } from "./connections.ts";
import type { Delivery } from "./delivery.ts";
import { type Handler, OUTCOME, type Outcome } from "./handler.ts";
import { type Held, HeldMessages } from "./held-messages.ts";
import type { Inbox } from "./message/inbox.ts";
import type { TrackerClock } from "./tracker-clock.ts";

/** Milliseconds in which a living connection answers a ping. */
const PONG_MILLISECONDS = 5000;

/** A connection of this worker whose pong is awaited. */
interface Probe {
  /** The workers that asked. */
  readonly askers: Set<number>;
  readonly timer: Timer;
}

/** A message about whose peer a node is asked. */
interface Asked {
  readonly held: Held;
  /** The connection of the node. */
  readonly name: ConnectionName;
  readonly generation: number;
}

/** Questions to nodes have numbers below this. */
const TOKENS = 2 ** 24;

/** What takeovers work with. */
export interface TakeoverParts {
  readonly inbox: Inbox;
  readonly clients: Clients;
  readonly handler: Handler;
  readonly channels: Channels;
  readonly delivery: Delivery;
  readonly clock: TrackerClock;
}

export class Takeovers {
  /** Messages by the connection that they wait for. */
  readonly #held = new Map<string, Held[]>();
  readonly #messages = new HeldMessages(({ client, message }) => this.#refuse(client, message));
  readonly #probes = new Map<Client, Probe>();
  /** By token. A node holds many peers, so each of these messages has a question of its own. */
  readonly #asked = new Map<number, Asked>();
  #lastToken = 0;

  constructor(
    private readonly worker: number,
    private readonly parts: TakeoverParts,
    /** The number of the link thread, whose connections are other nodes. */
    private readonly linkWorker = NO_LINK,
  ) {}

  /** Keeps the message in the inbox, whose peer is held by `handler.holder`. */
  hold(client: Client): void {
    const { channels, delivery, handler, inbox } = this.parts;
    const { name, generation } = handler.holder;
    const message = inbox.copy();
    const held = this.#messages.add(client, message);
    if (held === undefined) return this.#refuse(client, message);
    if (workerOf(name) === this.linkWorker) return this.#askNode({ held, name, generation });
    const key = keyOf(name, generation);
    const waiting = this.#held.get(key);
    if (waiting !== undefined) return void waiting.push(held);
    this.#held.set(key, [held]);
    const holdingWorker = workerOf(name);
    if (holdingWorker === this.worker) return this.probe(name, generation, this.worker);
    channels.probe(holdingWorker, name, generation);
    delivery.scheduleFlush();
  }

  /** Finds out for the worker `asker` whether a connection of this worker is alive. */
  probe(name: ConnectionName, generation: number, asker: number): void {
    const client = this.parts.clients.find(name, generation);
    if (client === undefined) return this.#tell(asker, name, generation, false);
    const probe = this.#probes.get(client);
    if (probe !== undefined) return void probe.askers.add(asker);
    const timer = setTimeout(() => {
      client.closeFor(COUNTER.replaced);
      client.socket.terminate();
    }, PONG_MILLISECONDS);
    this.#probes.set(client, { askers: new Set([asker]), timer });
    client.socket.ping();
  }

  /** A client has given a sign of life, or is gone: tells the workers that asked. */
  settle(client: Client, isAlive: boolean): void {
    if (this.#probes.size === 0) return;
    const probe = this.#probes.get(client);
    if (probe === undefined) return;
    this.#probes.delete(client);
    clearTimeout(probe.timer);
    for (const asker of probe.askers) this.#tell(asker, client.name, client.generation, isAlive);
  }

  /** Takes the result of a probe for which this worker asked. Handles the messages that waited. */
  conclude(name: ConnectionName, generation: number, isAlive: boolean): void {
    const { clock, handler } = this.parts;
    const key = keyOf(name, generation);
    const waiting = this.#held.get(key) ?? [];
    this.#held.delete(key);
    for (const held of waiting) {
      this.#handleAgain(held, isAlive, ({ client }) => handler.handle(client, clock.now));
    }
  }

  /** Takes the answer to a question about a peer that a node held. */
  concludeNode(token: number, isHeld: boolean): void {
    const { clock, handler } = this.parts;
    const asked = this.#asked.get(token);
    if (asked === undefined) return;
    this.#asked.delete(token);
    this.#handleAgain(asked.held, isHeld, ({ client }) => {
      return handler.handleAfter(asked, client, clock.now);
    });
  }

  // The peer of the message is that of the handler's last message.
  #askNode(asked: Asked): void {
    const { channels, delivery, handler } = this.parts;
    const { generation, held, name } = asked;
    this.#lastToken = (this.#lastToken + 1) % TOKENS;
    const token = (this.worker << 24) | this.#lastToken;
    const isAsked = channels.probeNode(this.linkWorker, name, generation, token, handler.heldPeer);
    if (isAsked) {
      this.#asked.set(token, asked);
      delivery.scheduleFlush();
    } else {
      this.#messages.remove(held);
      this.#refuse(held.client, held.message);
    }
  }

  // Handles a message that has waited, unless the peer is still held.
  #handleAgain(held: Held, isHeld: boolean, handle: (held: Held) => Outcome): void {
    const { clients, delivery, handler, inbox } = this.parts;
    const { client, message } = held;
    if (held.isDropped) return;
    this.#messages.remove(held);
    if (clients.find(client.name, client.generation) !== client) return;
    inbox.set(message);
    const isStillHeld = isHeld || handle(held) === OUTCOME.held;
    if (isStillHeld) handler.refuseHeld(client);
    delivery.flushIfUrgent();
  }

  #refuse(client: Client, message: Buffer): void {
    this.parts.inbox.set(message);
    this.parts.handler.refuseHeld(client);
  }

  #tell(asker: number, name: ConnectionName, generation: number, isAlive: boolean): void {
    if (asker === this.worker) return this.conclude(name, generation, isAlive);
    this.parts.channels.conclude(asker, name, generation, isAlive);
    this.parts.delivery.scheduleFlush();
  }
}

function keyOf(name: ConnectionName, generation: number): string {
  return `${name} ${generation}`;
}
