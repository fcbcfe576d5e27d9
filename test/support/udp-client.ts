// A small UDP client for tests, bound to a local address of its own. It takes only what comes from
// the very endpoint it asked, as libtorrent does, and survives ICMP errors.

import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

import { type AddressBytes, buildConnect, parseResponse } from "./bep15.ts";

export interface UdpClientOptions {
  /** The tracker to ask. */
  address: string;
  port: number;
  /** By default the loopback address of the tracker's family. */
  localAddress?: string;
  /** 0, the default, takes any free port. */
  localPort?: number;
}

export interface UdpClient extends AsyncDisposable {
  readonly localPort: number;
  readonly addressBytes: AddressBytes;
  /** Datagrams that came from elsewhere than the tracker's endpoint. */
  readonly strays: number;
  send(bytes: Uint8Array): void;
  /**
   * Sends and resolves with the response of the same transaction id, or undefined when none comes
   * in time. A request too short for a transaction id takes whatever comes next.
   */
  request(bytes: Uint8Array, options?: { timeoutMs?: number }): Promise<Buffer | undefined>;
  /**
   * Resolves with the responses no `request` waited for, when there are `count` of them or when
   * the time has passed; each is given out once.
   */
  collect(count: number, options?: { timeoutMs?: number }): Promise<Buffer[]>;
  /** A connection id from the tracker; throws when it gives none. */
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
  // From here on, errors are ICMP's: nobody listens there now, which a request sees as no answer.
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
      if (response?.kind !== "connect") throw new Error("the tracker gave no connection id");
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
