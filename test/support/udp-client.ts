// A small UDP client for tests, bound to a local address of its own. Like libtorrent, it accepts
// only datagrams from the exact endpoint that it asked, and it survives ICMP errors.

import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

import { type AddressBytes, buildConnect, parseResponse } from "./bep15.ts";

export interface UdpClientOptions {
  /** The tracker's address. */
  address: string;
  port: number;
  /** By default the loopback address of the tracker's family. */
  localAddress?: string;
  /** 0, the default, means any free port. */
  localPort?: number;
}

export interface UdpClient extends AsyncDisposable {
  readonly localPort: number;
  readonly addressBytes: AddressBytes;
  /** Datagrams from elsewhere than the tracker's endpoint. */
  readonly strays: number;
  send(bytes: Uint8Array): void;
  /**
   * Sends a request and resolves with the response of the same transaction id, or with undefined if
   * none arrives in time. A request too short for a transaction id accepts any response.
   */
  request(bytes: Uint8Array, options?: { timeoutMs?: number }): Promise<Buffer | undefined>;
  /**
   * Resolves with the responses that no `request` waited for, once there are `count` of them or the
   * time has passed. Returns each only once.
   */
  collect(count: number, options?: { timeoutMs?: number }): Promise<Buffer[]>;
  /** Returns a connection id from the tracker. Throws if there is none. */
  connect(): Promise<bigint>;
}

interface Waiter {
  transactionId: number | undefined;
  resolve: (response: Buffer) => void;
}

const TIMEOUT_MS = 2000;

export async function openUdpClient(options: UdpClientOptions): Promise<UdpClient> {
  const ipv6 = isIPv6(options.address);
  const addressBytes = ipv6 ? 16 : 4;
  const socket = createSocket(ipv6 ? "udp6" : "udp4");
  const waiters = new Set<Waiter>();
  const unclaimed: Buffer[] = [];
  let notifyCollector = () => {};
  let strays = 0;

  socket.on("message", (message, from) => {
    if (from.address !== options.address || from.port !== options.port) {
      strays++;
      return;
    }
    for (const waiter of waiters) {
      if (waiter.transactionId === undefined || waiter.transactionId === idOfResponse(message)) {
        waiter.resolve(message);
        return;
      }
    }
    unclaimed.push(message);
    notifyCollector();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(
      options.localPort ?? 0,
      options.localAddress ?? (ipv6 ? "::1" : "127.0.0.1"),
      () => {
        socket.off("error", reject);
        resolve();
      },
    );
  });
  // From here on, errors come from ICMP: nothing listens there now, so the request gets no
  // response.
  socket.on("error", () => {});

  const client: UdpClient = {
    localPort: socket.address().port,
    addressBytes,
    get strays() {
      return strays;
    },
    send(bytes) {
      socket.send(bytes, options.port, options.address, () => {});
    },
    request(bytes, { timeoutMs = TIMEOUT_MS } = {}) {
      return new Promise((resolve) => {
        const finish = (response?: Buffer) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(response);
        };
        const waiter: Waiter = { transactionId: idOfRequest(bytes), resolve: finish };
        const timer = setTimeout(finish, timeoutMs);
        waiters.add(waiter);
        client.send(bytes);
      });
    },
    collect(count, { timeoutMs = TIMEOUT_MS } = {}) {
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          notifyCollector = () => {};
          resolve(unclaimed.splice(0, count));
        };
        const timer = setTimeout(finish, timeoutMs);
        notifyCollector = () => {
          if (unclaimed.length >= count) finish();
        };
        notifyCollector();
      });
    },
    async connect() {
      const bytes = await client.request(buildConnect());
      const response = bytes && parseResponse(bytes, addressBytes);
      if (response?.kind !== "connect") throw new Error("no connection id from the tracker");
      return response.connectionId;
    },
    [Symbol.asyncDispose]() {
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
  return client;
}

function idOfRequest(bytes: Uint8Array): number | undefined {
  return bytes.length < 16 ? undefined : Buffer.from(bytes).readUInt32BE(12);
}

function idOfResponse(bytes: Buffer): number | undefined {
  return bytes.length < 8 ? undefined : bytes.readUInt32BE(4);
}
