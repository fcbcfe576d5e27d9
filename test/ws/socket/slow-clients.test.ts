// Clients that never complete their handshake, or do not close a connection that the tracker has
// closed, must not keep a file of the tracker open. The times are those of the runtime's timers, up
// to 12 seconds: all cases wait at once.

import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { makeCertificate } from "../../support/certificate.ts";
import type { BackendName } from "../../../src/ws/socket/backend.ts";
import { BYTE_BACKENDS, EchoServer } from "./echo-server.ts";
import { handshake, openTcp } from "./http-exchange.ts";

const TIMEOUT_MS = 60_000;
const TRICKLE_MS = 1000;

const files = await makeCertificate();
const certificate = {
  cert: readFileSync(files.certificatePath, "utf8"),
  key: readFileSync(files.privateKeyPath, "utf8"),
};
const servers: EchoServer[] = [];
afterAll(() => {
  for (const server of servers) server[Symbol.dispose]();
  files[Symbol.dispose]();
});

function serve(backend: BackendName, tls: boolean): EchoServer {
  const server = new EchoServer(backend, { certificate: tls ? certificate : undefined });
  servers.push(server);
  return server;
}

/** Connects without TLS, whatever the port expects. */
function connectPlain(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  return socket;
}

/** Resolves once the server has ended the connection, to which a byte is sent each second. */
async function trickle(socket: Socket): Promise<void> {
  const timer = setInterval(() => socket.write("x"), TRICKLE_MS);
  await closed(socket);
  clearInterval(timer);
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.destroyed) await new Promise((resolve) => socket.once("close", resolve));
}

/** The schemes of a backend: with TLS, or without. */
function schemes(backend: BackendName): boolean[] {
  return backend === "epoll" ? [false] : [false, true];
}

/** Servers that report requests which do not come as a whole. */
const late: EchoServer[] = [];

const endings = [...BYTE_BACKENDS, "bun" as const].flatMap((backend) =>
  schemes(backend).flatMap((tls) => {
    const server = serve(backend, tls);
    const { port } = server;
    if (backend !== "bun") late.push(server);
    const name = `${backend}, ${tls ? "wss" : "ws"}`;
    return [
      [`a silent client (${name})`, async () => closed(connectPlain(port))],
      [`half a request (${name})`, async () => closed(await begin(port, tls))],
      [`a request byte by byte (${name})`, async () => trickle(await begin(port, tls))],
    ] as const;
  }),
);

async function begin(port: number, tls: boolean): Promise<Socket> {
  const socket = await openTcp(port, tls);
  socket.write("GET / HTTP/1.1\r\nX: ");
  return socket;
}

test(
  "connections without a handshake, and closed ones, end",
  async () => {
    const open = new Set(endings.map(([name]) => name as string));
    const ending = endings.map(async ([name, end]) => {
      await end();
      open.delete(name);
    });
    const own = BYTE_BACKENDS.flatMap((backend) =>
      schemes(backend).map((tls) => [backend, tls] as const),
    );
    const lingering = own.map(async ([backend, tls]) => {
      const server = serve(backend, tls);
      const socket = await openTcp(server.port, tls);
      // It does not end its side when the tracker ends its own.
      socket.allowHalfOpen = true;
      socket.write(handshake());
      await server.waitUntil(() => server.clients.size === 1);
      const [client] = server.clients;
      client.socket.close(1000, "");
      expect(server.clients.size).toBe(0);
      await trickle(socket);
    });
    await Promise.race([Promise.all(ending), Bun.sleep(TIMEOUT_MS / 2)]);
    expect([...open]).toEqual([]);
    for (const { refusals } of late) expect(refusals).toEqual(["late", "late", "late"]);
    await Promise.all(lingering);
  },
  TIMEOUT_MS,
);
