// What a connection reports and sends at its opening handshake, on a socket that logs what it is
// asked.

import { beforeEach, expect, test } from "bun:test";
import type { Client } from "../../../src/ws/client.ts";
import { AllowedOrigins } from "../../../src/ws/origin.ts";
import { ClientAddresses } from "../../../src/ws/client-address.ts";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import type { SocketEvents } from "../../../src/ws/socket/backend.ts";
import { Connection, type ConnectionContext } from "../../../src/ws/socket/connection.ts";

const REQUEST =
  "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

let log: string[];
/** Bytes that the socket takes. */
let room: number;
let hasRoom: boolean;
let connection: Connection;

beforeEach(() => {
  log = [];
  room = Infinity;
  hasRoom = true;
  const events: Partial<SocketEvents> = {
    hasRoom: () => hasRoom,
    noteGarbage: () => undefined,
    refuse: (reason) => log.push(`refused: ${reason}`),
    open(_socket, address) {
      log.push(`open ${address}`);
      return {} as Client;
    },
    close: () => log.push("closed"),
  };
  const tcp = {
    remoteAddress: "192.0.2.1",
    write(bytes: Buffer) {
      log.push(bytes.toString("latin1").split("\r\n")[0]!);
      return Math.min(room, bytes.length);
    },
    shutdown: () => log.push("shutdown"),
    terminate: () => log.push("terminate"),
    timeout: (seconds: number) => log.push(`timeout ${seconds}`),
  };
  const settings = {
    addresses: new ClientAddresses({ trusted_proxies: [], client_address_header: "x" }),
    acceptCompressed: true,
    origins: new AllowedOrigins([]),
    compress: false,
  };
  const context = { settings, inbox: new Inbox(100), events } as unknown as ConnectionContext;
  connection = new Connection(tcp, context);
  log = [];
});

function request(): void {
  const bytes = Buffer.from(REQUEST);
  connection.read(bytes, bytes.length);
}

test("a connection is counted before its client learns that it is open", () => {
  request();
  expect(log).toEqual(["open 192.0.2.1", "HTTP/1.1 101 Switching Protocols", "timeout 0"]);
  expect(connection.isOpen).toBe(true);
});

test("a connection whose response cannot be sent is reported as closed", () => {
  room = 10;
  request();
  expect(log).toEqual([
    "open 192.0.2.1",
    "HTTP/1.1 101 Switching Protocols",
    "closed",
    "terminate",
  ]);
  expect(connection.isOpen).toBe(false);
});

test("a connection for which there is no room is not opened", () => {
  hasRoom = false;
  request();
  expect(log).toEqual(["HTTP/1.1 503 Service Unavailable", "timeout 5", "shutdown"]);
});
