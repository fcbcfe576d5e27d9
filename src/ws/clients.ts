// The open connections of one socket worker: what they send goes to the handler, what the handler
// wants sent goes to them, here or at another worker. Everything an iteration of the event loop has
// for a connection leaves together at its end.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { log } from "../app/log.ts";
import { readClock } from "../memory/clock.ts";
import { CONTROL } from "../app/control.ts";
import { readAddress } from "../memory/address.ts";
import { Collector } from "./collector.ts";
import type { OwnConnections } from "./connections.ts";
import { type ConnectionName, nameConnection, slotOf, workerOf } from "./connections.ts";
import type { Deliveries, Kind } from "./deliveries.ts";
import { type Handler, OUTCOME, type Sender } from "./handler.ts";
import type { Mail } from "./mail.ts";
import { Outbox } from "./outbox.ts";
import type { Takeovers } from "./takeovers.ts";

/** A connection as the runtime knows it. */
export type Socket = Bun.ServerWebSocket<Client>;

/** A connection as this worker knows it. */
export class Client implements Sender {
  /** Messages that could not be answered. */
  junk = 0;
  outbox: Outbox | undefined;
  /** Whether the outbox is among those to be flushed. */
  isDue = false;
  /** The second since which the client has not read all that it was sent; -1 when it has. */
  blockedSince = -1;

  constructor(
    readonly socket: Socket,
    readonly name: ConnectionName,
    readonly generation: number,
  ) {}
}

export interface ClientSettings {
  readonly worker: number;
  readonly mostQueued: number;
  readonly compress: boolean;
}

/** Messages that cannot be answered, of one connection, before it is closed. */
const MOST_JUNK = 16;
/** Seconds after which a client that does not read, and for which there is more, is given up. */
const MOST_BLOCKED_SECONDS = 30;

/**
 * Characters that are gathered before they are sent, though the iteration has not ended: under load
 * one of them may bring hundreds of megabytes.
 */
const MOST_GATHERED = 2 ** 20;

const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;

export class Clients implements Deliveries {
  /** Set by `join`, before the first connection. */
  handler!: Handler;
  takeovers!: Takeovers;
  #mail!: Mail;
  readonly #clients: (Client | undefined)[] = [];
  readonly #address = new Int32Array(4);
  readonly #addressBytes = new Uint8Array(this.#address.buffer);
  readonly #collector = new Collector();
  readonly #decoder = new TextDecoder();
  #due: Client[] = [];
  /** Characters for clients of this worker since the last flush. */
  #gathered = 0;
  /** Clients for which more waits than may. */
  #strained: Client[] = [];
  #isFlushDue = false;
  #hasFailed = false;

  constructor(
    private readonly settings: ClientSettings,
    private readonly connections: OwnConnections,
    private readonly control: Int32Array,
    private readonly counters: Counters,
  ) {}

  /** Makes known what refers to the clients itself. */
  join(handler: Handler, mail: Mail, takeovers: Takeovers): void {
    this.handler = handler;
    this.#mail = mail;
    this.takeovers = takeovers;
  }

  /** Whether another connection can be taken. */
  get hasRoom(): boolean {
    return this.connections.hasRoom;
  }

