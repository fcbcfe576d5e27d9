// Options of a bound socket that Bun.udpSocket does not offer, set through the C library. The
// socket backends call this in socket workers.

import { ptr } from "bun:ffi";
import { openLibc } from "../../app/libc.ts";

// From <sys/socket.h> and <netinet/in.h>. The first three differ on macOS.
const isLinux = process.platform === "linux";
const SOL_SOCKET = isLinux ? 1 : 0xffff;
const SO_RCVBUF = isLinux ? 8 : 0x1002;
/** Linux alone has it: counts of a socket, of which the ninth is that of dropped datagrams. */
const SO_MEMINFO = 55;
const MEMINFO_WORDS = 16;
const MEMINFO_DROPS = 8;
const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;

const calls = openLibc({
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
});

/**
 * Requests a receive buffer of `bytes` and returns the size that the kernel granted; Linux grants
 * up to net.core.rmem_max. Returns undefined if the system cannot tell.
 */
export function setReceiveBuffer(fd: number, bytes: number): number | undefined {
  if (calls === undefined) return undefined;
  const value = new Int32Array([bytes]);
  const length = new Uint32Array([4]);
  calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, ptr(value), 4);
  if (calls.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, ptr(value), ptr(length)) !== 0) return undefined;
  // Linux includes its own overhead and reports twice the size.
  return isLinux ? value[0] / 2 : value[0];
}

/**
 * Switches off ICMP errors on a socket. Bun switches them on, and a client that is gone would then
 * make the next call fail in the middle of the responses to other clients.
 */
export function ignoreUnreachableClients(fd: number): void {
  if (!isLinux) return;
  const off = new Int32Array([0]);
  calls?.setsockopt(fd, IPPROTO_IP, IP_RECVERR, ptr(off), 4);
  calls?.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, ptr(off), 4);
}

/**
 * Returns the number of datagrams for which the receive buffer had no room since the socket was
 * opened; undefined if the system cannot tell.
 */
export function readReceiveDrops(fd: number): number | undefined {
  if (calls === undefined || !isLinux) return undefined;
  const info = new Uint32Array(MEMINFO_WORDS);
  const length = new Uint32Array([info.byteLength]);
  const result = calls.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, ptr(info), ptr(length));
  return result === 0 && length[0] > MEMINFO_DROPS * 4 ? info[MEMINFO_DROPS] : undefined;
}
