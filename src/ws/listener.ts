// One listening address of one socket worker: WebSockets on any path, and a short answer to plain
// HTTP. Hands every event to the clients.

import { TCP_REUSE_PORT } from "../app/reuse-port.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import type { Client } from "./client.ts";
import type { Clients } from "./clients.ts";
import type { Certificate } from "./tls.ts";

export interface ListenerSettings {
  /** An IPv6 address takes IPv6 clients only. */
  readonly ipv6Only: boolean;
  readonly maxMessageBytes: number;
  /** Seconds. */
  readonly idleTimeout: number;
  readonly compress: boolean;
  readonly certificate: Certificate | undefined;
}

/**
 * Bytes that the runtime keeps for a client beside its outbox, pongs among them; no message is taken
 * and no ping answered while it keeps more. A single message may be longer.
 */
const BACKPRESSURE_BYTES = 64 * 2 ** 10;

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/** Starts to listen, beside other listeners of the same address. Throws when it cannot. */
export function listen(
  { host, port }: SocketAddress,
  settings: ListenerSettings,
  clients: Clients,
): Bun.Server<Client> {
  const { certificate } = settings;
  return Bun.serve<Client>({
    hostname: host,
    port,
    ...TCP_REUSE_PORT,
    ipv6Only: settings.ipv6Only,
    development: false,
    ...(certificate === undefined ? {} : { tls: certificate }),
    fetch: (request, server) => respond(request, server, clients),
    error: () => new Response("error\n", { status: 500, headers: TEXT }),
    websocket: {
      maxPayloadLength: settings.maxMessageBytes,
      backpressureLimit: BACKPRESSURE_BYTES,
      idleTimeout: settings.idleTimeout,
      // The clients are pinged more often than the runtime would, and given up without it: what is
      // sent counts as a sign of life here. This is for those that are closed and do not read on.
      sendPings: false,
      perMessageDeflate: { compress: settings.compress ? "shared" : false, decompress: "shared" },
      open: (socket) => clients.open(socket),
      message: (socket, data) => clients.receive(socket.data, data),
      drain: (socket) => clients.drain(socket.data),
      pong: (socket, data) => clients.receivePong(socket.data, data),
      close: (socket) => clients.close(socket.data),
      // Without this, what a handler throws would end the process: for all, because of one.
      error: (error, socket) => clients.fail(socket, error),
    },
  });
}

function respond(
  request: Request,
  server: Bun.Server<Client>,
  clients: Clients,
): Response | undefined {
  clients.noteRequest();
  if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
    if (!clients.hasRoom)
      return new Response("too many connections\n", { status: 503, headers: TEXT });
    // The client is made when the connection opens.
    if (server.upgrade(request, { data: undefined as unknown as Client })) return undefined;
    return new Response("this is no WebSocket handshake\n", { status: 400, headers: TEXT });
  }
  // Without a Host, HTTP/1.0, it is the path alone.
  const path = URL.parse(request.url, "http://tracker")?.pathname;
  if (path === "/health") return new Response("ok\n", { headers: TEXT });
  return new Response("This is a WebTorrent tracker: connect with a WebSocket.\n", {
    status: 426,
    headers: { ...TEXT, connection: "Upgrade", upgrade: "websocket" },
  });
}
