// Chooses how sockets are driven. Called by the entry, on the main thread, before any worker.

import { log } from "../../app/log.ts";
import { isWildcard, type SocketAddress } from "../../app/socket-address.ts";
import { StartupError } from "../../app/startup-error.ts";
import { closeLinuxSocket, openLinuxSocket } from "./linux-socket.ts";
import { MessageBatch } from "./message-batch.ts";
import type { BackendName } from "./backend.ts";
import { EAGAIN, hasSystemCalls } from "./system-calls.ts";

/**
 * The backend for `network.socket_backend`. 'auto' takes 'mmsg' where it works, and says in the log
 * why it does not; 'bun' warns of what it cannot do on wildcard addresses. Throws a StartupError when 'mmsg' was asked for and does not work.
 */
export function chooseBackend(
  choice: BackendName | "auto",
  addresses: readonly SocketAddress[],
): BackendName {
  if (choice !== "bun") {
    const obstacle = findObstacle();
    if (obstacle === undefined) return "mmsg";
    if (choice === "mmsg") throw new StartupError(`network.socket_backend: no 'mmsg': ${obstacle}`);
    log(`network.socket_backend: 'bun', because 'mmsg' does not work here: ${obstacle}`);
  }
  if (addresses.some(isWildcard)) {
    log(
      "network.socket_backend: 'bun' at a wildcard address may answer from another address than " +
        "the client asked; if this host has several, list them in network.address",
    );
  }
  return "bun";
}

// A sandbox may refuse the calls that the system has: only trying tells.
function findObstacle(): string | undefined {
  if (!hasSystemCalls) return "it needs Linux on x64 or arm64, and its C library";
  try {
    const fd = openLinuxSocket({ host: "127.0.0.1", port: 0, family: 4 });
    const batch = new MessageBatch({ slots: 1, payloadBytes: 16, controlBytes: 0 });
    const received = batch.receive(fd);
    closeLinuxSocket(fd);
    return received === -EAGAIN ? undefined : `recvmmsg failed with error ${-received}`;
  } catch (error) {
    return (error as Error).message;
  }
}
