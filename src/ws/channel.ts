// What socket workers send to each other: offers and answers for connections of another worker, and
// questions whether one of its connections is alive. Between any two workers there is a ring in
// shared memory each way. Nothing here waits: an offer or an answer for which there is no room is
// dropped.
//
// In a cluster, the link thread is one more worker, whose connections are the other nodes. It also
// gets what the other nodes must know: changes of peers, and questions about a peer that one of
// them holds.

import { doorbellWord } from "../app/control.ts";
import { wakeWorker } from "../app/wake-event.ts";
import { RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import { ANNOUNCE } from "../swarm/layout.ts";
import type { ConnectionName } from "./connections.ts";
import { KIND, type Kind, ROUTE } from "./deliveries.ts";
import type { Draft } from "./message/draft.ts";
import { ID_WORDS } from "./message/id.ts";

// A message in a ring, in words:
//
//   [ kind | connection | generation | value | payload ... ]
//
// `value` is the number of payload bytes, the worker that asks, the flags of a change, or the token
// of a question. The payload of an offer or an answer for another node begins with its route. That
// of a change or a question is an info hash and a peer ID.

const HEAD_WORDS = 4;
const PEER_WORDS = 2 * ID_WORDS;

/** Kinds of messages beside those of deliveries. */
const QUESTION = {
  /** Is this connection alive? */
  probe: 3,
  /** It is. */
  alive: 4,
  /** It is not, and has been closed. */
  gone: 5,
} as const;

type Question =
  | (typeof QUESTION)[keyof typeof QUESTION]
  | typeof NODE_KIND.alive
  | typeof NODE_KIND.gone;

/** Kinds of messages between a worker and the link thread, beside those. */
const NODE_KIND = {
  /** A peer has changed. */
  change: 6,
  /** Does the node still hold this peer? */
  probe: 7,
  /** It does. */
  alive: 8,
  /** It does not. */
  gone: 9,
} as const;

/** Added to the kind of an offer or an answer for another node. */
const TO_NODE = 16;

/** What a worker does with what it receives. */
export interface ChannelReceiver {
  /** Takes the message of `length` bytes at `bytes[start]` for a connection of this worker. */
  relay(
    name: ConnectionName,
    generation: number,
    kind: Kind,
    bytes: Buffer,
    start: number,
    length: number,
  ): void;
  /** Finds out for the worker `asker` whether a connection of this worker is alive. */
  probe(name: ConnectionName, generation: number, asker: number): void;
  /** Takes the answer to a probe of a connection of another worker. */
  conclude(name: ConnectionName, generation: number, isAlive: boolean): void;
  /** Takes the answer to the question `token` whether another node holds a peer. */
  concludeNode?(token: number, isHeld: boolean): void;
}

/** What the link thread does with what it receives, beside that. */
export interface LinkReceiver extends ChannelReceiver {
  /**
   * Takes the message of `length` bytes at `bytes[start]` for a node; `words[route]` is its route.
   */
  relayToNode(
    name: ConnectionName,
    generation: number,
    kind: Kind,
    words: Int32Array,
    route: number,
    bytes: Buffer,
    start: number,
    length: number,
  ): void;
  /** A peer has changed: its flags as in an announce, and at `words[word]` its info hash and ID. */
  change(flags: number, words: Int32Array, word: number): void;
  /** Finds out whether a node still holds the peer whose info hash and ID are at `words[word]`. */
  probeNode(
    name: ConnectionName,
    generation: number,
    token: number,
    words: Int32Array,
    word: number,
  ): void;
}

/** Words of all rings together, up to which a ring has the largest useful size. */
const TOTAL_WORDS = 2 ** 24;
const MAX_RING_WORDS = 2 ** 20;
const MIN_RING_WORDS = 2 ** 17;
/** The longest text that the tracker adds to what a client wrote. */
const MAX_ADDED_BYTES = 4096;

/** By sender, then by receiver: the memory of a ring. */
export type ChannelMemory = readonly (readonly (SharedArrayBuffer | undefined)[])[];

/**
 * Reserves the rings of `workers` workers, which take any message of `maxMessageBytes`. Throws a
 * RangeError if the system does not grant them.
 */
export function allocateChannels(workers: number, maxMessageBytes: number): ChannelMemory {
  const share = 2 ** Math.floor(Math.log2(TOTAL_WORDS / workers ** 2));
  const longest = HEAD_WORDS + ROUTE.words + Math.ceil((maxMessageBytes + MAX_ADDED_BYTES) / 4);
  const needed = 2 ** Math.ceil(Math.log2(2 * longest + 2));
  const words = Math.max(needed, MIN_RING_WORDS, Math.min(MAX_RING_WORDS, share));
  const others = Array.from({ length: workers }, (_, worker) => worker);
  return others.map((sender) =>
    others.map((receiver) =>
      sender === receiver ? undefined : new SharedArrayBuffer(ringWords(words) * 4),
    ),
  );
}

/** The ring to another worker. */
interface Sending {
  readonly ring: RingWriter;
  readonly bytes: Buffer;
  /** Messages that have not been published. */
  unpublished: number;
  /** Whether the other worker has to be woken for one of them. */
  isUrgent: boolean;
  /** Questions and answers for which there was no room: none is lost. */
  readonly waiting: [kind: Question, name: ConnectionName, generation: number, value: number][];
}

/** The ring from another worker. */
interface Receiving {
  readonly ring: RingReader;
  readonly bytes: Buffer;
}

export interface ChannelSettings {
  readonly worker: number;
  /** Messages that are gathered for another worker before it is woken. */
  readonly maxGathered: number;
  /** By worker: the event that wakes it, see wake-event.ts. */
  readonly wakeEvents: readonly number[];
}

/** One worker's ends of all its rings. */
export class Channels {
  readonly #sending: readonly (Sending | undefined)[];
  readonly #receiving: readonly Receiving[];

  constructor(
    memory: ChannelMemory,
    private readonly settings: ChannelSettings,
    private readonly control: Int32Array,
  ) {
    const { worker } = settings;
    this.#sending = memory[worker].map((buffer) => {
      if (buffer === undefined) return undefined;
      const ring = new RingWriter(new Int32Array(buffer), 0, capacityOf(buffer));
      return { ring, bytes: Buffer.from(buffer), unpublished: 0, isUrgent: false, waiting: [] };
    });
    this.#receiving = memory.flatMap((row) => {
      const buffer = row[worker];
      if (buffer === undefined) return [];
      const ring = new RingReader(new Int32Array(buffer), 0, capacityOf(buffer));
      return [{ ring, bytes: Buffer.from(buffer) }];
    });
  }

  /** Sends the draft to a connection of another worker. Returns false if there is no room. */
  relay(
    worker: number,
    name: ConnectionName,
    generation: number,
    kind: Kind,
    draft: Draft,
  ): boolean {
    const to = this.#sending[worker]!;
    const words = HEAD_WORDS + ((draft.length + 3) >> 2);
    const word = to.ring.reserve(words);
    if (word < 0) return false;
    writeHead(to.ring, word, kind, name, generation, draft.length);
    draft.bytes.copy(to.bytes, (word + HEAD_WORDS) * 4, 0, draft.length);
    this.#commit(worker, to, words, true);
    return true;
  }

  /** Sends the draft to a node by the link thread. Returns false if there is no room. */
  relayToNode(
    worker: number,
    name: ConnectionName,
    generation: number,
    kind: Kind,
    route: Int32Array,
    draft: Draft,
  ): boolean {
    const to = this.#sending[worker]!;
    const words = HEAD_WORDS + ROUTE.words + ((draft.length + 3) >> 2);
    const word = to.ring.reserve(words);
    if (word < 0) return false;
    writeHead(to.ring, word, TO_NODE + kind, name, generation, draft.length);
    const payload = word + HEAD_WORDS;
    for (let i = 0; i < ROUTE.words; i++) to.ring.words[payload + i] = route[i];
    draft.bytes.copy(to.bytes, (payload + ROUTE.words) * 4, 0, draft.length);
    this.#commit(worker, to, words, true);
    return true;
  }

  /**
   * Tells the link thread that the peer of an announce (see ANNOUNCE) has changed. It looks for
   * changes itself, and is woken only for many. Returns false if there is no room.
   */
  change(worker: number, request: Int32Array): boolean {
    const to = this.#sending[worker]!;
    const word = to.ring.reserve(HEAD_WORDS + PEER_WORDS);
    if (word < 0) return false;
    writeHead(to.ring, word, NODE_KIND.change, 0, 0, request[ANNOUNCE.flags]);
    writePeer(to.ring, word, request);
    this.#commit(worker, to, HEAD_WORDS + PEER_WORDS, false);
    return true;
  }

  /**
   * Asks the link thread whether a node still holds the peer of an announce (see ANNOUNCE). Returns
   * false if there is no room.
   */
  probeNode(
    worker: number,
    name: ConnectionName,
    generation: number,
    token: number,
    request: Int32Array,
  ): boolean {
    const to = this.#sending[worker]!;
    const word = to.ring.reserve(HEAD_WORDS + PEER_WORDS);
    if (word < 0) return false;
    writeHead(to.ring, word, NODE_KIND.probe, name, generation, token);
    writePeer(to.ring, word, request);
    this.#commit(worker, to, HEAD_WORDS + PEER_WORDS, true);
    return true;
  }

  /** Tells a worker that asked the link thread whether the node still holds the peer. */
  concludeNode(worker: number, token: number, isHeld: boolean): void {
    this.#post(worker, isHeld ? NODE_KIND.alive : NODE_KIND.gone, 0, 0, token);
  }

  /** Asks another worker whether one of its connections is alive. */
  probe(worker: number, name: ConnectionName, generation: number): void {
    this.#post(worker, QUESTION.probe, name, generation, this.settings.worker);
  }

  /** Tells the worker that asked whether a connection of this worker is alive. */
  conclude(worker: number, name: ConnectionName, generation: number, isAlive: boolean): void {
    this.#post(worker, isAlive ? QUESTION.alive : QUESTION.gone, name, generation, 0);
  }

  /**
   * Makes all that was sent visible to the other workers, and wakes those that sleep. Returns false
   * if there was no room for a question: it waits for the next flush.
   */
  flush(): boolean {
    let isAllSent = true;
    for (let worker = 0; worker < this.#sending.length; worker++) {
      const to = this.#sending[worker];
      if (to === undefined) continue;
      if (to.waiting.length > 0 && !this.#retry(to)) isAllSent = false;
      if (to.unpublished > 0) this.#publish(worker, to);
    }
    return isAllSent;
  }

  /** Whether other workers have sent anything. */
  get hasMessages(): boolean {
    return this.#receiving.some(({ ring }) => ring.peek() >= 0);
  }

  /** Passes all that other workers have sent to `receiver`: on the link thread, a LinkReceiver. */
  receive(receiver: ChannelReceiver | LinkReceiver): void {
    for (const from of this.#receiving) {
      const { ring } = from;
      for (let word = ring.peek(); word >= 0; word = ring.peek()) {
        receiveMessage(from, word, receiver);
        ring.advance();
        ring.release();
      }
    }
  }

  #post(
    worker: number,
    kind: Question,
    name: ConnectionName,
    generation: number,
    value: number,
  ): void {
    this.#sending[worker]!.waiting.push([kind, name, generation, value]);
  }

  // Returns false if there was no room for all that waits.
  #retry(to: Sending): boolean {
    let sent = 0;
    for (const [kind, name, generation, value] of to.waiting) {
      const word = to.ring.reserve(HEAD_WORDS);
      if (word < 0) break;
      writeHead(to.ring, word, kind, name, generation, value);
      to.ring.commit(HEAD_WORDS);
      sent++;
    }
    to.waiting.splice(0, sent);
    to.unpublished += sent;
    to.isUrgent = true;
    return to.waiting.length === 0;
  }

  #commit(worker: number, to: Sending, words: number, isUrgent: boolean): void {
    to.ring.commit(words);
    to.unpublished++;
    const isMany = to.unpublished >= this.settings.maxGathered;
    to.isUrgent ||= isUrgent || isMany;
    if (isMany) this.#publish(worker, to);
  }

  #publish(worker: number, to: Sending): void {
    to.ring.publish();
    to.unpublished = 0;
    if (!to.isUrgent) return;
    to.isUrgent = false;
    wakeWorker(this.control, doorbellWord(worker), this.settings.wakeEvents[worker]);
  }
}

