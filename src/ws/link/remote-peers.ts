// The peers of other nodes, as the link thread puts them into the table. They are like all others,
// but their connection is that of their node.

import type { Counters } from "../../app/counters.ts";
import { COUNTER } from "../../app/metrics.ts";
import { tickOf } from "../../memory/clock.ts";
import type { Node } from "../../cluster/members.ts";
import type { AccessList } from "../../swarm/access-list.ts";
import {
  ANNOUNCE,
  FLAG_MERGE,
  FLAG_SEEDER,
  FLAG_STOPPED,
  FLAG_TAKE_OVER,
} from "../../swarm/layout.ts";
import { PEER_HELD, type Table, TABLE_FULL } from "../../swarm/table.ts";
import { type Connections, workerOf } from "../connections.ts";
import { ID_WORDS } from "../message/id.ts";
import type { NodeConnection, Nodes } from "./nodes.ts";

const NO_PEERS = new Uint16Array(0);

export interface RemotePeersParts {
  readonly table: Table;
  readonly connections: Connections;
  readonly nodes: Nodes;
  readonly access: AccessList;
  readonly counters: Counters;
}

export class RemotePeers {
  readonly #request = new Int32Array(ANNOUNCE.words);
  /** By node that holds peers, the nodes that were refused some of them. */
  readonly #refused = new Map<Node, Set<Node>>();

  constructor(
    private readonly linkWorker: number,
    private readonly parts: RemotePeersParts,
  ) {}

  /**
   * Carries out a change of the peer whose info hash is at `words[infoHash]` and whose ID is at
   * `words[peer]`: at second `second`, which may be negative, it announced itself to the node with
   * these flags, FLAG_MERGE among them if that may be older than what is known.
   */
  change(
    { generation, name, node }: NodeConnection,
    words: Int32Array,
    infoHash: number,
    peer: number,
    flags: number,
    second: number,
  ): void {
    const { access, counters, table } = this.parts;
    const request = this.#request;
    this.#readPeer(words, infoHash, peer);
    if (!access.allows(request, ANNOUNCE.infoHash)) return;
    request[ANNOUNCE.peer + ID_WORDS] = name;
    request[ANNOUNCE.peer + ID_WORDS + 1] = generation;
    request[ANNOUNCE.numwant] = 0;
    const own = flags & (FLAG_SEEDER | FLAG_STOPPED);
    request[ANNOUNCE.flags] = own | (flags & FLAG_MERGE);
    table.hashAnnounce(request, 0);
    const tick = tickOf(second);
    let result = table.announce(request, 0, tick, NO_PEERS, 0);
    if (result === PEER_HELD) {
      if (!this.#mayTakeOver(node, flags)) return;
      request[ANNOUNCE.flags] = own | FLAG_TAKE_OVER;
      result = table.announce(request, 0, tick, NO_PEERS, 0);
    }
    if (result === TABLE_FULL) counters.add(COUNTER.tableFull, 1);
  }

  /**
   * Looks up the peer whose info hash is at `words[infoHash]` and whose ID is at `words[peer]`.
   * Returns whether its connection is open, and leaves that in `table.result`.
   */
  find(words: Int32Array, infoHash: number, peer: number): boolean {
    const { connections, table } = this.parts;
    this.#readPeer(words, infoHash, peer);
    table.hashAnnounce(this.#request, 0);
    if (!table.findPeer(this.#request, 0)) return false;
    return connections.isOpen(table.result.connection, table.result.generation);
  }

  /**
   * Forgets a node that is lost. Returns the nodes that were refused some of its peers: it may have
   * restarted, and its clients came back, before this was noticed.
   */
  lose(node: Node): Iterable<Node> {
    const refused = this.#refused.get(node) ?? new Set();
    this.#refused.delete(node);
    for (const nodes of this.#refused.values()) nodes.delete(node);
    return refused;
  }

  // Whether a node may take over the peer whose holder is in the table's result. As on one machine,
  // a peer stays where its connection is open. But a node that takes a peer over from another one
  // knows that the connection there is dead; and a node may have an older connection.
  #mayTakeOver(node: Node, flags: number): boolean {
    const { connections, nodes, table } = this.parts;
    const { connection, generation } = table.result;
    if (!connections.isOpen(connection, generation)) return true;
    if (workerOf(connection) !== this.linkWorker) return false;
    const holder = nodes.find(connection, generation)!.node;
    if ((flags & FLAG_TAKE_OVER) !== 0 || holder === node) return true;
    const refused = this.#refused.get(holder);
    if (refused === undefined) this.#refused.set(holder, new Set([node]));
    else refused.add(node);
    return false;
  }

  #readPeer(words: Int32Array, infoHash: number, peer: number): void {
    const request = this.#request;
    for (let i = 0; i < ID_WORDS; i++) {
      request[ANNOUNCE.infoHash + i] = words[infoHash + i];
      request[ANNOUNCE.peer + i] = words[peer + i];
    }
  }
}
