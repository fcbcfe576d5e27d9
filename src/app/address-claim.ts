// Holds the listening addresses until the first worker has bound them. Workers share a port with
// SO_REUSEPORT, and would share it with another tracker as well, each serving some of the clients.
// So each address is first bound by a socket that does not share, which fails if another program
// has the address, and is opened to the workers afterwards. The entries call this on the main
// thread.

import { bindError } from "./bind-error.ts";
import { setReusePort } from "./reuse-port.ts";
import type { SocketAddress } from "./socket-address.ts";

export type Protocol = "udp" | "tcp";

/** The claimed addresses of one tracker. */
export interface AddressClaim {
  /** The addresses, with the ports that the system chose for port 0. */
  readonly addresses: readonly SocketAddress[];
  /**
   * Closes the claim's sockets, once a worker has bound the addresses: its sockets keep other
   * programs away, and requests that reach the claim's own sockets are lost. May be called again.
   */
  readonly release: () => void;
}

/** An undocumented flag of Bun.udpSocket. */
export const UDP_IPV6_ONLY = 8;

/**
 * Whether a socket on `[::]` accepts IPv4 clients too: only if it is the single listening address.
 */
export function isDualStack(addresses: readonly SocketAddress[]): boolean {
  return addresses.length === 1 && addresses[0].host === "::";
}

/**
 * Claims the addresses, set by `key`, against all other programs. Throws a StartupError if one
 * cannot be bound.
 */
export async function claimAddresses(
  addresses: readonly SocketAddress[],
  protocol: Protocol,
  key = "network.address",
): Promise<AddressClaim> {
  const sockets: BoundSocket[] = [];
  const release = (): void => sockets.splice(0).forEach((socket) => socket.close());
  const bind = protocol === "udp" ? bindUdp : bindTcp;
  try {
    for (const address of addresses) sockets.push(await bind(address, !isDualStack(addresses)));
  } catch (error) {
    const refused = addresses[sockets.length];
    release();
    throw bindError(refused, error, key);
  }
  const claimed = addresses.map((address, index) => ({ ...address, port: sockets[index].port }));
  // Where sockets cannot share a port (Windows), the claim ends before the worker binds it.
  if (!sockets.every(({ fd }) => setReusePort(fd))) release();
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
