// The listeners of one socket worker, one for each address. A new certificate takes new listeners
// beside those in service: all of them, or none. Then the old ones stop listening, and their
// connections stay.

import { bindError } from "../../app/bind-error.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import type { Listener } from "./backend.ts";
import type { Certificate } from "./tls.ts";

/**
 * Starts to listen on an address, beside other listeners of it, to replace one of them if it is
 * given.
 */
export type Listen = (
  address: SocketAddress,
  certificate: Certificate | undefined,
  predecessor: Listener | undefined,
) => Listener;

export class Listeners {
  #serving: Listener[] = [];
  #prepared: Listener[] = [];

  constructor(
    private addresses: readonly SocketAddress[],
    private readonly listen: Listen,
  ) {}

  /** The ports, by address. */
  get ports(): number[] {
    return this.addresses.map(({ port }) => port);
  }

  /**
   * Starts to listen with another certificate. If it throws a StartupError, nothing has changed.
   */
  prepare(certificate: Certificate | undefined): void {
    this.abort();
    for (const [index, address] of this.addresses.entries()) {
      try {
        this.#prepared.push(this.listen(address, certificate, this.#serving[index]));
      } catch (error) {
        this.abort();
        throw bindError(address, error);
      }
    }
  }

  /** Replaces the listeners in service by those that were prepared. */
  commit(): void {
    for (const listener of this.#serving) listener.stop(false);
    this.#serving = this.#prepared;
    this.#prepared = [];
    // The first listeners may have chosen the ports.
    this.addresses = this.addresses.map((address, i) => ({
      ...address,
      port: this.#serving[i].port,
    }));
  }

  /** Closes the listeners that were prepared. */
  abort(): void {
    for (const listener of this.#prepared.splice(0)) listener.stop(false);
  }

  /** Closes all listeners and their connections. */
  stop(): void {
    for (const listener of this.#serving) listener.stop(true);
  }
}
