// Socket addresses as the kernel reads and writes them, in memory shared with it. Used to open
// Linux sockets, and to read the source of a datagram in place.
//
//   struct sockaddr_in               struct sockaddr_in6
//   byte  0  sin_family  2           byte  0  sin6_family   10
//         2  sin_port                      2  sin6_port
//         4  sin_addr                      4  sin6_flowinfo
//         8  8 bytes of padding            8  sin6_addr, 16 bytes
//        16                               24  sin6_scope_id
//                                         28
//
// Ports and addresses are in network order, the other fields in the machine's order.

import type { SocketAddress } from "../../app/socket-address.ts";
import { readAddress } from "../../memory/address.ts";
import type { Bytes } from "../../memory/bytes.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Bytes of the longest name. */
export const NAME_BYTES = 28;
const IPV4_NAME_BYTES = 16;

/** Positions within a name, relative to its first half or word. */
export const NAME = {
  /** Halves. */
  familyHalf: 0,
  portHalf: 1,
  /** Words. */
  ipv4: 1,
  ipv6: 2,
  scope: 6,
} as const;

/** Writes the name of an address at `memory.words[nameWord]` and returns its length in bytes. */
export function writeName(memory: Bytes, nameWord: number, address: SocketAddress): number {
  const { bytes, halves, words } = memory;
  const { family, host, port } = address;
  words.fill(0, nameWord, nameWord + NAME_BYTES / 4);
  halves[nameWord * 2 + NAME.familyHalf] = family === 4 ? AF_INET : AF_INET6;
  halves[nameWord * 2 + NAME.portHalf] = swapHalf(port);
  if (family === 4) {
    const address4 = new Uint8Array(16);
    readAddress(host, address4, 0);
    bytes.set(address4.subarray(0, 4), (nameWord + NAME.ipv4) * 4);
    return IPV4_NAME_BYTES;
  }
  readAddress(host, bytes, (nameWord + NAME.ipv6) * 4);
  return NAME_BYTES;
}

/** The port of the name at `memory.words[nameWord]`, as a number. */
export function readNamePort(memory: Bytes, nameWord: number): number {
  return swapHalf(memory.halves[nameWord * 2 + NAME.portHalf]);
}

function swapHalf(half: number): number {
  return ((half & 0xff) << 8) | (half >>> 8);
}
