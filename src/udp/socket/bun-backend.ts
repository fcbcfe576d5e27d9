// The portable socket backend: Bun.udpSocket. Collects the responses to all datagrams of one turn
// of the event loop and sends them together. Runs in a socket worker.

import { UDP_IPV6_ONLY } from "../../app/address-claim.ts";
import { UDP_REUSE_PORT } from "../../app/reuse-port.ts";
import type { Counters } from "../../app/counters.ts";
import { COUNTER } from "../../app/metrics.ts";
import { MAX_SILENCE_MILLISECONDS } from "../../app/pulse.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import { readAddress, writeAddress } from "../../memory/address.ts";
import { Bytes } from "../../memory/bytes.ts";
import { readClock } from "../../memory/clock.ts";
import { awaitDoorbell } from "../../memory/doorbell.ts";
import { CONTROL } from "../../app/control.ts";
import { ANSWER_LATER, type Dispatcher } from "../dispatcher.ts";
import { Exchange } from "../exchange.ts";
import { RESPONSE, SOURCE } from "../request.ts";
import type { SocketBackend, SocketSettings } from "./backend.ts";
import { ignoreUnreachableClients, setReceiveBuffer } from "./options.ts";

type UdpSocket = Bun.udp.Socket<"buffer"> & { readonly fd: number };

/** The words of SOURCE that belong to this backend: the indices of the socket and of the scope. */
const REPLY = { socket: SOURCE.reply, scope: SOURCE.reply + 1 } as const;

/** Memory for the responses of one turn. */
const OUTPUT_BYTES = 1 << 20;

/** Bun.udpSocket as a SocketBackend. */
export class BunBackend implements SocketBackend {
  readonly #sockets: UdpSocket[] = [];
  /** For each socket: datagram, port, address, datagram, … as sendMany expects them. */
  readonly #outgoing: (Uint8Array | number | string)[][] = [];
  readonly #exchange: Exchange;
  #outputUsed = 0;
  #queued = 0;
  #isFlushPlanned = false;
  #isServing = false;
  /** The interfaces of link-local clients, as their addresses end: "%eth0". */
  readonly #scopes = [""];

