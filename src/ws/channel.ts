// What socket workers send to each other: offers and answers for connections of another worker, and
// questions whether one of its connections is alive. Between any two workers there is a ring in shared
// memory each way. Nothing here waits: an offer or an answer for which there is no room is dropped.

import { doorbellWord } from "../app/control.ts";
import { wakeWorker } from "../app/wake-event.ts";
import { RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import type { ConnectionName } from "./connections.ts";
import type { Kind } from "./deliveries.ts";
import type { Draft } from "./message/draft.ts";

// A message in a ring, in words:
//
//   [ kind | connection | generation | value | payload ... ]
//
// `value` is the number of payload bytes, or the worker that asks.

const HEAD_WORDS = 4;

/** Kinds of messages beside those of deliveries. */
const QUESTION = {
  /** Is this connection alive? */
  probe: 3,
  /** It is. */
  alive: 4,
  /** It is not, and has been closed. */
  gone: 5,
} as const;

type Question = (typeof QUESTION)[keyof typeof QUESTION];

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
  const longest = HEAD_WORDS + Math.ceil((maxMessageBytes + MAX_ADDED_BYTES) / 4);
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
      return { ring, bytes: Buffer.from(buffer), unpublished: 0, waiting: [] };
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
    to.ring.commit(words);
    to.unpublished++;
    if (to.unpublished >= this.settings.maxGathered) this.#publish(worker, to);
    return true;
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
   * Makes all that was sent visible to the other workers, and wakes those that sleep. Returns false if
   * there was no room for a question: it waits for the next flush.
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

  /** Passes all that other workers have sent to `receiver`. */
  receive(receiver: ChannelReceiver): void {
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
    return to.waiting.length === 0;
  }

  #publish(worker: number, to: Sending): void {
    to.ring.publish();
    to.unpublished = 0;
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

function receiveMessage({ bytes, ring }: Receiving, word: number, receiver: ChannelReceiver): void {
  const kind = ring.words[word];
  const name = ring.words[word + 1];
  const generation = ring.words[word + 2];
  const value = ring.words[word + 3];
  if (kind === QUESTION.probe) receiver.probe(name, generation, value);
  else if (kind === QUESTION.alive) receiver.conclude(name, generation, true);
  else if (kind === QUESTION.gone) receiver.conclude(name, generation, false);
  else receiver.relay(name, generation, kind as Kind, bytes, (word + HEAD_WORDS) * 4, value);
}
