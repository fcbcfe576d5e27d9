// Holds the listening addresses until the first worker has bound them. Workers share a port by
// SO_REUSEPORT, and would share it with another tracker as well, each then serving part of the
// clients: so each address is first bound by a socket that does not share, which fails when any
// other program has it, and only then opened to the workers. Called by the entries, on the main
// thread.

import { type Pointer, ptr, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import { readAddress } from "../memory/address.ts";
import { bindError } from "./bind-error.ts";
import { openLibc } from "./libc.ts";
import type { SocketAddress } from "./socket-address.ts";

// From the kernel's headers; the same on x64 and arm64.
const AF_INET = 2;
const AF_INET6 = 10;
const TYPE = { udp: 2, tcp: 1 } as const;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Bytes of the longest socket address, that of IPv6. */
const NAME_BYTES = 28;

const libc =
  process.platform === "linux"
    ? openLibc({
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
        listen: { args: ["i32", "i32"], returns: "i32" },
        getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
        close: { args: ["i32"], returns: "i32" },
        __errno_location: { args: [], returns: "ptr" },
      })
    : undefined;

export type Protocol = keyof typeof TYPE;

/** The addresses of one tracker. */
export interface AddressClaim {
  /** The addresses, with the ports that the system chose where any would do. */
  readonly addresses: readonly SocketAddress[];
  /**
   * To be called when a worker has bound them: its sockets keep other claims away, while requests
   * that reach the claim's own are lost. May be called again.
   */
  readonly release: () => void;
}

/** Whether one socket on `[::]` takes IPv4 clients as well: it does where no other would. */
export function isDualStack(addresses: readonly SocketAddress[]): boolean {
  return addresses.length === 1 && addresses[0].host === "::";
}

/**
 * Claims the addresses against all other programs. Throws a StartupError for one that cannot be
 * bound. Elsewhere than on Linux it only tries, and a tracker that starts at the same moment may
 * get the same port.
 */
export async function claimAddresses(
  addresses: readonly SocketAddress[],
  protocol: Protocol,
): Promise<AddressClaim> {
  if (libc === undefined) return tryAddresses(addresses, protocol);
  const fds: number[] = [];
  const release = (): void => fds.splice(0).forEach((fd) => libc.close(fd));
  try {
    const claimed: SocketAddress[] = [];
    for (const address of addresses) {
      const { fd, port } = claim(address, protocol, !isDualStack(addresses));
      fds.push(fd);
      claimed.push({ ...address, port });
    }
    return { addresses: claimed, release };
  } catch (error) {
    release();
    throw error;
  }
}

// ---------------------------------------------------------------------------------------------

function claim(address: SocketAddress, protocol: Protocol, isIpv6Only: boolean) {
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const fd = libc!.socket(family, TYPE[protocol] | SOCK_CLOEXEC, 0);
  if (fd < 0) throw bindError(address, { code: readErrorName() });
  const name = writeName(address, family);
  // Connections of an earlier tracker that still close do not keep a listener from its address.
  if (protocol === "tcp") setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, isIpv6Only ? 1 : 0);
  const length = family === AF_INET ? 16 : NAME_BYTES;
  const isBound = libc!.bind(fd, ptr(name), length) === 0;
  // Two that may use an address again both bind it; only one of them can listen.
  if (!isBound || (protocol === "tcp" && libc!.listen(fd, 0) !== 0)) {
    const code = readErrorName();
    libc!.close(fd);
    throw bindError(address, { code });
  }
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  libc!.getsockname(fd, ptr(name), ptr(new Uint32Array([NAME_BYTES])));
  return { fd, port: (name[2] << 8) | name[3] };
}

// struct sockaddr_in and sockaddr_in6: family, port, then the address at byte 4 or 8.
function writeName({ host, port, family }: SocketAddress, systemFamily: number): Uint8Array {
  const name = new Uint8Array(NAME_BYTES);
  new Uint16Array(name.buffer)[0] = systemFamily;
  name[2] = port >>> 8;
  name[3] = port;
  const address = new Uint8Array(16);
  const bytes = readAddress(host, address, 0);
  name.set(address.subarray(0, bytes), family === 4 ? 4 : 8);
  return name;
}

function setOption(fd: number, level: number, option: number, value: number): void {
  libc!.setsockopt(fd, level, option, ptr(new Int32Array([value])), 4);
}

function readErrorName(): string {
  return getSystemErrorName(-read.i32(libc!.__errno_location() as Pointer, 0));
}

async function tryAddresses(
  addresses: readonly SocketAddress[],
  protocol: Protocol,
): Promise<AddressClaim> {
  for (const address of addresses) {
    const { host: hostname, port } = address;
    try {
      if (protocol === "udp") (await Bun.udpSocket({ hostname, port })).close();
      else Bun.listen({ hostname, port, exclusive: true, socket: { data() {} } }).stop(true);
    } catch (error) {
      throw bindError(address, error);
    }
  }
  return { addresses, release: () => {} };
}
