// The open connections of one socket worker, by their slots.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import type { AddressLimits } from "./address-limits.ts";
import { Client } from "./client.ts";
import { ADDRESS_WORDS, readAddressWords } from "./client-address.ts";
import { type ConnectionName, nameConnection, type OwnConnections, slotOf } from "./connections.ts";
import { responseCounters } from "./response-counters.ts";
import type { Socket } from "./socket/backend.ts";

export class Clients {
  readonly #clients: (Client | undefined)[] = [];
  readonly #address = new Int32Array(ADDRESS_WORDS);

  constructor(
    private readonly worker: number,
    private readonly connections: OwnConnections,
    private readonly limits: AddressLimits,
    private readonly counters: Counters,
  ) {}

  /** Slots that have been used so far. */
  get slots(): number {
    return this.#clients.length;
  }

  /** The client in a slot, if there is one. */
  at(slot: number): Client | undefined {
    return this.#clients[slot];
  }

  /** The client with a name of this worker, unless it is gone. */
  find(name: ConnectionName, generation: number): Client | undefined {
    const client = this.#clients[slotOf(name)];
    return client?.generation === generation ? client : undefined;
  }

  /** Whether there are as many connections as there may be. */
  get isFull(): boolean {
    return !this.connections.hasRoom;
  }

  /** Whether the client at `address` may open another connection. */
  hasRoom(address: string): boolean {
    readAddressWords(address, this.#address);
    return !this.isFull && this.limits.hasRoom(this.limits.hash(this.#address));
  }

  /** Adds a connection of the client at `address`, for which there is room, at second `now`. */
  open(socket: Socket, address: string, now: number): Client {
    readAddressWords(address, this.#address);
    const slot = this.connections.open(this.#address);
    const name = nameConnection(this.worker, slot);
    const hash = this.limits.hash(this.#address);
    this.limits.addConnection(hash);
    const generation = this.connections.generation(slot);
    const responses = responseCounters(this.#address);
    const client = new Client(socket, name, generation, hash, responses, now);
    this.#clients[slot] = client;
    this.counters.add(COUNTER.connections, 1);
    return client;
  }

  /**
   * Removes a connection. `removePeers` is called while nobody can find the client any more, but
   * its slot is still in use. Returns false if it was removed before.
   */
  close(client: Client, removePeers: () => void): boolean {
    const slot = slotOf(client.name);
    if (this.#clients[slot] !== client) return false;
    this.#clients[slot] = undefined;
    removePeers();
    this.limits.removeConnection(client.addressHash);
    this.connections.close(slot);
    this.counters.add(COUNTER.connections, -1);
    this.counters.add(client.closeCounter, 1);
    return true;
  }
}
