// A real request worker. This thread stands in for the socket workers: it writes requests to the
// rings and reads the responses.

import { expect, test } from "bun:test";
import { sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";
import { defaultConfig } from "../../src/app/config.ts";
import { Bytes } from "../../src/memory/bytes.ts";
import { markAsleep, ringDoorbell } from "../../src/memory/doorbell.ts";
import { SocketEnd } from "../../src/udp/channel.ts";
import { udpSchema } from "../../src/udp/config.ts";
import { CONTROL, doorbellWord } from "../../src/app/control.ts";
import { Dispatcher } from "../../src/udp/dispatcher.ts";
import { Exchange } from "../../src/udp/exchange.ts";
import { RESPONSE, SOURCE } from "../../src/udp/request.ts";
import {
  allocateSetup,
  channelForSocketWorker,
  type Setup,
  viewSetup,
} from "../../src/udp/setup.ts";
import { buildAnnounce, buildConnect, parseResponse } from "../support/bep15.ts";

const TIMEOUT_MS = 30_000;
const infoHash = Buffer.alloc(20, 7);

/** A socket worker without sockets: datagrams come from `send`, and responses are kept. */
class SocketStandIn {
  /** The client's port and the datagram. */
  readonly responses: { port: number; datagram: Buffer }[] = [];
  readonly #exchange: Exchange;
  readonly #dispatcher: Dispatcher;
  readonly #channels: Bytes;

  constructor(setup: Setup, worker: number) {
    const { channels, counters, handler } = viewSetup(setup, worker);
    const end = new SocketEnd(channels, channelForSocketWorker(setup, worker, 0));
    this.#dispatcher = new Dispatcher(handler, 1, [end], counters);
    this.#channels = channels;
    const { requests } = this.#dispatcher;
    this.#exchange = new Exchange(Bytes.allocate(8192), requests.words, Bytes.allocate(8192));
  }

  /** Receives a datagram from 10.0.0.1 and returns the immediate response, if any. */
  receive(datagram: Buffer, port: number): Buffer {
    const { words } = this.#dispatcher.requests;
    words[SOURCE.port] = port;
    words[SOURCE.addressBytes] = 4;
    words[SOURCE.address] = 0x0100000a;
    const { input, output } = this.#exchange;
    input.bytes.set(datagram);
    this.#exchange.inputBytes = datagram.length;
    const bytes = this.#dispatcher.read(0, this.#exchange);
    return Buffer.from(output.bytes.subarray(0, bytes));
  }

  /** Announces the peer with this port and asks for `numwant` others. */
  announce(connectionId: bigint, port: number, numwant: number): void {
    this.receive(buildAnnounce({ connectionId, infoHash, left: 1n, port, numwant }), port);
  }

  connect(): bigint {
    return this.receive(buildConnect(), 1).readBigUInt64BE(8);
  }

  flush(): void {
    this.#dispatcher.flush();
  }

  take(): void {
    const { bytes, words } = this.#channels;
    const keep = (responseWord: number): void => {
      const start = (responseWord + RESPONSE.datagram) * 4;
      const datagram = Buffer.from(
        bytes.slice(start, start + words[responseWord + RESPONSE.bytes]),
      );
      this.responses.push({ port: words[responseWord + RESPONSE.source + SOURCE.port], datagram });
    };
    this.#dispatcher.takeResponses(keep, () => {});
  }
}

/** Starts a request worker for `socketWorkers` socket workers. */
async function start(socketWorkers: number, handlers = {}) {
  const defaults = defaultConfig(udpSchema);
  const config = {
    ...defaults,
    handlers: { ...defaults.handlers, ...handlers },
    socket_workers: socketWorkers,
    limits: {
      max_torrents: 1000,
      max_peers: 10_000,
      max_peers_per_ip: 0,
      max_requests_per_ip_per_second: 0,
    },
  };
  const setup = allocateSetup(config, "bun");
  const sockets = Array.from({ length: socketWorkers }, (_, i) => new SocketStandIn(setup, i));
  const worker = new Worker(new URL("../../src/udp/request-worker.ts", import.meta.url));
  const messages = { waiting: Promise.withResolvers<{ state: string }>() };
  worker.onmessage = ({ data }) => messages.waiting.resolve(data);
  worker.postMessage({ ...setup, worker: socketWorkers });
  expect(await messages.waiting.promise).toMatchObject({ state: "ready" });
  const stop = async (): Promise<void> => {
    messages.waiting = Promise.withResolvers();
    const control = new Int32Array(setup.control);
    Atomics.store(control, CONTROL.stop, 1);
    ringDoorbell(control, doorbellWord(socketWorkers));
    expect(await messages.waiting.promise).toEqual({ state: "stopped" });
    worker.terminate();
  };
  const countDropped = (): number => sumCounter(setup.counters, COUNTER.queueFull);
  return { setup, sockets, stop, countDropped };
}

test(
  "every request gets one response, at the socket worker and client it came from",
  async () => {
    const { countDropped, sockets, stop } = await start(2);
    const connectionId = sockets[0].connect();
    for (let port = 1; port <= 600; port++) {
      sockets[port % 2].announce(connectionId, port, 1);
      if (port % 7 === 0) for (const socket of sockets) socket.flush();
    }
    for (const socket of sockets) {
      socket.flush();
      while (socket.responses.length < 300) socket.take();
    }
    for (const [parity, { responses }] of sockets.entries()) {
      const ports = responses.map(({ port }) => port);
      expect(ports).toEqual(Array.from({ length: 300 }, (_, i) => 2 * (i + 1) - parity));
      const kinds = responses.map(({ datagram }) => parseResponse(datagram, 4).kind);
      expect(new Set(kinds)).toEqual(new Set(["announce"]));
    }
    expect(countDropped()).toBe(0);
    await stop();
  },
  TIMEOUT_MS,
);

test(
  "more responses than fit their ring all arrive",
  async () => {
    const { countDropped, sockets, stop } = await start(1);
    const [socket] = sockets;
    const connectionId = socket.connect();
    // As many requests as their ring holds. As many responses of 200 peers do not fit theirs.
    const count = 1450;
    for (let port = 1; port <= count; port++) socket.announce(connectionId, port, 200);
    socket.flush();
    while (socket.responses.length + countDropped() < count) socket.take();
    expect(countDropped()).toBe(0);
    await stop();
  },
  TIMEOUT_MS,
);

test(
  "a sleeping socket worker is woken for its responses, however busy another one is",
  async () => {
    const { setup, sockets, stop } = await start(2, {
      max_requests_per_iter: 1_000_000,
      channel_recv_timeout_microseconds: 20_000,
    });
    const [busy, quiet] = sockets;
    const control = new Int32Array(setup.control);
    const connectionId = busy.connect();
    const announce = buildAnnounce({ connectionId, infoHash, left: 1n, port: 2, numwant: 1 });
    let maxAsked = 0;
    for (let round = 0; round < 3; round++) {
      quiet.announce(connectionId, 1, 1);
      quiet.flush();
      // As a socket worker does before it sleeps. The word of the doorbell shows when it is rung.
      markAsleep(control, doorbellWord(1));
      let asked = 0;
      while (Atomics.load(control, doorbellWord(1)) !== 0) {
        // Sends further requests before the last ones are answered.
        for (; asked - busy.responses.length < 1000; asked++) busy.receive(announce, 2);
        busy.flush();
        busy.take();
      }
      quiet.take();
      expect(quiet.responses).toHaveLength(round + 1);
      maxAsked = Math.max(maxAsked, asked);
      while (busy.responses.length < asked) busy.take();
      busy.responses.length = 0;
    }
    // Far below the number at which it is woken in any case.
    expect(maxAsked).toBeLessThan(400_000);
    await stop();
  },
  TIMEOUT_MS,
);
