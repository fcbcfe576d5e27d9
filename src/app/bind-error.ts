// Explains in one line why a listening address cannot be bound.

import { formatSocketAddress, type SocketAddress } from "./socket-address.ts";
import { StartupError } from "./startup-error.ts";

/** The StartupError for the error that binding a socket to `address`, set by `key`, threw. */
export function bindError(
  address: SocketAddress,
  error: unknown,
  key = "network.address",
): StartupError {
  const { code } = error as NodeJS.ErrnoException;
  const text = formatSocketAddress(address);
  return new StartupError(`${key}: cannot bind ${text}: ${describeBindError(code)}`);
}

function describeBindError(code: string | undefined): string {
  switch (code) {
    case "EADDRINUSE":
      return "the address is in use; stop that program or choose another port";
    case "EADDRNOTAVAIL":
      return "no interface of this machine has the address; 0.0.0.0 and [::] mean all interfaces";
    case "EACCES":
      return (
        "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher port, or start as " +
        "root with privileges.drop_privileges = true"
      );
    default:
      return code ?? "unknown reason";
  }
}
