// SO_REUSEPORT, by which the workers of a tracker share a port: the kernel spreads clients over their
// sockets. Every socket of the port must have it, all of one user. Here are the three ways to set it.

import { ptr } from "bun:ffi";
import { openLibc } from "./libc.ts";

// From <sys/socket.h>.
const isLinux = process.platform === "linux";
const SOL_SOCKET = isLinux ? 1 : 0xffff;
const SO_REUSEPORT = isLinux ? 15 : 0x200;

const libc = openLibc({
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
});

/** For sockets made by hand. False when the system refuses. */
export function setReusePort(fd: number): boolean {
  return libc?.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, ptr(new Int32Array([1])), 4) === 0;
}

/** For Bun.udpSocket: one of its undocumented `flags`. */
export const UDP_REUSE_PORT = 4;

/** For Bun.serve and Bun.listen: one of their options. */
export const TCP_REUSE_PORT = { reusePort: true } as const;