  constructor(
    private readonly settings: SocketSettings,
    private readonly dispatcher: Dispatcher,
    private readonly counters: Counters,
    private readonly control: Int32Array,
  ) {
    const { maxRequestBytes, maxResponseBytes } = dispatcher.handler;
    this.#exchange = new Exchange(
      Bytes.allocate(maxRequestBytes),
      dispatcher.requests.words,
      Bytes.allocate(Math.max(OUTPUT_BYTES, maxResponseBytes * 2)),
    );
  }

  async open(addresses: readonly SocketAddress[], isDualStack: boolean): Promise<void> {
    for (const [index, { host, port }] of addresses.entries()) {
      const outgoing: (Uint8Array | number | string)[] = [];
      const options = {
        hostname: host,
        port,
        flags: UDP_REUSE_PORT | (isDualStack ? 0 : UDP_IPV6_ONLY),
        socket: {
          data: (_socket: unknown, data: Buffer, sourcePort: number, address: string) => {
            this.#receive(index, data, sourcePort, address);
          },
          // Errors of earlier sends, on systems where they cannot be switched off. Nothing can be
          // done.
          error: () => {},
        },
      };
      const socket = (await Bun.udpSocket(options)) as UdpSocket;
      ignoreUnreachableClients(socket.fd);
      this.#sockets.push(socket);
      this.#outgoing.push(outgoing);
    }
  }

  get fds(): number[] {
    return this.#sockets.map(({ fd }) => fd);
  }

  get ports(): number[] {
    return this.#sockets.map((socket) => socket.port);
  }

  setReceiveBuffers(bytes: number): number {
    const granted = this.#sockets.map((socket) => setReceiveBuffer(socket.fd, bytes) ?? 0);
    return Math.min(...granted);
  }

  /** Sends the responses of request workers as they arrive. */
  async serve(): Promise<void> {
    this.#isServing = true;
    const { control, dispatcher, settings } = this;
    setInterval(() => {
      settings.refresh(readClock(control, CONTROL.clock));
    }, MAX_SILENCE_MILLISECONDS);
    while (Atomics.load(control, CONTROL.stop) === 0) {
      await awaitDoorbell(control, settings.doorbell, dispatcher.hasResponses);
      this.#flush();
    }
    for (const socket of this.#sockets) socket.close();
  }

  #receive(socket: number, data: Buffer, port: number, address: string): void {
    // Until all sockets are bound, this thread may be root. Clients will retry.
    if (!this.#isServing) return;
    const { dispatcher } = this;
    const exchange = this.#exchange;
    const { input, output } = exchange;
    const length = Math.min(data.length, input.bytes.length);
    if (length === data.length) input.bytes.set(data);
    else input.bytes.set(data.subarray(0, length));
    this.#writeSource(socket, port, address);
    this.#makeRoom();
    const start = this.#outputUsed;
    exchange.inputBytes = length;
    exchange.outputWord = start >> 2;
    exchange.now = readClock(this.control, CONTROL.clock);
    this.settings.refresh(exchange.now);
    let bytes = dispatcher.read(0, exchange);
    if (bytes === ANSWER_LATER) bytes = dispatcher.answer(0, exchange);
    if (bytes > 0) {
      this.#queue(socket, output.bytes.subarray(start, start + bytes), port, address);
      this.#outputUsed = (start + bytes + 3) & ~3;
    }
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    // Runs after all datagrams of this turn; a microtask would run after each of them.
    setImmediate(() => {
      this.#isFlushPlanned = false;
      this.counters.add(COUNTER.batches, 1);
      dispatcher.flush();
      this.#flush();
    });
  }

  // A datagram is read and answered before the next one arrives, so all of them use slot 0.
  #writeSource(socket: number, port: number, address: string): void {
    const { bytes, words } = this.dispatcher.requests;
    words[REPLY.socket] = socket;
    words[SOURCE.port] = port;
    words[SOURCE.addressBytes] = readAddress(address, bytes, SOURCE.address * 4);
    words[REPLY.scope] = address.includes("%") ? this.#scopeIndex(address) : 0;
  }

  // A host has a handful of interfaces, so the list stays short.
  #scopeIndex(address: string): number {
    const scope = address.slice(address.indexOf("%"));
    const known = this.#scopes.indexOf(scope);
    return known >= 0 ? known : this.#scopes.push(scope) - 1;
  }

  #makeRoom(): void {
    const { maxResponseBytes } = this.dispatcher.handler;
    const isFull = this.#outputUsed + maxResponseBytes > this.#exchange.output.bytes.length;
    if (isFull || this.#queued >= this.settings.maxQueued) this.#send();
  }

  #queue(socket: number, datagram: Uint8Array, port: number, address: string): void {
    this.#outgoing[socket].push(datagram, port, address);
    this.#queued++;
  }

  #flush(): void {
    this.dispatcher.takeResponses(this.#queueResponse, this.#send);
    this.#send();
  }

  readonly #queueResponse = (responseWord: number): void => {
    const { words, bytes } = this.settings.channels;
    if (this.#queued >= this.settings.maxQueued) this.#send();
    const datagram = (responseWord + RESPONSE.datagram) * 4;
    const source = responseWord + RESPONSE.source;
    const addressBytes = words[source + SOURCE.addressBytes];
    const address = writeAddress(bytes, (source + SOURCE.address) * 4, addressBytes);
    this.#queue(
      words[source + REPLY.socket],
      bytes.subarray(datagram, datagram + words[responseWord + RESPONSE.bytes]),
      words[source + SOURCE.port],
      address + this.#scopes[words[source + REPLY.scope]],
    );
  };

  readonly #send = (): void => {
    this.#outputUsed = 0;
    this.#queued = 0;
    for (const [index, outgoing] of this.#outgoing.entries()) {
      if (outgoing.length === 0) continue;
      this.#sendMany(this.#sockets[index], outgoing);
      outgoing.length = 0;
    }
  };

  #sendMany(socket: UdpSocket, outgoing: (Uint8Array | number | string)[]): void {
    const count = outgoing.length / 3;
    let next = 0;
    let failed = 0;
    // A call stops at a datagram that the kernel refuses; the rest is tried again. Whatever is left
    // after the third attempt is dropped, because waiting would block the event loop.
    for (let tries = 0; next < count && tries < 3; tries++) {
      try {
        next += socket.sendMany(next === 0 ? outgoing : outgoing.slice(next * 3));
      } catch {
        next++;
        failed++;
      }
    }
    failed += count - next;
    let bytes = 0;
    for (let i = 0; i < next; i++) bytes += (outgoing[i * 3] as Uint8Array).length;
    this.counters.add(COUNTER.responses, count - failed);
    this.counters.add(COUNTER.bytesOut, bytes);
    if (failed > 0) this.counters.add(COUNTER.sendFailed, failed);
  }
}
