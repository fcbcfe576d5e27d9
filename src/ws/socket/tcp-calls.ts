// The system calls of TCP sockets and of epoll, without the runtime in between. Linux on x64 and
// arm64. Each thread that imports this opens its own. epoll-backend.ts calls it.

import { ptr } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import { checkResult, hasErrno, openLibc } from "../../app/libc.ts";
import { setReusePort } from "../../app/reuse-port.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import { readAddress, writeAddress } from "../../memory/address.ts";

const isSupported =
  process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");

const libc = isSupported
  ? openLibc({
      accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
      bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
      close: { args: ["i32"], returns: "i32" },
      epoll_create1: { args: ["i32"], returns: "i32" },
      epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
      epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
      getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
      listen: { args: ["i32", "i32"], returns: "i32" },
      recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
      send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      shutdown: { args: ["i32", "i32"], returns: "i32" },
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    })
  : undefined;

/** Whether this system has everything that the backend needs. */
export const hasTcpCalls = libc !== undefined && hasErrno;

/** The C library. Use it only if `hasTcpCalls` is true. */
export const calls = libc!;

// From the kernel's headers. The same on x64 and arm64.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const NAME_BYTES = 28;
const PORT_OFFSET = 2;
const IPV4_OFFSET = 4;
const IPV6_OFFSET = 8;
/** The kernel lowers it to net.core.somaxconn. */
const MAX_BACKLOG = 2 ** 31 - 1;

/** For sockets that neither block nor outlive the process in a child. */
export const SOCK_NONBLOCK_CLOEXEC = 0o2004000;

export const EINTR = 4;
export const EAGAIN = 11;

/** Room for the name of a socket. */
export class SocketName {
  readonly bytes = new Uint8Array(NAME_BYTES);
  readonly length = new Uint32Array([NAME_BYTES]);
  readonly #ports = new DataView(this.bytes.buffer);

  /** Prepares for a call that writes a name. */
  clear(): void {
    this.length[0] = NAME_BYTES;
  }

  /** Sets an address. */
  set({ family, host, port }: SocketAddress): void {
    this.bytes.fill(0);
    this.bytes[0] = family === 4 ? AF_INET : AF_INET6;
    this.#ports.setUint16(PORT_OFFSET, port);
    const address = new Uint8Array(16);
    const length = readAddress(host, address, 0);
    const offset = family === 4 ? IPV4_OFFSET : IPV6_OFFSET;
    this.bytes.set(address.subarray(0, length), offset);
    this.length[0] = family === 4 ? 16 : NAME_BYTES;
  }

  get host(): string {
    const isIpv4 = this.bytes[0] === AF_INET;
    return writeAddress(this.bytes, isIpv4 ? IPV4_OFFSET : IPV6_OFFSET, isIpv4 ? 4 : 16);
  }

  get port(): number {
    return this.#ports.getUint16(PORT_OFFSET);
  }
}

/**
 * Opens a listening socket that does not block and shares its port. Throws an Error with the code
 * of the failed call.
 */
export function openListeningSocket(
  address: SocketAddress,
  ipv6Only: boolean,
): { fd: number; port: number } {
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const fd = check("socket", calls.socket(family, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0));
  try {
    setReusePort(fd);
    // Connections of the tracker's last run, which still wait for the end of their time, do not
    // matter.
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    // Accepted sockets inherit it: each write is all that there is to send.
    setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (address.family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, ipv6Only ? 1 : 0);
    const name = new SocketName();
    name.set(address);
    check("bind", calls.bind(fd, ptr(name.bytes), name.length[0]));
    check("listen", calls.listen(fd, MAX_BACKLOG));
    name.clear();
    check("getsockname", calls.getsockname(fd, ptr(name.bytes), ptr(name.length)));
    return { fd, port: name.port };
  } catch (error) {
    calls.close(fd);
    throw error;
  }
}

function setOption(fd: number, level: number, option: number, value: number): void {
  check("setsockopt", calls.setsockopt(fd, level, option, ptr(new Int32Array([value])), 4));
}

function check(call: string, returned: number): number {
  const result = checkResult(returned);
  if (result >= 0) return result;
  const code = getSystemErrorName(result);
  throw Object.assign(new Error(`${call}: ${code}`), { code });
}
