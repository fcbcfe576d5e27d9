// Chooses the socket backend. The entry calls this on the main thread before it starts a worker.

import { log } from "../../app/log.ts";
import { StartupError } from "../../app/startup-error.ts";
import type { BackendName } from "./backend.ts";
import { hasTcpCalls } from "./tcp-calls.ts";

export interface BackendSettings {
  readonly socket_backend: BackendName | "auto";
  readonly use_tls: boolean;
}

/**
 * Returns the backend for `network.socket_backend`. 'auto' selects 'epoll' if it works, for ws://
 * only, else 'bytes'. Throws a StartupError if 'epoll' is configured and does not work.
 */
export function chooseBackend({ socket_backend: choice, use_tls }: BackendSettings): BackendName {
  if (choice === "bytes" || choice === "bun") return choice;
  if (choice === "auto" && use_tls) return "bytes";
  const obstacle = use_tls
    ? "network.use_tls requires 'bytes' or 'bun'"
    : hasTcpCalls
      ? undefined
      : "it requires Linux on x64 or arm64 and its C library";
  if (obstacle === undefined) return "epoll";
  if (choice === "epoll") throw new StartupError(`network.socket_backend: no 'epoll': ${obstacle}`);
  log.warn(`network.socket_backend: 'bytes', because 'epoll' does not work here: ${obstacle}`);
  return "bytes";
}