  /** Takes a new connection, for which there must be room. */
  open(socket: Socket): void {
    this.#address.fill(0);
    readAddress(socket.remoteAddress, this.#addressBytes, 0);
    const slot = this.connections.open(this.#address);
    const name = nameConnection(this.settings.worker, slot);
    const client = new Client(socket, name, this.connections.generation(slot));
    socket.data = client;
    this.#clients[slot] = client;
    this.counters.add(COUNTER.connections, 1);
  }

  close(client: Client): void {
    const slot = slotOf(client.name);
    if (this.#clients[slot] !== client) return;
    this.#clients[slot] = undefined;
    this.handler.removePeers(client);
    this.connections.close(slot);
    this.counters.add(COUNTER.connections, -1);
    this.takeovers.settle(client, false);
  }

  receive(client: Client, data: string | Buffer): void {
    // What came with, and after, the message for which it was closed.
    if (this.find(client.name, client.generation) !== client) return;
    this.counters.add(COUNTER.requests, 1);
    this.counters.add(COUNTER.bytesIn, data.length);
    this.takeovers.settle(client, true);
    const text = typeof data === "string" ? data : this.#decoder.decode(data);
    const outcome = this.handler.handle(client, text, this.now);
    if (outcome === OUTCOME.held) this.takeovers.hold(client, text);
    this.relieve();
    if (this.#gathered > MOST_GATHERED) this.#flush();
    this.#collector.note(data.length);
    if (outcome !== OUTCOME.junk) return;
    this.counters.add(COUNTER.malformed, 1);
    client.junk++;
    if (client.junk >= MOST_JUNK) client.socket.close(POLICY_VIOLATION, "too many bad messages");
  }

  /** Something went wrong here while a client was served: a mistake of ours, for which it has to go. */
  fail(socket: Socket, error: unknown): void {
    if (!this.#hasFailed) log(`a connection had to be closed: ${String(error)}`);
    this.#hasFailed = true;
    socket.close(INTERNAL_ERROR);
  }

  /** The client has read what it was sent. */
  drain(client: Client): void {
    client.blockedSince = -1;
    if (client.outbox !== undefined) this.#schedule(client);
  }

  deliver(name: ConnectionName, generation: number, kind: Kind, text: string): void {
    const worker = workerOf(name);
    if (worker !== this.settings.worker) {
      if (this.#mail.post(worker, kind, name, generation, text)) this.scheduleFlush();
      else this.counters.add(COUNTER.queueFull, 1);
      return;
    }
    const client = this.find(name, generation);
    if (client === undefined) return;
    const outbox = (client.outbox ??= new Outbox(this.settings.mostQueued));
    const waits = client.blockedSince >= 0;
    outbox.push(kind, waits ? flatten(text) : text);
    this.#gathered += text.length;
    if (outbox.isOver || waits) this.#strained.push(client);
    else this.#schedule(client);
  }

  /**
   * Sends, drops or closes where too much waits. Not done by `deliver`: a connection that is closed
   * has its peers removed at once, which the handler must not be in the middle of.
   */
  relieve(): void {
    for (let i = 0; i < this.#strained.length; i++) {
      const client = this.#strained[i];
      // What is over may not have been tried yet.
      if (client.blockedSince < 0) this.#flushClient(client);
      if (client.blockedSince >= 0) this.#queue(client);
    }
    if (this.#strained.length > 0) this.#strained = [];
  }

  /** The client behind a name of this worker; undefined when it is gone. */
  find(name: ConnectionName, generation: number): Client | undefined {
    const client = this.#clients[slotOf(name)];
    return client?.generation === generation ? client : undefined;
  }

  /** Sends all there is at the end of this iteration of the event loop. */
  scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => this.#flush());
  }

  /** Seconds since the tracker started. */
  get now(): number {
    return readClock(this.control, CONTROL.clock);
  }

  // What is in the outbox has to wait, for as long and as much as may be.
  #queue(client: Client): void {
    const { outbox } = client;
    if (outbox === undefined || this.find(client.name, client.generation) !== client) return;
    if (outbox.isOver) this.counters.add(COUNTER.queueFull, outbox.dropOffers());
    const isDeaf = this.now - client.blockedSince > MOST_BLOCKED_SECONDS;
    if (outbox.isOver || isDeaf) return client.socket.terminate();
    this.connections.setFull(slotOf(client.name), outbox.isFull);
  }

  #schedule(client: Client): void {
    if (client.isDue) return;
    client.isDue = true;
    this.#due.push(client);
    this.scheduleFlush();
  }

  #flush(): void {
    const due = this.#due;
    this.#due = [];
    this.#isFlushDue = false;
    this.#collector.note(this.#gathered);
    this.#gathered = 0;
    this.relieve();
    this.#mail.flush();
    for (const client of due) this.#flushClient(client);
    this.counters.add(COUNTER.batches, 1);
  }

  #flushClient(client: Client): void {
    const { outbox, socket } = client;
    client.isDue = false;
    if (outbox === undefined || this.find(client.name, client.generation) !== client) return;
    const { length, isBlocked } = outbox.flush(socket, this.settings.compress);
    this.counters.add(COUNTER.bytesOut, length);
    // Sending may have ended the connection.
    if (this.find(client.name, client.generation) !== client) return;
    if (isBlocked) client.blockedSince = this.now;
    this.connections.setFull(slotOf(client.name), isBlocked && outbox.isFull);
    if (outbox.isEmpty) client.outbox = undefined;
  }
}

/**
 * The same text, on its own: what was put together of other texts keeps all of those in memory, and
 * a text may have to wait for long.
 */
function flatten(text: string): string {
  // Looking into it is what makes the runtime put it together.
  return text.charCodeAt(0) >= 0 ? text : "";
}
