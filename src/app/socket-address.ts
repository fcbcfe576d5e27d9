// Listening addresses as text, `127.0.0.1:3000` or `[::1]:3000`: read from the configuration,
// written to the log. Host names are not allowed, so nothing is resolved at start-up.

import { isIPv4, isIPv6 } from "node:net";
import { readAddress, writeAddress } from "../memory/address.ts";

export interface SocketAddress {
  /** The address alone, without brackets, in its canonical spelling. */
  readonly host: string;
  /** 0 asks the kernel for any free port. */
  readonly port: number;
  readonly family: 4 | 6;
}

/** Whether a socket at this address receives packets for every address of the host. */
export function isWildcard({ host }: SocketAddress): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Reads `IPv4:port` or `[IPv6]:port`. Throws a RangeError that says what is allowed. */
export function parseSocketAddress(text: string): SocketAddress {
  const match = /^(?:\[([^\]%]+)\]|([^:[\]]+)):(0|[1-9]\d{0,4})$/.exec(text);
  const [, ipv6 = "", ipv4 = ""] = match ?? [];
  const port = Number(match?.[3]);
  if (!(port <= 65535) || !(isIPv6(ipv6) || isIPv4(ipv4))) {
    throw new RangeError(
      `must be 'IPv4:port' or '[IPv6]:port' with a port from 0 to 65535, not '${text}'`,
    );
  }
  if (ipv4 !== "") return { host: ipv4, port, family: 4 };
  const bytes = new Uint8Array(16);
  if (readAddress(ipv6, bytes, 0) === 4) {
    throw new RangeError(`must give IPv4 addresses as 'IPv4:port', not as '${text}'`);
  }
  return { host: writeAddress(bytes, 0, 16), port, family: 6 };
}

/** Formats an address in the canonical spelling that `parseSocketAddress` reads. */
export function formatSocketAddress(address: SocketAddress): string {
  const { host, port, family } = address;
  return family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
