// What happens when a peer ID appears on a second connection: the tracker pings the first. If the first
// answers, the second gets an error; if not, the first is closed, and the second has its message handled
// again. Clients often reconnect before the tracker notices that their old connection is dead; and
// nobody can take the place of a peer whose connection lives.

import { COUNTER } from "../app/metrics.ts";
import type { Channels } from "./channel.ts";
import type { Client } from "./client.ts";
import type { Clients } from "./clients.ts";
import { type ConnectionName, workerOf } from "./connections.ts";
import type { Delivery } from "./delivery.ts";
import { type Handler, OUTCOME } from "./handler.ts";
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

  constructor(
    private readonly worker: number,
    private readonly parts: TakeoverParts,
  ) {}

  /** Keeps the message in the inbox, whose peer is held by `handler.holder`. */
  hold(client: Client): void {
    const { channels, delivery, handler, inbox } = this.parts;
    const { name, generation } = handler.holder;
    const message = inbox.copy();
    const held = this.#messages.add(client, message);
    if (held === undefined) return this.#refuse(client, message);
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
    const { clients, clock, delivery, handler, inbox } = this.parts;
    const key = keyOf(name, generation);
    const waiting = this.#held.get(key) ?? [];
    this.#held.delete(key);
    for (const held of waiting) {
      const { client, message } = held;
      if (held.isDropped) continue;
      this.#messages.remove(held);
      if (clients.find(client.name, client.generation) !== client) continue;
      inbox.set(message);
      const isStillHeld = isAlive || handler.handle(client, clock.now) === OUTCOME.held;
      if (isStillHeld) handler.refuseHeld(client);
      delivery.flushIfUrgent();
    }
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
