// The open connections of one socket worker: what they send goes to the handler, what the handler
// wants sent goes to them, here or at another worker. Pings them all, as proxies cut connections that
// carry nothing.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";

import { CONTROL } from "../app/control.ts";
import { log } from "../app/log.ts";
import { readClock } from "../memory/clock.ts";
import { TOKEN } from "../memory/token-buckets.ts";
import type { AddressLimits } from "./address-limits.ts";
import { Client, SENDING, type Socket } from "./client.ts";
import { ADDRESS_WORDS, readAddressWords } from "./client-address.ts";
import { Collector } from "./collector.ts";
import {
  type ConnectionName,
  nameConnection,
  type OwnConnections,
  slotOf,
  workerOf,
} from "./connections.ts";
import type { Deliveries, Kind } from "./deliveries.ts";
import { type Handler, OUTCOME } from "./handler.ts";
import type { Mail } from "./mail.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Takeovers } from "./takeovers.ts";

export interface ClientSettings {
  readonly worker: number;
  /** Seconds between two pings of a connection. */
  readonly pingInterval: number;
  /** Seconds without a sign of life after which a connection is closed. */
  readonly maxAge: number;
}

/** Messages dropped in a flood, of one connection, before it is closed. */
const MAX_DROPPED = 256;
/** Messages that cannot be answered, of one connection, before it is closed. */
const MOST_JUNK = 16;

/** Bytes of garbage that the runtime makes of what is no message, beside what it holds. */
const PONG_GARBAGE = 256;
const REQUEST_GARBAGE = 4096;

const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;

export class Clients implements Deliveries {
  /** Set by `join`, before the first connection. */
  handler!: Handler;
  takeovers!: Takeovers;
  #mail!: Mail;
  readonly #clients: (Client | undefined)[] = [];
  readonly #address = new Int32Array(ADDRESS_WORDS);
  readonly #collector = new Collector();
  readonly #decoder = new TextDecoder();
  #isFlushDue = false;
  #hasFailed = false;
  #pingedAt = 0;
  /** Those that have been silent for so long that they may have to be closed before the next ping. */
  readonly #silent = new Set<Client>();

  constructor(
    private readonly settings: ClientSettings,
    private readonly connections: OwnConnections,
    private readonly outgoing: Outgoing,
    private readonly limits: AddressLimits,
    private readonly control: Int32Array,
    private readonly counters: Counters,
  ) {}

  /** Makes known what refers to the clients itself. */
  join(handler: Handler, mail: Mail, takeovers: Takeovers): void {
    this.handler = handler;
    this.#mail = mail;
    this.takeovers = takeovers;
  }