function capacityOf(buffer: SharedArrayBuffer): number {
  return buffer.byteLength / 4 - ringWords(0);
}

function writeHead(
  { words }: RingWriter,
  word: number,
  kind: number,
  name: ConnectionName,
  generation: number,
  value: number,
): void {
  words[word] = kind;
  words[word + 1] = name;
  words[word + 2] = generation;
  words[word + 3] = value;
}

/** Writes the info hash and the ID of the peer of an announce, which are side by side in it. */
function writePeer({ words }: RingWriter, word: number, request: Int32Array): void {
  for (let i = 0; i < PEER_WORDS; i++) {
    words[word + HEAD_WORDS + i] = request[ANNOUNCE.infoHash + i];
  }
}

function receiveMessage(
  from: Receiving,
  word: number,
  receiver: ChannelReceiver | LinkReceiver,
): void {
  const { bytes, ring } = from;
  const kind = ring.words[word];
  const name = ring.words[word + 1];
  const generation = ring.words[word + 2];
  const value = ring.words[word + 3];
  const payload = word + HEAD_WORDS;
  if (kind <= KIND.offer) {
    receiver.relay(name, generation, kind as Kind, bytes, payload * 4, value);
  } else if (kind === QUESTION.probe) receiver.probe(name, generation, value);
  else if (kind === QUESTION.alive) receiver.conclude(name, generation, true);
  else if (kind === QUESTION.gone) receiver.conclude(name, generation, false);
  else if (kind === NODE_KIND.alive) receiver.concludeNode?.(value, true);
  else if (kind === NODE_KIND.gone) receiver.concludeNode?.(value, false);
  else if ("change" in receiver) receiveForNode(from, word, receiver);
}

function receiveForNode({ bytes, ring }: Receiving, word: number, receiver: LinkReceiver): void {
  const { words } = ring;
  const kind = words[word];
  const name = words[word + 1];
  const generation = words[word + 2];
  const value = words[word + 3];
  const payload = word + HEAD_WORDS;
  if (kind === NODE_KIND.change) return receiver.change(value, words, payload);
  if (kind === NODE_KIND.probe) return receiver.probeNode(name, generation, value, words, payload);
  const text = (payload + ROUTE.words) * 4;
  const relayed = (kind - TO_NODE) as Kind;
  receiver.relayToNode(name, generation, relayed, words, payload, bytes, text, value);
}
