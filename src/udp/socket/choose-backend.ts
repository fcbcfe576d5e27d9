// Chooses the socket backend. The entry calls this on the main thread before it starts a worker.

import { log } from "../../app/log.ts";
import { isWildcard, type SocketAddress } from "../../app/socket-address.ts";
import { StartupError } from "../../app/startup-error.ts";
import { closeLinuxSocket, openLinuxSocket } from "./linux-socket.ts";
import { MessageBatch } from "./message-batch.ts";
import type { BackendName } from "./backend.ts";
import { EAGAIN, hasSystemCalls } from "./system-calls.ts";

/**
 * Returns the backend for `network.socket_backend`. 'auto' selects 'mmsg' if it works, and logs the
 * reason if it does not; 'bun' logs a warning at wildcard addresses. Throws a StartupError if
 * 'mmsg' is configured and does not work.
 */
export function chooseBackend(
  choice: BackendName | "auto",
  addresses: readonly SocketAddress[],
): BackendName {
  if (choice !== "bun") {
    const obstacle = findObstacle();
    if (obstacle === undefined) return "mmsg";
    if (choice === "mmsg") throw new StartupError(`network.socket_backend: no 'mmsg': ${obstacle}`);
    log.warn(`network.socket_backend: 'bun', because 'mmsg' does not work here: ${obstacle}`);
  }
  if (addresses.some(isWildcard)) {
    log.warn(
      "network.socket_backend: at a wildcard address, 'bun' may respond from an address other " +
        "than the one the client asked; if this host has several, list them in network.address",
    );
  }
  return "bun";
}

// A sandbox may refuse calls that the system has, so the only way to know is to try.
function findObstacle(): string | undefined {
  if (!hasSystemCalls) return "it requires Linux on x64 or arm64 and its C library";
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
