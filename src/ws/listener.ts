// One listening address of one socket worker: WebSockets on any path, and a short answer to plain
// HTTP. Hands every event to the clients.

import { TCP_REUSE_PORT } from "../app/reuse-port.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import type { Client, Socket } from "./client.ts";
import type { ClientAddresses } from "./client-address.ts";
import type { Clients } from "./clients.ts";
import type { Certificate } from "./tls.ts";

export interface ListenerSettings {
  readonly addresses: ClientAddresses;
  /** An IPv6 address takes IPv6 clients only. */
  readonly ipv6Only: boolean;
  readonly maxMessageBytes: number;
  /** Seconds without a sign of life after which the clients close a connection. */
  readonly maxAge: number;
  readonly compress: boolean;
  readonly certificate: Certificate | undefined;
}

/**
 * Bytes that the runtime keeps for a client beside its outbox, pongs among them; no message is taken
 * and no ping answered while it keeps more. A single message may be longer.
 */
const BACKPRESSURE_BYTES = 64 * 2 ** 10;

const COARSE_SECONDS = 16;
const MOST_IDLE_SECONDS = 960;

/** What goes with a connection: the address of its client until it is open, then the client. */
type Data = string | Client;

/** What listens. */
export type Listener = Bun.Server<Data>;

/** The path of a URL, which is one without a host when HTTP/1.0 names none. */
const PATH = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/;

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** Starts to listen, beside other listeners of the same address. Throws when it cannot. */
export function listen(
  { host, port }: SocketAddress,
  settings: ListenerSettings,
  clients: Clients,
): Listener {
  const { certificate } = settings;
  return Bun.serve<Data>({
    hostname: host,
    port,
    ...TCP_REUSE_PORT,
    ipv6Only: settings.ipv6Only,
    development: false,
    ...(certificate === undefined ? {} : { tls: certificate }),
    fetch: (request, server) => respond(request, server, clients, settings.addresses),
    error: () => new Response("error\n", { status: 500, headers: TEXT }),
    websocket: {
      maxPayloadLength: settings.maxMessageBytes,
      backpressureLimit: BACKPRESSURE_BYTES,
      // The clients are pinged, and given up, without the runtime, which would ping 16 seconds before
      // the end only. Its own limit is for connections that are closed and do not read on. It is coarse:
      // four seconds, and counts what is sent as a sign of life.
      sendPings: false,
      idleTimeout: Math.min(settings.maxAge + COARSE_SECONDS, MOST_IDLE_SECONDS),
      perMessageDeflate: { compress: settings.compress ? "shared" : false, decompress: "shared" },
      open: (socket) => clients.open(socket as Socket, socket.data as string),
      message: (socket, data) => clients.receive(socket.data as Client, data),
      drain: (socket) => clients.drain(socket.data as Client),
      pong: (socket, data) => clients.receivePong(socket.data as Client, data),
      close: (socket) => clients.close(socket.data as Client),
      // Without this, what a handler throws would end the process: for all, because of one.
      error: (error, socket) => clients.fail(socket as Socket, error),
    },
  });
}

function respond(
  request: Request,
  server: Listener,
  clients: Clients,
  addresses: ClientAddresses,
): Response | undefined {
  clients.noteRequest();
  if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
    const data = addresses.find(server.requestIP(request)?.address ?? "", request.headers);
    if (!clients.hasRoom(data)) {
      const headers = { ...TEXT, connection: "close" };
      return new Response("too many connections\n", { status: 503, headers });
    }
    if (server.upgrade(request, { data })) return undefined;
    return new Response("this is no WebSocket handshake\n", { status: 400, headers: TEXT });
  }
  if (PATH.exec(request.url)?.[1] === "/health") return new Response("ok\n", { headers: TEXT });
  return new Response("This is a WebTorrent tracker: connect with a WebSocket.\n", {
    status: 426,
    headers: { ...TEXT, connection: "Upgrade", upgrade: "websocket" },
  });
}
