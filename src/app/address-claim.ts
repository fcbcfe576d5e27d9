// Holds the listening addresses until the first worker has bound them. Workers share a port by
// SO_REUSEPORT, and would share it with another tracker as well, each then serving part of the
// clients: so each address is first bound by a socket that does not share, which fails when any
// other program has it, and only then opened to the workers. Called by the entries, on the main
// thread.

import { bindError } from "./bind-error.ts";
import { setReusePort } from "./reuse-port.ts";
import type { SocketAddress } from "./socket-address.ts";

export type Protocol = "udp" | "tcp";

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

/** An undocumented flag of Bun.udpSocket. */
export const UDP_IPV6_ONLY = 8;

/** Whether one socket on `[::]` takes IPv4 clients as well: it does where no other would. */
export function isDualStack(addresses: readonly SocketAddress[]): boolean {
  return addresses.length === 1 && addresses[0].host === "::";
}

/**
 * Claims the addresses against all other programs. Throws a StartupError for one that cannot be
 * bound.
 */
export async function claimAddresses(
  addresses: readonly SocketAddress[],
  protocol: Protocol,
): Promise<AddressClaim> {
  const sockets: BoundSocket[] = [];
  const release = (): void => sockets.splice(0).forEach((socket) => socket.close());
  const bind = protocol === "udp" ? bindUdp : bindTcp;
  try {
    for (const address of addresses) sockets.push(await bind(address, !isDualStack(addresses)));
  } catch (error) {
    const refused = addresses[sockets.length];
    release();
    throw bindError(refused, error);
  }
  const claimed = addresses.map((address, index) => ({ ...address, port: sockets[index].port }));
  for (const { fd } of sockets) setReusePort(fd);
  return { addresses: claimed, release };
}

// ---------------------------------------------------------------------------------------------

interface BoundSocket {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

async function bindUdp({ host, port }: SocketAddress, ipv6Only: boolean): Promise<BoundSocket> {
  const options = { hostname: host, port, flags: ipv6Only ? UDP_IPV6_ONLY : 0 };
  const socket = (await Bun.udpSocket(options)) as Bun.udp.Socket<"buffer"> & { fd: number };
  return { fd: socket.fd, port: socket.port, close: () => socket.close() };
}

function bindTcp({ host, port }: SocketAddress, ipv6Only: boolean): BoundSocket {
  const options = { hostname: host, port, exclusive: true, ipv6Only, socket: { data() {} } };
  const listener = Bun.listen(options) as Bun.TCPSocketListener & { fd: number };
  return { fd: listener.fd, port: listener.port, close: () => listener.stop(true) };
}
