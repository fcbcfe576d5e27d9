// What the clients of a worker are sent, and what becomes of those that do not read. See SENDING for
// what each of them goes through.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { type Client, SENDING } from "./client.ts";
import { type OwnConnections, slotOf } from "./connections.ts";
import type { Kind } from "./deliveries.ts";
import { Outbox } from "./outbox.ts";

export interface OutgoingSettings {
  /** Bytes that may wait for one client. */
  readonly mostQueued: number;
  readonly compress: boolean;
  /** Seconds after which a client that reads nothing is given up. */
  readonly stallSeconds: number;
}

/**
 * Characters that are gathered before they are sent, though the iteration has not ended: under load
 * one of them may bring hundreds of megabytes.
 */
const MOST_GATHERED = 2 ** 20;

export class Outgoing {
  /** Characters for clients of this worker since the last flush. */
  gathered = 0;
  #due: Client[] = [];
  readonly #blocked = new Set<Client>();
  /** To be closed when nobody is in the middle of something. */
  #doomed: Client[] = [];
  #hasUrgent = false;

  constructor(
    private readonly settings: OutgoingSettings,
    private readonly connections: OwnConnections,
    private readonly counters: Counters,
  ) {}

  /**
   * Adds a text for a client. Neither sends nor closes anything: a connection that is closed has its
   * peers removed at once, which the handler must not be in the middle of.
   */
  push(client: Client, kind: Kind, text: string): void {
    if (client.sending === SENDING.closing) return;
    const outbox = (client.outbox ??= new Outbox(this.settings.mostQueued));
    if (client.sending === SENDING.blocked) {
      outbox.pushKept(kind, text);
      if (!this.#limit(client, outbox)) this.#doom(client);
      return;
    }
    outbox.push(kind, text);
    this.gathered += text.length;
    // What is over has not been tried yet.
    if (outbox.isOver) this.#hasUrgent = true;
    if (client.sending === SENDING.idle) this.#makeDue(client);
  }

  /** Whether it should not wait for the end of the iteration. */
  get isUrgent(): boolean {
    return this.#hasUrgent || this.gathered > MOST_GATHERED;
  }

  /** Sends all that is due at second `now`, and closes what has to be. */
  flush(now: number): void {
    const due = this.#due;
    this.#due = [];
    this.#hasUrgent = false;
    this.gathered = 0;
    if (this.#doomed.length > 0)
      for (const client of this.#doomed.splice(0)) client.socket.terminate();
    for (const client of due) this.#flushClient(client, now);
  }

  /** The client has read something. */
  drain(client: Client): void {
    if (client.sending !== SENDING.blocked) return;
    this.#blocked.delete(client);
    this.#makeDue(client);
  }

  /** Notes that the runtime keeps something for a client, unless there is more to be tried first. */
  noteBacklog(client: Client, now: number): void {
    if (client.sending === SENDING.idle) this.#block(client, now);
  }

  /** Gives up the clients that have read nothing for too long by second `now`. */
  giveUpStalled(now: number): void {
    for (const client of this.#blocked) {
      if (now - client.blockedSince > this.settings.stallSeconds) client.socket.terminate();
    }
  }

  /** Forgets all about a client that is closing. */
  end(client: Client): void {
    client.sending = SENDING.closing;
    client.outbox = undefined;
    this.#blocked.delete(client);
  }

  #makeDue(client: Client): void {
    client.sending = SENDING.due;
    this.#due.push(client);
  }

  #block(client: Client, now: number): void {
    client.sending = SENDING.blocked;
    client.blockedSince = now;
    this.#blocked.add(client);
  }

  #doom(client: Client): void {
    this.end(client);
    this.#doomed.push(client);
    this.#hasUrgent = true;
  }

  #flushClient(client: Client, now: number): void {
    const { outbox, socket } = client;
    if (client.sending !== SENDING.due) return;
    if (outbox === undefined) return void (client.sending = SENDING.idle);
    const isBlocked = outbox.flush(socket, this.settings.compress);
    this.counters.add(COUNTER.bytesOut, outbox.sentBytes);
    // Sending may have ended the connection.
    if (client.outbox === undefined) return;
    if (outbox.isEmpty) client.outbox = undefined;
    if (isBlocked) {
      this.#block(client, now);
      if (!this.#limit(client, outbox)) socket.terminate();
    } else {
      client.sending = SENDING.idle;
      this.connections.setFull(slotOf(client.name), false);
    }
  }

  // What is in the outbox has to wait, as much as may; false when more does.
  #limit(client: Client, outbox: Outbox): boolean {
    if (outbox.isOver) this.counters.add(COUNTER.queueFull, outbox.dropOffers());
    if (outbox.isOver) return false;
    this.connections.setFull(slotOf(client.name), outbox.isFull);
    return true;
  }
}
