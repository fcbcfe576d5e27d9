// `aquatic-udp --health URL`: asks a tracker for a connection ID as a client would. Runs instead of
// the tracker.

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { StartupError } from "../app/startup-error.ts";

/** A datagram may be lost, so several are sent. */
const ATTEMPTS = 4;
const ATTEMPT_MILLISECONDS = 500;

/**
 * Resolves if the tracker at `text`, such as `udp://127.0.0.1:3000`, responds to a connect request.
 * Throws a StartupError if it does not respond in time.
 */
export async function checkHealth(text: string): Promise<void> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port);
  if (url?.protocol !== "udp:" || url.hostname === "" || !(port > 0)) {
    throw new StartupError(`--health: ${text} is not a URL such as udp://127.0.0.1:3000`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const problem = await connect(host, port);
  if (problem !== undefined) throw new StartupError(`--health: ${text}: ${problem}`);
}

/** Returns what went wrong, if anything. */
function connect(host: string, port: number): Promise<string | undefined> {
  // BEP 15: the protocol's number, action 0, and the client's transaction ID.
  const request = Buffer.alloc(16);
  request.writeBigUInt64BE(0x41727101980n);
  randomBytes(4).copy(request, 12);
  const expected = request.subarray(8);

  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  socket.on("error", (error) => resolve(describe(error)));
  socket.on("message", (response) => {
    if (response.length === 16 && response.subarray(0, 8).equals(expected)) resolve(undefined);
  });
  let attempts = 0;
  const send = (): void => {
    if (attempts++ === ATTEMPTS) return resolve("no answer");
    socket.send(request, (error) => error && resolve(describe(error)));
  };
  let timer: NodeJS.Timeout | undefined;
  // Connected, the socket learns that nothing listens at the port.
  socket.connect(port, host, () => {
    timer = setInterval(send, ATTEMPT_MILLISECONDS);
    send();
  });
  return promise.finally(() => {
    clearInterval(timer);
    socket.close();
  });
}

function describe({ code, message }: NodeJS.ErrnoException): string {
  return code === "ECONNREFUSED" ? "nothing listens there" : message;
}
