// SO_REUSEPORT lets the workers of a tracker share a port, and the kernel spreads the clients over
// their sockets. Every socket of the port must set it, all as the same user. These are the three
// ways to set it.

import { ptr } from "bun:ffi";
import { openLibc } from "./libc.ts";
import { log } from "./log.ts";

// From <sys/socket.h>.
const isLinux = process.platform === "linux";
const SOL_SOCKET = isLinux ? 1 : 0xffff;
const SO_REUSEPORT = isLinux ? 15 : 0x200;

const libc = openLibc({
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
});

/** For sockets opened by system calls. Returns false if the system refuses. */
export function setReusePort(fd: number): boolean {
  return libc?.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, ptr(new Int32Array([1])), 4) === 0;
}

/** For Bun.udpSocket: one of its undocumented `flags`. */
export const UDP_REUSE_PORT = 4;

/** For Bun.serve and Bun.listen: one of their options. */
export const TCP_REUSE_PORT = { reusePort: true } as const;

/** How many sockets the clients of a port are spread over: elsewhere one socket gets them all. */
export function limitSocketWorkers(wanted: number): number {
  if (isLinux || wanted === 1) return wanted;
  log.warn(`socket_workers: 1 instead of ${wanted}, as only Linux spreads clients over sockets`);
  return 1;
}
