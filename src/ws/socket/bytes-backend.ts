// The backend 'bytes': TCP connections of Bun.listen, with our own handshake and framing, so that
// no message becomes a string.

import { openLibc } from "../../app/libc.ts";
import { TCP_REUSE_PORT } from "../../app/reuse-port.ts";
import type { Listen, Listener } from "./backend.ts";
import { Connection } from "./connection.ts";

/** Bytes of garbage that the runtime makes for each chunk beside its bytes. */
const CHUNK_GARBAGE = 256;

// The runtime has options that its types do not declare.
interface ListenOptions extends Bun.TCPSocketListenOptions<Connection> {
  readonly reusePort?: boolean;
  readonly ipv6Only?: boolean;
  readonly fd?: number;
}

const libc = openLibc({ dup: { args: ["i32"], returns: "i32" } });

/**
 * Starts to listen, on the predecessor's socket or beside other listeners of the same address.
 * Throws if the system refuses.
 */
export const listen: Listen = ({ host, port }, settings, inbox, events, predecessor) => {
  const { certificate, ipv6Only } = settings;
  const context = { settings, inbox, events };
  const socket = shareSocket(predecessor);
  const options: ListenOptions = {
    hostname: host,
    port,
    ...(socket === undefined ? { ...TCP_REUSE_PORT, ipv6Only } : { fd: socket }),
    ...(certificate === undefined ? {} : { tls: certificate }),
    socket: {
      open(socket) {
        socket.data = new Connection(socket, context);
      },
      // Without this, the runtime would call `open` only after the handshake of TLS, and a client
      // that never completes one would stay connected for ever.
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
  const listener: Bun.TCPSocketListener<Connection> & { readonly fd?: number } =
    Bun.listen(options);
  return {
    port: socket === undefined ? listener.port : predecessor!.port,
    fd: listener.fd,
    stop: (closeConnections) => listener.stop(closeConnections),
  };
};

/**
 * Another descriptor of the same socket. A process that has dropped its privileges could not bind
 * the port again, and clients in the socket's queue are not lost.
 */
function shareSocket(listener: Listener | undefined): number | undefined {
  const fd = listener?.fd === undefined ? -1 : (libc?.dup(listener.fd) ?? -1);
  return fd < 0 ? undefined : fd;
}

/** Whether the client of a TLS handshake has closed its connection before the end. */
function hasLeft(error: Error | null): boolean {
  return error !== null && "code" in error && error.code === "ECONNRESET";
}
