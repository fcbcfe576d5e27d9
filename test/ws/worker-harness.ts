// A socket worker without listeners, with sockets that are none: they take the bytes that the test
// lets them take. The end of a turn of the event loop is `endOfTurn`.

import { ClientTally } from "../../src/app/client-samples.ts";
import { defaultConfig } from "../../src/app/config.ts";
import { CONTROL } from "../../src/app/control.ts";
import { readCounter, sumCounter } from "../../src/app/counters.ts";
import { COUNTER, LATENCY_BOUNDS } from "../../src/app/metrics.ts";
import { advanceClock, readClock } from "../../src/memory/clock.ts";
import { Table } from "../../src/swarm/table.ts";
import type { Client } from "../../src/ws/client.ts";
import { wsSchema } from "../../src/ws/config.ts";
import {
  allocateSetup,
  createSocketWorker,
  type Setup,
  type SocketWorker,
} from "../../src/ws/setup.ts";
import type { Socket } from "../../src/ws/socket/backend.ts";
import { readFrames } from "./frames.ts";

/** Bytes that may wait for a client. */
export const MAX_QUEUED = 4096;
/** The defaults. */
export const PING_INTERVAL = 25;
export const MAX_AGE = 180;

export class WorkerHarness {
  readonly worker: SocketWorker;
  readonly #setup: Setup;
  readonly #control: Int32Array;

  constructor(limits: Partial<ReturnType<typeof defaultLimits>> = {}) {
    const config = defaultConfig(wsSchema);
    this.#setup = allocateSetup(
      {
        ...config,
        network: { ...config.network, max_message_size: 2 ** 20 },
        limits: {
          ...config.limits,
          max_connections: 100,
          // A little memory each: there are many harnesses.
          max_torrents: 1000,
          max_peers: 10_000,
          max_pending_offers: 10_000,
          max_queued_bytes: MAX_QUEUED,
          ...limits,
        },
      },
      undefined,
      "bytes",
    );
    this.#control = new Int32Array(this.#setup.control);
    this.worker = createSocketWorker({ ...this.#setup, worker: 0, addresses: [] });
  }

  open(address = "192.0.2.1"): FakeSocket {
    return new FakeSocket(this.worker, address);
  }

  /** Lets the clock and the heartbeat go on by so many seconds, one after the other. */
  pass(seconds: number): void {
    for (let i = 0; i < seconds; i++) this.tickAt(readClock(this.#control, CONTROL.clock) + 1);
  }

  /** Lets the clock jump to a second. */
  tickAt(second: number): void {
    advanceClock(this.#control, CONTROL.clock, second);
    this.worker.heartbeat.tick();
  }

  count(counter: keyof typeof COUNTER): number {
    return sumCounter(this.#setup.counters, COUNTER[counter]);
  }

  /** Batches whose latency has been measured. */
  get measuredBatches(): number {
    const buckets = Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, bucket) => {
      return readCounter(this.#setup.counters, COUNTER.latency, bucket)[0];
    });
    return buckets.reduce((sum, count) => sum + count);
  }

  /** The share of each client program among the announces that were sampled. */
  clientShares(): { name: string; share: number }[] {
    const tally = new ClientTally(this.#setup.clientSamples);
    tally.collect(1);
    return tally.shares();
  }

  get peerCount(): number {
    return new Table(this.#setup.table).peerCount;
  }
}

const defaultLimits = () => defaultConfig(wsSchema).limits;

export class FakeSocket implements Socket {
  compress: ((message: Buffer) => Buffer) | undefined;
  readonly client: Client;
  /** Bytes that it takes before the client has to read. */
  room = Infinity;
  /** Bytes that the backend keeps. */
  bufferedBytes = 0;
  hasEnded = false;
  closeCode: number | undefined;
  pings = 0;
  /** All bytes that it took and that no test has looked at. */
  #received: Buffer[] = [];

  constructor(
    private readonly worker: SocketWorker,
    address: string,
  ) {
    this.client = worker.incoming.open(this, address);
  }

  write(bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.room);
    this.room -= taken;
    this.#received.push(Buffer.from(bytes.subarray(start, start + taken)));
    return taken;
  }

  ping(): void {
    this.pings++;
  }

  close(code: number): void {
    this.closeCode = code;
    this.terminate();
  }

  terminate(): void {
    this.hasEnded = true;
    this.worker.incoming.close(this.client);
  }

  /** The backend ends the connection because the client violated the protocol. */
  violate(code: number): void {
    this.hasEnded = true;
    this.worker.incoming.close(this.client, code);
  }

  /** The client sends a message: a value, a text or bytes. */
  say(message: object | string | Buffer): void {
    const { inbox, incoming } = this.worker;
    if (Buffer.isBuffer(message)) inbox.set(message);
    else inbox.setText(typeof message === "string" ? message : JSON.stringify(message));
    incoming.receive(this.client);
  }

  answerPing(): void {
    this.worker.incoming.receivePong(this.client);
  }

  /** The client has read what it was sent. */
  drain(): void {
    this.worker.incoming.drain(this.client);
  }

  /** The bytes that came since the last time. */
  takeBytes(): Buffer {
    return Buffer.concat(this.#received.splice(0));
  }

  /** The messages that came since the last time. */
  take(): Record<string, unknown>[] {
    return this.takeTexts().map((text) => JSON.parse(text) as Record<string, unknown>);
  }

  takeTexts(): string[] {
    return readFrames(this.takeBytes()).map(({ payload }) => payload.toString());
  }
}

/** The ID of 20 characters that begins with `name`. */
export const id = (name: string): string => name.padEnd(20, ".");

export const announce = (torrent: string, peer: string, sdp?: string, offers = 1): object => ({
  action: "announce",
  info_hash: id(torrent),
  peer_id: id(peer),
  left: 1,
  offers: Array.from({ length: sdp === undefined ? 0 : offers }, (_, i) => ({
    offer: { type: "offer", sdp },
    offer_id: id(`${peer}${i}`),
  })),
});

/** The end of this turn of the event loop, when everything is sent. */
export const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