  /** Whether another connection of the client at `address` can be taken. */
  hasRoom(address: string): boolean {
    readAddressWords(address, this.#address);
    return this.connections.hasRoom && this.limits.hasRoom(this.limits.hash(this.#address));
  }

  /** Takes a new connection of the client at `address`; there must be room. */
  open(socket: Socket, address: string): void {
    readAddressWords(address, this.#address);
    const slot = this.connections.open(this.#address);
    const name = nameConnection(this.settings.worker, slot);
    const hash = this.limits.hash(this.#address);
    this.limits.addConnection(hash);
    const client = new Client(socket, name, this.connections.generation(slot), hash, this.now);
    socket.data = client;
    this.#clients[slot] = client;
    this.counters.add(COUNTER.connections, 1);
  }

  close(client: Client): void {
    const slot = slotOf(client.name);
    if (this.#clients[slot] !== client) return;
    this.#clients[slot] = undefined;
    this.outgoing.end(client);
    this.#silent.delete(client);
    this.handler.removePeers(client);
    this.limits.removeConnection(client.addressHash);
    this.connections.close(slot);
    this.counters.add(COUNTER.connections, -1);
    this.takeovers.settle(client, false);
  }

  receive(client: Client, data: string | Buffer): void {
    // What came with, and after, the message for which it was closed.
    if (client.sending === SENDING.closing) return;
    const { now } = this;
    const bytes = Buffer.byteLength(data);
    client.heardAt = now;
    this.counters.add(COUNTER.requests, 1);
    this.counters.add(COUNTER.bytesIn, bytes);
    this.takeovers.settle(client, true);
    const text = typeof data === "string" ? data : this.#decoder.decode(data);
    const token = this.limits.takeMessage(client.addressHash, now);
    if (token !== TOKEN.taken) return this.#limitRate(client, text, token);
    client.dropped = 0;
    const outcome = this.handler.handle(client, text, now);
    if (outcome === OUTCOME.held) this.takeovers.hold(client, text);
    this.flushIfUrgent();
    this.#collector.note(bytes);
    if (outcome !== OUTCOME.junk) return;
    this.counters.add(COUNTER.malformed, 1);
    client.junk++;
    if (client.junk < MOST_JUNK) return;
    this.outgoing.end(client);
    client.socket.close(POLICY_VIOLATION, "too many bad messages");
  }

  // An error at first. In a flood the message is dropped, and then the connection closed.
  #limitRate(client: Client, text: string, token: number): void {
    if (token === TOKEN.none) return this.handler.refuseRate(client, text);
    this.counters.add(COUNTER.rateLimited, 1);
    client.dropped++;
    if (client.dropped < MAX_DROPPED) return;
    this.outgoing.end(client);
    client.socket.close(POLICY_VIOLATION, "too many messages");
  }

  /** The client has answered a ping, or says that it is there. */
  receivePong(client: Client, data: Buffer): void {
    this.#collector.note(PONG_GARBAGE + data.length);
    client.heardAt = this.now;
    this.takeovers.settle(client, true);
  }

  /** Something else was asked over plain HTTP: no event of a client. */
  noteRequest(): void {
    this.#collector.note(REQUEST_GARBAGE);
  }

  /** Something went wrong here while a client was served: a mistake of ours, for which it has to go. */
  fail(socket: Socket, error: unknown): void {
    if (!this.#hasFailed) log(`a connection had to be closed: ${String(error)}`);
    this.#hasFailed = true;
    const client = socket.data as Client | undefined;
    if (client !== undefined) this.outgoing.end(client);
    socket.close(INTERNAL_ERROR);
  }

  /** The client has read what it was sent. */
  drain(client: Client): void {
    this.outgoing.drain(client);
    this.scheduleFlush();
  }

  deliver(name: ConnectionName, generation: number, kind: Kind, text: string): void {
    const worker = workerOf(name);
    if (worker === this.settings.worker) {
      const client = this.find(name, generation);
      if (client === undefined) return;
      this.outgoing.push(client, kind, text);
    } else if (!this.#mail.post(worker, kind, name, generation, text)) {
      return this.counters.add(COUNTER.queueFull, 1);
    }
    this.scheduleFlush();
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
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /** Sends what cannot wait for that. To be called after whatever may have delivered something. */
  flushIfUrgent(): void {
    if (this.outgoing.isUrgent) this.#flush();
  }

  /**
   * Pings those whose turn it is and gives up those that are silent or do not read. To be called about
   * every second: over the seconds of the interval, the pings are spread.
   */
  tick(): void {
    const { now } = this;
    const { pingInterval } = this.settings;
    // Before they are pinged: after a time in which the process did not run, all have been silent.
    this.#giveUpSilent(now);
    this.outgoing.giveUpStalled(now);
    const first = Math.max(this.#pingedAt + 1, now - pingInterval + 1);
    for (let second = first; second <= now; second++) {
      for (let i = second % pingInterval; i < this.#clients.length; i += pingInterval) {
        const client = this.#clients[i];
        if (client !== undefined) this.#ping(client, now);
      }
    }
    this.#pingedAt = now;
  }

  /** Seconds since the tracker started. */
  get now(): number {
    return readClock(this.control, CONTROL.clock);
  }

  // Whoever has just said something need not be asked. The runtime answers the pings of clients, and
  // says nothing of it: those that never read are found here, as it has always kept something.
  #ping(client: Client, now: number): void {
    if (client.sending === SENDING.closing) return;
    const { maxAge, pingInterval } = this.settings;
    const silence = now - client.heardAt;
    if (silence >= pingInterval / 2) client.socket.ping();
    if (client.socket.getBufferedAmount() > 0) this.outgoing.noteBacklog(client, now);
    if (silence > maxAge - pingInterval) this.#silent.add(client);
  }

  #giveUpSilent(now: number): void {
    const { maxAge, pingInterval } = this.settings;
    for (const client of this.#silent) {
      const silence = now - client.heardAt;
      if (silence > maxAge && client.sending !== SENDING.closing) client.socket.terminate();
      if (silence > maxAge || silence <= maxAge - pingInterval) this.#silent.delete(client);
    }
  }

  #flush(): void {
    this.#collector.note(this.outgoing.gathered);
    this.#mail.flush();
    this.outgoing.flush(this.now);
    this.counters.add(COUNTER.batches, 1);
  }
}
