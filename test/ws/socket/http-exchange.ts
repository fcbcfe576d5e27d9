// Raw HTTP over TCP or TLS: sends bytes and gives what comes back until the connection ends.

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Connects, with TLS if `tls`, whatever the certificate. */
export async function openTcp(port: number, tls = false): Promise<Socket> {
  const plain = connect({ host: "127.0.0.1", port });
  const socket = tls ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  socket.on("error", () => {});
  await new Promise<void>((resolve, reject) => {
    socket.once(tls ? "secureConnect" : "connect", resolve);
    socket.once("close", () => reject(new Error("no connection")));
  });
  return socket;
}

/** Resolves with all that comes, once the connection has ended or `isEnough`. */
export function receiveAll(
  socket: Socket,
  isEnough: (received: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const finish = (): void => {
      resolve(received);
      socket.destroy();
    };
    socket.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      if (isEnough(received)) finish();
    });
    socket.on("close", finish);
  });
}

/** Sends a request and resolves with its response. */
export async function exchange(port: number, request: string, tls = false): Promise<string> {
  const socket = await openTcp(port, tls);
  socket.write(request, "latin1");
  return receiveAll(socket, (received) => {
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return false;
    if (received.startsWith("HTTP/1.1 101 ")) return true;
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(received) ?? [];
    return !request.startsWith("HEAD") && received.length >= end + 4 + Number(length);
  });
}

/** The head of a handshake; `lines` are more header fields. */
export function handshake(...lines: string[]): string {
  return [
    "GET /announce HTTP/1.1",
    "Host: tracker.example",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...lines,
    "\r\n",
  ].join("\r\n");
}
