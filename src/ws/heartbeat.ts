// Pings the connections of a worker, because proxies cut those that carry nothing, and closes those
// that are silent or do not read.

import { COUNTER } from "../app/metrics.ts";
import { type Client, SENDING } from "./client.ts";
import type { Clients } from "./clients.ts";
import type { Outgoing } from "./outgoing.ts";
import type { TrackerClock } from "./tracker-clock.ts";

export interface HeartbeatSettings {
  /** Seconds between two pings of a connection. */
  readonly pingInterval: number;
  /** Seconds without a sign of life after which a connection is closed. */
  readonly maxAge: number;
}

export class Heartbeat {
  #pingedAt = 0;
  /** Clients silent for so long that they may have to be closed before their next ping. */
  readonly #silent = new Set<Client>();

  constructor(
    private readonly settings: HeartbeatSettings,
    private readonly clients: Clients,
    private readonly outgoing: Outgoing,
    private readonly clock: TrackerClock,
  ) {}

  /**
   * Pings the clients whose turn it is, and closes those that are silent or do not read. Call this
   * about every second: the pings are spread over the seconds of the interval.
   */
  tick(): void {
    const { clients } = this;
    const { now } = this.clock;
    const { pingInterval } = this.settings;
    // Before the pings: after a time in which the process did not run, all clients have been
    // silent.
    this.#closeSilent(now);
    this.outgoing.closeStalled(now);
    const first = Math.max(this.#pingedAt + 1, now - pingInterval + 1);
    for (let second = first; second <= now; second++) {
      for (let slot = second % pingInterval; slot < clients.slots; slot += pingInterval) {
        const client = clients.at(slot);
        if (client !== undefined) this.#ping(client, now);
      }
    }
    this.#pingedAt = now;
  }

  /** Forgets a client that is closed. */
  end(client: Client): void {
    this.#silent.delete(client);
  }

  // A client that has just said something need not be asked. A backend that answers pings itself
  // may keep pongs for a client that never reads: such clients are found here.
  #ping(client: Client, now: number): void {
    if (client.sending === SENDING.closing) return;
    const { maxAge, pingInterval } = this.settings;
    const silence = now - client.heardAt;
    if (silence >= pingInterval / 2) client.socket.ping();
    if (client.socket.bufferedBytes > 0) this.outgoing.noteBacklog(client, now);
    if (silence > maxAge - pingInterval) this.#silent.add(client);
  }

  #closeSilent(now: number): void {
    const { maxAge, pingInterval } = this.settings;
    for (const client of this.#silent) {
      const silence = now - client.heardAt;
      if (silence > maxAge && client.sending !== SENDING.closing) {
        client.closeFor(COUNTER.silent);
        client.socket.terminate();
      }
      if (silence > maxAge || silence <= maxAge - pingInterval) this.#silent.delete(client);
    }
  }
}
