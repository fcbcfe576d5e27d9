// Messages that wait until it is known whether a connection is alive, up to a limit. At the limit,
// the address that has the most gives way, and of its connections the one that has the most, so no
// client can take the room of the others.

import type { Client } from "./client.ts";

/** A waiting message. */
export interface Held {
  readonly client: Client;
  readonly message: Buffer;
  /** Whether it no longer waits. */
  isDropped: boolean;
}

/** Maximum bytes of all waiting messages, and of those of one connection. */
const MAX_BYTES = 16 * 2 ** 20;
const MAX_CLIENT_BYTES = 2 ** 20;
/** What a short message counts: 4,096 of them may wait. */
const MIN_WEIGHT = 4096;

export class HeldMessages {
  readonly #ofClients = new Map<Client, Held[]>();
  readonly #groups = new Scales<number>();
  readonly #clients = new Map<number, Scales<Client>>();

  /** `refuse` is called for each message that gives way. */
  constructor(private readonly refuse: (held: Held) => void) {}

  /** Adds a message. Returns undefined if it would have to give way itself. */
  add(client: Client, message: Buffer): Held | undefined {
    const group = client.addressHash;
    const held = { client, message, isDropped: false };
    const weight = weigh(held);
    if ((this.#clients.get(group)?.weight(client) ?? 0) + weight > MAX_CLIENT_BYTES)
      return undefined;
    while (this.#groups.sum + weight > MAX_BYTES) {
      const other = this.#findToYield(client, weight);
      if (other === undefined) return undefined;
      this.remove(other);
      this.refuse(other);
    }
    const ofClient = this.#ofClients.get(client);
    if (ofClient === undefined) this.#ofClients.set(client, [held]);
    else ofClient.push(held);
    const clients = this.#clients.get(group) ?? new Scales<Client>();
    this.#clients.set(group, clients);
    clients.add(client, weight);
    this.#groups.add(group, weight);
    return held;
  }

  /** Removes a waiting message. */
  remove(held: Held): void {
    const { client } = held;
    const group = client.addressHash;
    held.isDropped = true;
    const ofClient = this.#ofClients.get(client)!;
    ofClient.splice(ofClient.lastIndexOf(held), 1);
    if (ofClient.length === 0) this.#ofClients.delete(client);
    const clients = this.#clients.get(group)!;
    clients.add(client, -weigh(held));
    if (clients.sum === 0) this.#clients.delete(group);
    this.#groups.add(group, -weigh(held));
  }

  // The newest message of the connection that has the most, if that is more than the newcomer would
  // have.
  #findToYield(client: Client, weight: number): Held | undefined {
    const group = client.addressHash;
    const heaviest = this.#groups.heaviest!;
    const isOther = this.#groups.weight(heaviest) > this.#groups.weight(group) + weight;
    const clients = this.#clients.get(isOther ? heaviest : group);
    const other = clients?.heaviest;
    if (clients === undefined || other === undefined) return undefined;
    if (!isOther && clients.weight(other) <= clients.weight(client) + weight) return undefined;
    return this.#ofClients.get(other)!.at(-1);
  }
}

function weigh({ message }: Held): number {
  return Math.max(message.length, MIN_WEIGHT);
}

/** Weights by key, with their sum and the heaviest. */
class Scales<Key> {
  sum = 0;
  readonly #weights = new Map<Key, number>();
  /** Undefined if it must be searched for, because it has become lighter. */
  #heaviest: Key | undefined;

  weight(key: Key): number {
    return this.#weights.get(key) ?? 0;
  }

  add(key: Key, change: number): void {
    const weight = this.weight(key) + change;
    this.sum += change;
    if (weight === 0) this.#weights.delete(key);
    else this.#weights.set(key, weight);
    if (this.#heaviest === undefined) return;
    if (change < 0) this.#heaviest = key === this.#heaviest ? undefined : this.#heaviest;
    else if (weight > this.weight(this.#heaviest)) this.#heaviest = key;
  }

  get heaviest(): Key | undefined {
    if (this.#heaviest !== undefined) return this.#heaviest;
    let max = 0;
    for (const [key, weight] of this.#weights) {
      if (weight <= max) continue;
      max = weight;
      this.#heaviest = key;
    }
    return this.#heaviest;
  }
}
