// The backend 'bun': the WebSockets of Bun.serve. The runtime gives messages as strings and takes
// strings, so each message is converted here, in and out.

import { TCP_REUSE_PORT } from "../../app/reuse-port.ts";
import type { Client } from "../client.ts";
import type { Inbox } from "../message/inbox.ts";
import type { Listen, ListenSettings, Socket, SocketEvents } from "./backend.ts";
import { CLOSE } from "./close-code.ts";
import { frameBytes, payloadOffset } from "./frame.ts";
import { type HttpResponse, plainResponse, RESPONSES } from "./plain-http.ts";

/**
 * Bytes that the runtime keeps for a client beside its outbox, pongs among them. It takes no
 * message and answers no ping while it keeps more. A single message may be longer.
 */
const BACKPRESSURE_BYTES = 64 * 2 ** 10;

/** The runtime counts idle time in steps of four seconds, and has a maximum. */
const COARSE_SECONDS = 16;
const MAX_IDLE_SECONDS = 960;

/** Bytes of garbage that the runtime makes of a pong and of a request, beside what they contain. */
const PONG_GARBAGE = 256;
const REQUEST_GARBAGE = 4096;

/** How the runtime reports a violation: see `findViolation`. */
const ABNORMAL = 1006;
const VIOLATION = "Received ";

/** The address of a client until its connection is open, then the connection. */
type Data = string | Connection;

type WebSocket = Bun.ServerWebSocket<Data>;

/** Starts to listen, beside other listeners of the same address. Throws if the system refuses. */
export const listen: Listen = ({ host, port }, settings, inbox, events) => {
  const { certificate, ipv6Only } = settings;
  const server = Bun.serve<Data>({
    hostname: host,
    port,
    ...TCP_REUSE_PORT,
    ipv6Only,
    development: false,
    ...(certificate === undefined ? {} : { tls: certificate }),
    fetch: (request, server) => respond(request, server, settings, events),
    error: () => writeResponse(RESPONSES.failed),
    websocket: {
      maxPayloadLength: settings.maxMessageBytes,
      backpressureLimit: BACKPRESSURE_BYTES,
      // The tracker itself pings clients and closes silent ones: the runtime would ping only 16
      // seconds before the end. Its limit is for connections that are closed and do not read on.
      sendPings: false,
      idleTimeout: Math.min(settings.maxAge + COARSE_SECONDS, MAX_IDLE_SECONDS),
      perMessageDeflate: {
        compress: settings.compress ? "shared" : false,
        decompress: settings.acceptCompressed ? "shared" : false,
      },
      open(socket) {
        socket.data = new Connection(socket, settings, events, socket.data as string);
      },
      message: (socket, message) => connectionOf(socket).receive(message, inbox),
      drain: (socket) => events.drain(connectionOf(socket).client),
      pong(socket, payload) {
        events.noteGarbage(PONG_GARBAGE + payload.length);
        events.receivePong(connectionOf(socket).client);
      },
      close(socket, code, reason) {
        events.close(connectionOf(socket).client, findViolation(code, reason));
      },
      // Without this, an exception in any of these would end the process.
      error(error, socket) {
        const connection = connectionOf(socket);
        events.fail(connection, connection.client, error);
      },
    },
  });
  return {
    port: server.port!,
    stop: (closeConnections) => void server.stop(closeConnections),
  };
};

/**
 * The code of a client's violation for which the runtime has closed a connection. It reports 1006,
 * which no client can send, and what was wrong.
 */
function findViolation(code: number, reason: string): number | undefined {
  if (code !== ABNORMAL || !reason.startsWith(VIOLATION)) return undefined;
  if (reason.includes("too big")) return CLOSE.messageTooBig;
  return /UTF-8|compressed/.test(reason) ? CLOSE.invalidText : CLOSE.protocolError;
}

function connectionOf(socket: WebSocket): Connection {
  return socket.data as Connection;
}

class Connection implements Socket {
  /** The runtime compresses. */
  readonly compress = undefined;
  readonly client: Client;

  constructor(
    private readonly socket: WebSocket,
    private readonly settings: ListenSettings,
    private readonly events: SocketEvents,
    address: string,
  ) {
    this.client = events.open(this, address);
  }

  receive(message: string | Buffer, inbox: Inbox): void {
    if (typeof message !== "string") inbox.set(message);
    // The runtime has counted the bytes, too, so this is never false.
    else if (!inbox.setText(message)) return this.close(CLOSE.messageTooBig, "message too big");
    this.events.noteGarbage(inbox.length);
    this.events.receive(this.client);
  }

  write(bytes: Buffer, start: number, end: number): number {
    let next = start;
    this.socket.cork(() => {
      let sent = 1;
      while (sent > 0 && next < end) {
        const length = frameBytes(bytes, next);
        const text = bytes.toString("utf8", payloadOffset(bytes, next), next + length);
        // 0: not taken. -1: taken, but the runtime keeps it until the client reads.
        sent = this.socket.sendText(text, this.settings.compress);
        if (sent !== 0) next += length;
      }
    });
    return next - start;
  }

  ping(): void {
    this.socket.ping();
  }

  get bufferedBytes(): number {
    return this.socket.getBufferedAmount();
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }
}

function respond(
  request: Request,
  server: Bun.Server<Data>,
  { addresses, origins }: ListenSettings,
  events: SocketEvents,
): Response | undefined {
  events.noteGarbage(REQUEST_GARBAGE);
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return writeResponse(plainResponse(request.url));
  }
  if (!origins.has(request.headers.get("origin"))) {
    events.refuse("origin");
    return writeResponse(RESPONSES.forbiddenOrigin);
  }
  const remoteAddress = server.requestIP(request)?.address;
  // The client has gone already.
  if (!remoteAddress) return writeResponse(RESPONSES.badRequest);
  const address = addresses.find(remoteAddress, request.headers);
  if (!events.hasRoom(address)) return writeResponse(RESPONSES.noRoom);
  if (server.upgrade(request, { data: address })) return undefined;
  events.refuse("handshake");
  return writeResponse(RESPONSES.noHandshake);
}

function writeResponse({ headers, status, text }: HttpResponse): Response {
  return new Response(text, { status, headers });
}
