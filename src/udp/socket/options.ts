// What Bun.udpSocket has no option for: options of a bound socket, set through the C library.
// Called by socket backends, in socket workers.

import { ptr } from "bun:ffi";
import { openLibc } from "../../app/libc.ts";

// From <sys/socket.h> and <netinet/in.h>; the first three differ on macOS.
const isLinux = process.platform === "linux";
const SOL_SOCKET = isLinux ? 1 : 0xffff;
const SO_RCVBUF = isLinux ? 8 : 0x1002;
const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;

const calls = openLibc({
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
});

/**
 * Asks for a receive buffer of `bytes` and returns the size that the kernel granted. Linux grants
 * up to net.core.rmem_max. Undefined when that cannot be asked on this system.
 */
export function setReceiveBuffer(fd: number, bytes: number): number | undefined {
  if (calls === undefined) return undefined;
  const value = new Int32Array([bytes]);
  const length = new Uint32Array([4]);
  calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, ptr(value), 4);
  if (calls.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, ptr(value), ptr(length)) !== 0) return undefined;
  // Linux counts its bookkeeping in, and reports twice what it was asked for.
  return isLinux ? value[0] / 2 : value[0];
}

/**
 * Keeps ICMP errors away from a socket. Bun asks for them, and a client that has gone would make
 * the next call on the socket fail, in the middle of the answers to others.
 */
export function ignoreUnreachableClients(fd: number): void {
  if (!isLinux) return;
  const off = new Int32Array([0]);
  calls?.setsockopt(fd, IPPROTO_IP, IP_RECVERR, ptr(off), 4);
  calls?.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, ptr(off), 4);
}
