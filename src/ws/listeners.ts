// The listeners of one socket worker, one for each address. A new certificate means new ones beside
// those that serve: all of them, or none. Those before stop listening, and their connections live on.

import { bindError } from "../app/bind-error.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import type { Listener } from "./listener.ts";
import type { Certificate } from "./tls.ts";

/** Starts to listen on an address, beside others that do. */
export type Listen = (address: SocketAddress, certificate: Certificate | undefined) => Listener;

export class Listeners {
  #serving: Listener[] = [];
  #prepared: Listener[] = [];

  constructor(
    private addresses: readonly SocketAddress[],
    private readonly listen: Listen,
  ) {}

  /** By address. */
  get ports(): number[] {
    return this.addresses.map(({ port }) => port);
  }

  /** Starts to listen with another certificate. Throws a StartupError, and nothing has changed. */
  prepare(certificate: Certificate | undefined): void {
    this.abort();
    for (const address of this.addresses) {
      try {
        this.#prepared.push(this.listen(address, certificate));
      } catch (error) {
        this.abort();
        throw bindError(address, error);
      }
    }
  }

  /** Puts what was prepared in the place of what served. */
  commit(): void {
    for (const listener of this.#serving) void listener.stop(false);
    this.#serving = this.#prepared;
    this.#prepared = [];
    // The first time may have chosen the ports.
    this.addresses = this.addresses.map((address, i) => ({
      ...address,
      port: this.#serving[i].port!,
    }));
  }

  /** Gives up what was prepared. */
  abort(): void {
    for (const listener of this.#prepared.splice(0)) void listener.stop(false);
  }

  /** Ends all, connections too. */
  stop(): void {
    for (const listener of this.#serving) void listener.stop(true);
  }
}
