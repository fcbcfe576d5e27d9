// What happens when a peer id appears on a second connection: the first one is pinged. If it answers,
// the second is refused; if it does not, it is closed and the second has its message handled again.
// Clients reconnect before the tracker has noticed that their old connection is dead, so this is no
// rare case; and no stranger may have a living peer's place.

import type { Client } from "./client.ts";
import type { Clients } from "./clients.ts";
import { workerOf } from "./connections.ts";
import { OUTCOME } from "./handler.ts";
import { type Held, HeldMessages } from "./held-messages.ts";
import { LETTER, type Mail } from "./mail.ts";

/** Milliseconds in which a living connection answers a ping. */
const PONG_MILLISECONDS = 5000;

/** A connection of this worker that is being probed. */
interface Probe {
  /** The workers that asked. */
  readonly askers: Set<number>;
  readonly timer: Timer;
}

export class Takeovers {
  /** By the connection they wait for. */
  readonly #held = new Map<string, Held[]>();
  readonly #messages = new HeldMessages(({ client, text }) => {
    this.clients.handler.refuseHeld(client, text);
  });
  readonly #probes = new Map<Client, Probe>();

  constructor(
    private readonly worker: number,
    private readonly clients: Clients,
    private readonly mail: Mail,
  ) {}

  /** Takes a message of `client` whose peer is held by `handler.holder`. */
  hold(client: Client, text: string): void {
    const { handler } = this.clients;
    const { name, generation } = handler.holder;
    const held = this.#messages.add(client, text);
    if (held === undefined) return handler.refuseHeld(client, text);
    const key = keyOf(name, generation);
    const waiting = this.#held.get(key);
    if (waiting !== undefined) return void waiting.push(held);
    this.#held.set(key, [held]);
    const holdingWorker = workerOf(name);
    if (holdingWorker === this.worker) return this.probe(name, generation, this.worker);
    this.#post(holdingWorker, LETTER.probe, name, generation, String(this.worker));
  }

  /** Finds out for the worker `asker` whether a connection of this worker is alive. */
  probe(name: number, generation: number, asker: number): void {
    const client = this.clients.find(name, generation);
    if (client === undefined) return this.#tell(asker, name, generation, false);
    const probe = this.#probes.get(client);
    if (probe !== undefined) return void probe.askers.add(asker);
    const timer = setTimeout(() => client.socket.terminate(), PONG_MILLISECONDS);
    this.#probes.set(client, { askers: new Set([asker]), timer });
    client.socket.ping();
  }

  /** A client has given a sign of life, or is gone: whoever asked is told. */
  settle(client: Client, isAlive: boolean): void {
    if (this.#probes.size === 0) return;
    const probe = this.#probes.get(client);
    if (probe === undefined) return;
    this.#probes.delete(client);
    clearTimeout(probe.timer);
    for (const asker of probe.askers) this.#tell(asker, client.name, client.generation, isAlive);
  }

  /** What came of a probe that this worker asked for. */
  conclude(name: number, generation: number, isAlive: boolean): void {
    const key = keyOf(name, generation);
    const waiting = this.#held.get(key) ?? [];
    this.#held.delete(key);
    const { handler, now } = this.clients;
    for (const held of waiting) {
      const { client, text } = held;
      if (held.isDropped) continue;
      this.#messages.remove(held);
      if (this.clients.find(client.name, client.generation) !== client) continue;
      const isStillHeld = isAlive || handler.handle(client, text, now) === OUTCOME.held;
      if (isStillHeld) handler.refuseHeld(client, text);
    }
  }

  #tell(asker: number, name: number, generation: number, isAlive: boolean): void {
    if (asker === this.worker) return this.conclude(name, generation, isAlive);
    this.#post(asker, isAlive ? LETTER.alive : LETTER.gone, name, generation, "");
  }

  #post(worker: number, kind: 3 | 4 | 5, name: number, generation: number, text: string): void {
    this.mail.post(worker, kind, name, generation, text);
    this.clients.scheduleFlush();
  }
}

function keyOf(name: number, generation: number): string {
  return `${name} ${generation}`;
}
