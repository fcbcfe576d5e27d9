// Datagram sockets for the batched calls: opens, binds, connects and closes them with system calls.
// Called at the start and end of a socket worker or a load worker, never for a datagram.

import { ptr } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import { setReusePort } from "../../app/reuse-port.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import { Bytes } from "../../memory/bytes.ts";
import { AF_INET, AF_INET6, NAME_BYTES, readNamePort, writeName } from "./name.ts";
import { checkResult } from "../../app/libc.ts";
import { calls } from "./system-calls.ts";

// From the kernel's headers. The same on x64 and arm64.
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_WANT = 1;
const IP_PMTUDISC_DO = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;

export interface LinuxSocketOptions {
  /** Shares the port with other sockets that set this. */
  readonly reusePort?: boolean;
  /** Lets a socket on `[::]` accept IPv4 too. */
  readonly isDualStack?: boolean;
  /** Makes each datagram arrive with its destination address, see packet-info.ts. */
  readonly packetInfo?: boolean;
}

/** The error of a system call. */
export class SocketError extends Error {
  override name = "SocketError";
  /** The name of the error, such as EADDRINUSE. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** Opens a non-blocking socket bound to the address. Throws a SocketError. */
export function openLinuxSocket(address: SocketAddress, options: LinuxSocketOptions = {}): number {
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check("socket", calls.socket(family, type, 0));
  try {
    if (options.reusePort) setReusePort(fd);
    if (address.family === 6) {
      switchOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, !options.isDualStack);
      if (options.packetInfo) switchOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, true);
    } else if (options.packetInfo) {
      switchOption(fd, IPPROTO_IP, IP_PKTINFO, true);
    }
    const name = Bytes.allocate(NAME_BYTES);
    const length = writeName(name, 0, address);
    check("bind", calls.bind(fd, ptr(name.bytes), length));
  } catch (error) {
    calls.close(fd);
    throw error;
  }
  return fd;
}

/**
 * Whether the kernel may split an IPv4 packet that is longer than the path takes; otherwise sending
 * it fails with EMSGSIZE. New sockets may. A packet that may be split needs a unique
 * identification, whose generator costs 2 to 7 % of a response. Packets on the path are the same
 * either way: both settings forbid routers to split them. IPv6 identifies only packets that are
 * split. Does nothing if the system refuses.
 */
export function allowSplitPackets(fd: number, isAllowed: boolean): void {
  const value = new Int32Array([isAllowed ? IP_PMTUDISC_WANT : IP_PMTUDISC_DO]);
  calls.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, ptr(value), 4);
}

/** Sets the destination of a socket, which then receives from there only. Throws a SocketError. */
export function connectLinuxSocket(fd: number, address: SocketAddress): void {
  const name = Bytes.allocate(NAME_BYTES);
  const length = writeName(name, 0, address);
  check("connect", calls.connect(fd, ptr(name.bytes), length));
}

/** Returns the port that a socket is bound to. Throws a SocketError. */
export function readLocalPort(fd: number): number {
  const name = Bytes.allocate(NAME_BYTES);
  const length = new Uint32Array([NAME_BYTES]);
  check("getsockname", calls.getsockname(fd, ptr(name.bytes), ptr(length)));
  return readNamePort(name, 0);
}

/** Closes a socket. */
export function closeLinuxSocket(fd: number): void {
  calls.close(fd);
}

function switchOption(fd: number, level: number, option: number, isOn: boolean): void {
  const value = new Int32Array([isOn ? 1 : 0]);
  check("setsockopt", calls.setsockopt(fd, level, option, ptr(value), 4));
}

function check(call: string, returned: number): number {
  const result = checkResult(returned);
  if (result < 0) throw new SocketError(call, -result);
  return result;
}
