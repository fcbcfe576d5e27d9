// Messages that wait until it is known whether a connection is alive: so many and no more. Where there
// is no room, the address that has the most gives way, and of its connections the one that has the
// most: nobody fills it up for the others.

import type { Client } from "./client.ts";

/** A message that waits. */
export interface Held {
  readonly client: Client;
  readonly text: string;
  /** Whether it waits no more. */
  isDropped: boolean;
}

// In characters.
/** What all that wait may weigh, and those of one connection. */
const MOST = 16 * 2 ** 20;
const MOST_EACH = 2 ** 20;
/** What a short one weighs: 4,096 of them may wait. */
const LEAST_WEIGHT = 4096;

export class HeldMessages {
  readonly #ofClients = new Map<Client, Held[]>();
  readonly #groups = new Scales<number>();
  readonly #clients = new Map<number, Scales<Client>>();

  /** `refuse` is called for what has to give way. */
  constructor(private readonly refuse: (held: Held) => void) {}

  /** Takes a message; undefined when it would have to give way itself. */
  add(client: Client, text: string): Held | undefined {
    const group = client.addressHash;
    const held = { client, text, isDropped: false };
    const weight = weigh(held);
    if ((this.#clients.get(group)?.weight(client) ?? 0) + weight > MOST_EACH) return undefined;
    while (this.#groups.sum + weight > MOST) {
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

  /** Lets go of a message that waits. */
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

  // The newest message of whoever has the most, if that is more than the newcomer would have.
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

function weigh({ text }: Held): number {
  return Math.max(text.length, LEAST_WEIGHT);
}

/** Weights by key, and which of them is the heaviest. */
class Scales<Key> {
  sum = 0;
  readonly #weights = new Map<Key, number>();
  /** Undefined when it has to be looked for: after it became lighter. */
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
    let most = 0;
    for (const [key, weight] of this.#weights) {
      if (weight <= most) continue;
      most = weight;
      this.#heaviest = key;
    }
    return this.#heaviest;
  }
}
