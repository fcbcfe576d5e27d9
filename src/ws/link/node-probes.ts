// Questions between nodes whether a peer's connection is alive: see takeovers.ts. The node that
// holds the peer pings the connection as for one of its own workers. The peers of a node that is
// lost are free.
//
//   questions    [ token: 4 | info hash: 20 | peer ID: 20 ] ...
//   answers      [ token: 4 | held: 1 ] ...
//
// Both are gathered for each node, as a client may cause many.

import type { Node } from "../../cluster/members.ts";
import { BATCH_BYTES } from "../../cluster/message.ts";
import type { Table } from "../../swarm/table.ts";
import type { Channels } from "../channel.ts";
import { type ConnectionName, workerOf } from "../connections.ts";
import { ID_WORDS } from "../message/id.ts";
import { readId } from "./change-codec.ts";
import { LINK_KIND } from "./kinds.ts";
import type { Nodes } from "./nodes.ts";
import type { RemotePeers } from "./remote-peers.ts";

const TOKEN_BYTES = 4;
const PEER_WORDS = 2 * ID_WORDS;
const QUESTION_BYTES = TOKEN_BYTES + PEER_WORDS * 4;
const ANSWER_BYTES = TOKEN_BYTES + 1;

/** Milliseconds to wait for an answer: a ping takes five seconds at most. */
const ANSWER_MILLISECONDS = 8000;
/** Questions of other nodes that may wait for a pong. */
const MAX_WAITING = 100_000;

export interface NodeProbesParts {
  readonly nodes: Nodes;
  readonly table: Table;
  readonly peers: RemotePeers;
  readonly channels: Channels;
  readonly send: (node: Node, kind: number, payload: Buffer) => void;
}

/** Questions or answers for one node that have not been sent. */
interface Gathered {
  readonly node: Node;
  readonly kind: number;
  readonly records: Buffer[];
}

/** A question of a worker of this node. */
interface Asked {
  readonly node: Node;
  readonly since: number;
}

export class NodeProbes {
  /** By token, which contains the worker; the oldest first. */
  readonly #asked = new Map<number, Asked>();
  /** Questions of other nodes, by the connection of this one whose pong they wait for. */
  readonly #waiting = new Map<string, { node: Node; token: number }[]>();
  #waitingCount = 0;
  readonly #gathered = new Map<string, Gathered>();
  readonly #peer = new Int32Array(PEER_WORDS);

  constructor(
    private readonly linkWorker: number,
    private readonly parts: NodeProbesParts,
  ) {}

  /** Asks a node at `now`, in milliseconds, about the peer at `words[word]`. */
  ask(
    name: ConnectionName,
    generation: number,
    token: number,
    words: Int32Array,
    word: number,
    now: number,
  ): void {
    const connection = this.parts.nodes.find(name, generation);
    if (connection === undefined) return this.#conclude(token, false);
    const question = Buffer.alloc(QUESTION_BYTES);
    let next = question.writeInt32LE(token);
    for (let i = 0; i < PEER_WORDS; i++) next = question.writeInt32LE(words[word + i], next);
    this.#asked.set(token, { node: connection.node, since: now });
    this.#gather(connection.node, LINK_KIND.probe, question);
  }

  /** Takes a node's answers. Returns false if they are none. */
  receiveAnswers(from: Node, payload: Buffer): boolean {
    if (payload.length === 0 || payload.length % ANSWER_BYTES !== 0) return false;
    for (let next = 0; next < payload.length; next += ANSWER_BYTES) {
      const token = payload.readInt32LE(next);
      if (this.#asked.get(token)?.node !== from) continue;
      this.#conclude(token, payload[next + TOKEN_BYTES] !== 0);
    }
    return true;
  }

  /** Sends the questions and answers that wait. */
  flush(): void {
    for (const { kind, node, records } of this.#gathered.values()) {
      const most = Math.floor(BATCH_BYTES / records[0].length);
      for (let first = 0; first < records.length; first += most) {
        this.parts.send(node, kind, Buffer.concat(records.slice(first, first + most)));
      }
    }
    this.#gathered.clear();
  }

  /** A node is lost: it holds no peer any more. Its connection is closed already. */
  lose(node: Node): void {
    for (const [key, gathered] of this.#gathered) {
      if (gathered.node === node) this.#gathered.delete(key);
    }
    for (const [token, asked] of this.#asked) if (asked.node === node) this.#conclude(token, false);
  }

  /** Gives up questions that are not answered by `now`, in milliseconds: the peer stays. */
  expire(now: number): void {
    for (const [token, { since }] of this.#asked) {
      if (now - since < ANSWER_MILLISECONDS) return;
      this.#conclude(token, true);
    }
  }

  /** Takes the questions of another node. Returns false if they are none. */
  receiveQuestions(from: Node, payload: Buffer): boolean {
    if (payload.length === 0 || payload.length % QUESTION_BYTES !== 0) return false;
    for (let next = 0; next < payload.length; next += QUESTION_BYTES) {
      readId(payload, next + TOKEN_BYTES, this.#peer, 0);
      readId(payload, next + TOKEN_BYTES + ID_WORDS * 4, this.#peer, ID_WORDS);
      this.#takeQuestion(from, payload.readInt32LE(next));
    }
    return true;
  }

  /** Takes the answer of a worker whether one of its connections is alive. */
  conclude(name: ConnectionName, generation: number, isAlive: boolean): void {
    const key = keyOf(name, generation);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.#waitingCount -= waiting.length;
    for (const { node, token } of waiting) this.#answer(node, token, isAlive);
  }

  #takeQuestion(from: Node, token: number): void {
    const { channels, nodes, peers, table } = this.parts;
    if (!peers.find(this.#peer, 0, ID_WORDS)) return this.#answer(from, token, false);
    const { connection, generation } = table.result;
    const worker = workerOf(connection);
    if (worker === this.linkWorker) {
      // It has moved on, perhaps to the node that asks.
      return this.#answer(from, token, nodes.find(connection, generation)?.node !== from);
    }
    if (this.#waitingCount >= MAX_WAITING) return this.#answer(from, token, true);
    this.#waitingCount++;
    const key = keyOf(connection, generation);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push({ node: from, token });
    } else {
      this.#waiting.set(key, [{ node: from, token }]);
      channels.probe(worker, connection, generation);
    }
  }

  #answer(node: Node, token: number, isHeld: boolean): void {
    const answer = Buffer.alloc(ANSWER_BYTES);
    answer[answer.writeInt32LE(token)] = Number(isHeld);
    this.#gather(node, LINK_KIND.probed, answer);
  }

  #gather(node: Node, kind: number, record: Buffer): void {
    const key = `${kind} ${node.session}`;
    const gathered = this.#gathered.get(key);
    if (gathered === undefined) this.#gathered.set(key, { kind, node, records: [record] });
    else gathered.records.push(record);
  }

  #conclude(token: number, isHeld: boolean): void {
    this.#asked.delete(token);
    this.parts.channels.concludeNode(token >>> 24, token, isHeld);
  }
}

function keyOf(name: ConnectionName, generation: number): string {
  return `${name} ${generation}`;
}
