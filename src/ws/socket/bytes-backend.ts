// The backend 'bytes': TCP connections of Bun.listen, with our own handshake and framing, so that no
// message becomes a string.

import { TCP_REUSE_PORT } from "../../app/reuse-port.ts";
import type { Listen } from "./backend.ts";
import { Connection } from "./connection.ts";

/** Bytes of garbage that the runtime makes for each chunk beside its bytes. */
const CHUNK_GARBAGE = 256;

type ListenOptions = Bun.TCPSocketListenOptions<Connection> &
  typeof TCP_REUSE_PORT & { readonly ipv6Only: boolean };

/** Starts to listen, beside other listeners of the same address. Throws if the system refuses. */
export const listen: Listen = ({ host, port }, settings, inbox, events) => {
  const { certificate, ipv6Only } = settings;
  const context = { settings, inbox, events };
  // The runtime has options that its types do not declare.
  const options: ListenOptions = {
    hostname: host,
    port,
    ...TCP_REUSE_PORT,
    ipv6Only,
    ...(certificate === undefined ? {} : { tls: certificate }),
    socket: {
      open(socket) {
        socket.data = new Connection(socket, context);
      },
      // Without this, the runtime would call `open` only after the handshake of TLS, and a client that
      // never completes one would stay connected for ever.
      handshake(_socket, isDone, error) {
        if (!isDone && !hasLeft(error)) events.refuse("tls");
      },
      data(socket, chunk) {
        events.noteGarbage(chunk.length + CHUNK_GARBAGE);
        socket.data.read(chunk, chunk.length);
      },
      drain: (socket) => socket.data.drain(),
      timeout: (socket) => socket.data.expire(),
      close: (socket) => (socket.data as Connection | undefined)?.end(),
      // `close` follows.
      error() {},
    },
  };
  const listener = Bun.listen(options);
  return { port: listener.port, stop: (closeConnections) => listener.stop(closeConnections) };
};

/** Whether the client of a TLS handshake has closed its connection before the end. */
function hasLeft(error: Error | null): boolean {
  return error !== null && "code" in error && error.code === "ECONNRESET";
}
