// The other nodes of a cluster as connections of the link thread, so that their peers have a
// connection as any others do: it is open as long as the node is here.

import type { Node } from "../../cluster/members.ts";
import {
  type ConnectionName,
  nameConnection,
  type OwnConnections,
  slotOf,
} from "../connections.ts";
import { ADDRESS_WORDS } from "../client-address.ts";
import { RelayWriter } from "./relay-codec.ts";

const NO_ADDRESS = new Int32Array(ADDRESS_WORDS);

/** A connection of a node that is here. */
export interface NodeConnection {
  readonly node: Node;
  readonly name: ConnectionName;
  readonly generation: number;
  /** The offers and answers for the node's clients that have not been sent. */
  readonly relays: RelayWriter;
}

export class Nodes {
  /** By session, the newest connection last. */
  readonly #nodes = new Map<string, NodeConnection[]>();
  /** By slot. */
  readonly #slots: (NodeConnection | undefined)[] = [];

  constructor(
    private readonly linkWorker: number,
    private readonly own: OwnConnections,
  ) {}

  /**
   * Gives a node a new connection, for peers that it tells of from now on. Those that it had stay
   * open until `settle`. Returns false if there is no room.
   */
  open(node: Node): boolean {
    if (!this.own.hasRoom) return false;
    const slot = this.own.open(NO_ADDRESS);
    const name = nameConnection(this.linkWorker, slot);
    const generation = this.own.generation(slot);
    const former = this.#nodes.get(node.session) ?? [];
    const relays = former[0]?.relays ?? new RelayWriter();
    const connection = { node, name, generation, relays };
    this.#nodes.set(node.session, [...former, connection]);
    this.#slots[slot] = connection;
    return true;
  }

  /** Closes all connections of a node but the newest: all peers that it has are of that one now. */
  settle(node: Node): void {
    const connections = this.#nodes.get(node.session);
    if (connections === undefined) return;
    for (const connection of connections.splice(0, connections.length - 1)) this.#free(connection);
  }

  /** Closes all connections of a node. */
  close(node: Node): void {
    for (const connection of this.#nodes.get(node.session) ?? []) this.#free(connection);
    this.#nodes.delete(node.session);
  }

  /** The newest connection of a node. */
  of(node: Node): NodeConnection | undefined {
    return this.#nodes.get(node.session)?.at(-1);
  }

  /** The connection with the name, unless it is closed. */
  find(name: ConnectionName, generation: number): NodeConnection | undefined {
    const connection = this.#slots[slotOf(name)];
    return connection?.generation === generation ? connection : undefined;
  }

  /** One connection of each node. */
  *[Symbol.iterator](): Iterator<NodeConnection> {
    for (const connections of this.#nodes.values()) yield connections[0];
  }

  /** Lets the nodes get no offers, or get them again. */
  setFull(isFull: boolean): void {
    for (const connections of this.#nodes.values()) {
      for (const { name } of connections) this.own.setFull(slotOf(name), isFull);
    }
  }

  #free({ name }: NodeConnection): void {
    const slot = slotOf(name);
    this.#slots[slot] = undefined;
    this.own.close(slot);
  }
}
