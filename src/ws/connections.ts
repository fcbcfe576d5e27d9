// Which connections are open, their clients' addresses, and which of them accept no more offers:
// shared memory that each worker writes for its own connections and reads for all. The name of a
// connection is its worker and its slot there. Slots are reused, so a generation is kept with each
// name. To the link thread of a cluster, which is the last worker, each other node is a connection.
//
//   slot    [ generation << 2 · full · open | - | - | - | address · address · address · address ]
//
// The address is that of the client behind any trusted proxies: see client-address.ts.

import { ADDRESS_WORDS } from "./client-address.ts";

/** A connection's name, `worker << 24 | slot`, as a signed word. */
export type ConnectionName = number;

/** The number of the link thread of a tracker that is not in a cluster: no worker has it. */
export const NO_LINK = -1;

/** Maximum number of slots of a worker. */
export const MAX_SLOTS = 2 ** 24;

/** Maximum number of connections of other nodes: each has several for a short time. */
const MAX_NODE_CONNECTIONS = 1024;

const SLOT_WORDS = 8;
const ADDRESS = 4;

const OPEN = 1;
const FULL = 2;
const FLAG_BITS = 2;
const GENERATIONS = 2 ** 16;

export function nameConnection(worker: number, slot: number): ConnectionName {
  return (worker << 24) | slot;
}

export function workerOf(name: ConnectionName): number {
  return name >>> 24;
}

export function slotOf(name: ConnectionName): number {
  return name & (MAX_SLOTS - 1);
}

/** Allocates memory for up to `max` connections of each worker. */
export function allocateConnections(workers: number, max: number): SharedArrayBuffer[] {
  return Array.from({ length: workers }, () => new SharedArrayBuffer(max * SLOT_WORDS * 4));
}

/** Allocates memory for the nodes of a cluster. */
export function allocateNodes(): SharedArrayBuffer {
  return allocateConnections(1, MAX_NODE_CONNECTIONS)[0];
}

/** A read-only view of all workers' connections. */
export class Connections {
  readonly #words: readonly Int32Array[];

  constructor(memory: readonly SharedArrayBuffer[]) {
    this.#words = memory.map((buffer) => new Int32Array(buffer));
  }

  /** Whether the connection is still open. */
  isOpen(name: ConnectionName, generation: number): boolean {
    return (this.#state(name) & ~FULL) === ((generation << FLAG_BITS) | OPEN);
  }

  /** Whether it is open and accepts another offer. */
  takesOffers(name: ConnectionName, generation: number): boolean {
    return this.#state(name) === ((generation << FLAG_BITS) | OPEN);
  }

  #state(name: ConnectionName): number {
    return Atomics.load(this.#words[workerOf(name)], slotOf(name) * SLOT_WORDS);
  }
}

/** One worker's own connections. */
export class OwnConnections {
  readonly #words: Int32Array;
  readonly #max: number;
  /** Slots that were used before and are free. */
  readonly #free: number[] = [];
  #fresh = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#max = this.#words.length / SLOT_WORDS;
  }

  /** Whether there is room for another connection. */
  get hasRoom(): boolean {
    return this.#free.length > 0 || this.#fresh < this.#max;
  }

  /** Takes a slot for a connection of the client at `address`. There must be room. */
  open(address: Int32Array): number {
    const slot = this.#free.pop() ?? this.#fresh++;
    const word = slot * SLOT_WORDS;
    this.#words.set(address, word + ADDRESS);
    Atomics.or(this.#words, word, OPEN);
    return slot;
  }

  /** The address of the client whose connection has the slot. */
  address(slot: number): Int32Array {
    const word = slot * SLOT_WORDS + ADDRESS;
    return this.#words.subarray(word, word + ADDRESS_WORDS);
  }

  /** Incremented each time the slot is closed, from 0 to 65,535, then from 0 again. */
  generation(slot: number): number {
    return Atomics.load(this.#words, slot * SLOT_WORDS) >>> FLAG_BITS;
  }

  /** Tells the other workers whether the connection accepts no more offers. */
  setFull(slot: number, isFull: boolean): void {
    const word = slot * SLOT_WORDS;
    if (isFull) Atomics.or(this.#words, word, FULL);
    else Atomics.and(this.#words, word, ~FULL);
  }

  /** Ends the generation and frees the slot. */
  close(slot: number): void {
    const next = (this.generation(slot) + 1) % GENERATIONS;
    Atomics.store(this.#words, slot * SLOT_WORDS, next << FLAG_BITS);
    this.#free.push(slot);
  }
}
