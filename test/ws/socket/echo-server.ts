// A socket backend with nothing behind it but what sends: it echoes every message that it finds in
// the inbox, and counts what is reported. A message comes back as a text frame, whatever frame it
// came in, because the tracker knows no other.

import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import { allocateConnections, OwnConnections } from "../../../src/ws/connections.ts";
import { Client, SENDING } from "../../../src/ws/client.ts";
import { AllowedOrigins } from "../../../src/ws/origin.ts";
import { ClientAddresses } from "../../../src/ws/client-address.ts";
import { KIND } from "../../../src/ws/deliveries.ts";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import { Outgoing } from "../../../src/ws/outgoing.ts";
import { responseCounters } from "../../../src/ws/response-counters.ts";
import type {
  BackendName,
  Listen,
  Listener,
  ListenSettings,
  Refusal,
  Socket,
  SocketEvents,
} from "../../../src/ws/socket/backend.ts";
import { listen as listenBun } from "../../../src/ws/socket/bun-backend.ts";
import { listen as listenBytes } from "../../../src/ws/socket/bytes-backend.ts";
import { EpollSet } from "../../../src/ws/socket/epoll-backend.ts";
import { hasTcpCalls } from "../../../src/ws/socket/tcp-calls.ts";

const MAX_CONNECTIONS = 1000;
const MAX_EVENTS = 64;

/** The backends that see bytes, as far as this system has them. */
export const BYTE_BACKENDS: readonly BackendName[] = hasTcpCalls ? ["bytes", "epoll"] : ["bytes"];

export interface EchoSettings extends Partial<ListenSettings> {
  /** Bytes that may wait for one client. */
  readonly maxQueued?: number;
  readonly trustedProxies?: readonly string[];
}

export class EchoServer implements SocketEvents, Disposable {
  /** Whether there is room for another connection. */
  isRoomLeft = true;
  /** Whether to send at once, not at the end of the turn. */
  isImmediate = false;
  /** What to do with a message instead of echoing it. */
  onMessage: ((client: Client, message: Buffer) => void) | undefined;
  /** Called before a client is sent more. */
  onDrain: (() => void) | undefined;
  /** By the addresses that clients have connected from. */
  readonly opened: string[] = [];
  readonly clients = new Set<Client>();
  readonly failures: unknown[] = [];
  readonly refusals: Refusal[] = [];
  /** Of each connection that has closed: the code of its violation, or undefined. */
  readonly violations: (number | undefined)[] = [];
  pongs = 0;
  drains = 0;
  garbage = 0;
  readonly port: number;
  readonly #waiting = new Set<() => void>();
  readonly #listener: Listener;
  readonly #inbox: Inbox;
  readonly #connections: OwnConnections;
  readonly #outgoing: Outgoing;
  #isFlushDue = false;
  #isDisposed = false;

  constructor(backend: BackendName, settings: EchoSettings = {}) {
    const { maxQueued = 2 ** 26, trustedProxies = [], ...listenSettings } = settings;
    const { maxMessageBytes = 2 ** 16 } = settings;
    const addresses = { trusted_proxies: trustedProxies, client_address_header: "X-Forwarded-For" };
    const [memory] = allocateConnections(1, MAX_CONNECTIONS);
    this.#connections = new OwnConnections(memory);
    this.#outgoing = new Outgoing(
      { maxQueued, stallSeconds: 1000 },
      this.#connections,
      new Counters(allocateCounters(1), 0),
    );
    this.#inbox = new Inbox(maxMessageBytes);
    const defaults = {
      addresses: new ClientAddresses(addresses),
      origins: new AllowedOrigins([]),
      ipv6Only: true,
      maxMessageBytes,
      maxAge: 60,
      acceptCompressed: false,
      compress: false,
      certificate: undefined,
    };
    this.#listener = this.#findBackend(backend)(
      { host: "127.0.0.1", port: 0, family: 4 },
      { ...defaults, ...listenSettings },
      this.#inbox,
      this,
    );
    this.port = this.#listener.port;
  }

  /** Resolves once `isEnough`, which is asked whenever something has been reported. */
  waitUntil(isEnough: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!isEnough()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Sends a message to a client. */
  send(client: Client, message: Buffer): void {
    this.#outgoing.push(client, KIND.response, message, 0, message.length);
    this.#scheduleFlush();
    if (this.isImmediate || this.#outgoing.isUrgent) this.#outgoing.flush(0);
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
    this.#isDisposed = true;
  }

  #findBackend(backend: BackendName): Listen {
    if (backend !== "epoll") return backend === "bun" ? listenBun : listenBytes;
    const set = new EpollSet(MAX_EVENTS, -1);
    const serve = (): void => {
      set.wait(0);
      set.tick();
      if (!this.#isDisposed) setImmediate(serve);
    };
    setImmediate(serve);
    return set.listen.bind(set);
  }

  // --- SocketEvents
  // --------------------------------------------------------------------------------

  hasRoom(): boolean {
    return this.isRoomLeft;
  }

  open(socket: Socket, address: string): Client {
    const words = new Int32Array(4);
    const slot = this.#connections.open(words);
    const client = new Client(socket, slot, 0, 0, responseCounters(words), 0);
    this.opened.push(address);
    this.clients.add(client);
    this.#report();
    return client;
  }

  receive(client: Client): void {
    if (client.sending === SENDING.closing) return;
    if (!this.clients.has(client)) throw new Error("a message of a client that is not open");
    const message = this.#inbox.bytes.subarray(0, this.#inbox.length);
    if (this.onMessage !== undefined) this.onMessage(client, message);
    else this.send(client, message);
    this.#report();
  }

  receivePong(client: Client): void {
    if (!this.clients.has(client)) throw new Error("a pong of a client that is not open");
    this.pongs++;
    this.#report();
  }

  sendControl(client: Client, opcode: number, payload: Buffer): void {
    this.#outgoing.pushControl(client, opcode, payload);
    this.#scheduleFlush();
    if (this.isImmediate) this.#outgoing.flush(0);
  }

  flush(client: Client): void {
    this.#outgoing.flushClient(client, 0);
  }

  drain(client: Client): void {
    this.drains++;
    this.onDrain?.();
    this.#outgoing.drain(client);
    this.#scheduleFlush();
    this.#report();
  }

  refuse(reason: Refusal): void {
    this.refusals.push(reason);
    this.#report();
  }

  close(client: Client, violation?: number): void {
    if (this.clients.has(client)) this.violations.push(violation);
    if (!this.clients.delete(client)) return;
    this.#outgoing.end(client);
    this.#connections.close(client.name);
    this.#report();
  }

  fail(socket: Socket, client: Client | undefined, error: unknown): void {
    this.failures.push(error);
    if (client !== undefined) this.#outgoing.end(client);
    socket.close(1011, "");
    this.#report();
  }

  noteGarbage(bytes: number): void {
    this.garbage += bytes;
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#outgoing.flush(0);
    });
  }

  #report(): void {
    for (const check of this.#waiting) check();
  }
}
