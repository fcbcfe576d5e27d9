// Connections are files, of which the system allows so many: max_connections is lowered to what
// fits, so that one too many is refused with an answer.

import type { WsConfig } from "./config.ts";

/** Files of a tracker, and of each worker: its event loop, and its listeners twice at a reload. */
const FILES = 32;
const WORKER_FILES = 4;
const LISTENER_FILES = 2;

/** The share that is left to connections which are none yet, or only ask something. */
const SHARE_OF_OTHERS = 1 / 32;

/** Connections of each worker that fit `limit` open files: one at least. */
export function fitConnections({ network, socket_workers }: WsConfig, limit: number): number {
  const workerFiles = WORKER_FILES + LISTENER_FILES * network.address.length;
  const own = FILES + socket_workers * workerFiles;
  const left = limit - own - Math.ceil(limit * SHARE_OF_OTHERS);
  return Math.max(1, Math.floor(left / socket_workers));
}
