// Each connection is a file, and the system limits open files. max_connections is lowered to what
// fits, so that a connection beyond it gets a response.

import type { WsConfig } from "../config.ts";

/**
 * Files of a tracker; files of each worker for its event loop; and for listeners, twice at a
 * reload.
 */
const FILES = 32;
const WORKER_FILES = 4;
const LISTENER_FILES = 2;

/** The share reserved for connections that are not WebSockets, or not yet. */
const SHARE_OF_OTHERS = 1 / 32;

/** Returns how many connections of each worker fit `limit` open files, at least one. */
export function fitConnections({ network, socket_workers }: WsConfig, limit: number): number {
  const workerFiles = WORKER_FILES + LISTENER_FILES * network.address.length;
  const own = FILES + socket_workers * workerFiles;
  const left = limit - own - Math.ceil(limit * SHARE_OF_OTHERS);
  return Math.max(1, Math.floor(left / socket_workers));
}
