// The messages of one turn of the event loop for the clients of a worker, as the frames that go on
// the wire (RFC 6455, 5.2). They are written one behind the other into the same memory, and those
// of one client are chained. At the end of the turn the messages of each client leave in one write.
// So clients need no memory of their own, except those that do not read: see outbox.ts.

import type { Kind } from "./deliveries.ts";
import { FRAME_HEAD_BYTES, writeFrameHead } from "./socket/frame.ts";

/** Bytes, and messages, after which all should be sent: under load, one turn may bring far more. */
const FLUSH_BYTES = 2 ** 20;
const FLUSH_MESSAGES = 2 ** 13;

/** Words for each message: where its frame begins and ends, its kind, the client's next message. */
const MESSAGE = { start: 0, end: 1, kind: 2, next: 3, words: 4 } as const;

/** In place of a message where there is none. */
export const NO_MESSAGE = -1;

/** The first and the last of the messages that wait for one client. */
export interface Chain {
  firstMessage: number;
  lastMessage: number;
}

export class Spool {
  /** The frames of one client after `gather`: from `start` to before `end` of `frames`. */
  frames: Buffer;
  start = 0;
  end = 0;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FLUSH_BYTES + FLUSH_BYTES / 4);
  #length = 0;
  #messages = new Int32Array(2 * FLUSH_MESSAGES * MESSAGE.words);
  #count = 0;
  /** Where frames that are not adjacent are put together. */
  #gathered: Buffer = Buffer.allocUnsafeSlow(FLUSH_BYTES / 16);

  constructor() {
    this.frames = this.#bytes;
  }

  /** Whether all should be sent before the end of the turn. */
  get isFull(): boolean {
    return this.#length > FLUSH_BYTES || this.#count > FLUSH_MESSAGES;
  }

  /** Adds a frame with the `length` bytes at `message[start]` to a chain. */
  add(
    chain: Chain,
    kind: Kind,
    opcode: number,
    message: Buffer,
    start: number,
    length: number,
  ): void {
    this.#reserve(FRAME_HEAD_BYTES + length);
    const messages = this.#messages;
    const index = this.#count++;
    const word = index * MESSAGE.words;
    const payload = writeFrameHead(this.#bytes, this.#length, opcode, length);
    message.copy(this.#bytes, payload, start, start + length);
    messages[word + MESSAGE.start] = this.#length;
    messages[word + MESSAGE.end] = payload + length;
    messages[word + MESSAGE.kind] = kind;
    messages[word + MESSAGE.next] = NO_MESSAGE;
    this.#length = payload + length;
    if (chain.firstMessage === NO_MESSAGE) chain.firstMessage = index;
    else messages[chain.lastMessage * MESSAGE.words + MESSAGE.next] = index;
    chain.lastMessage = index;
  }

  /** Puts the frames of a chain, which is not empty, together. */
  gather(chain: Chain): void {
    const messages = this.#messages;
    const first = chain.firstMessage * MESSAGE.words;
    this.frames = this.#bytes;
    this.start = messages[first + MESSAGE.start];
    this.end = messages[first + MESSAGE.end];
    let next = messages[first + MESSAGE.next];
    for (; next !== NO_MESSAGE; next = messages[next * MESSAGE.words + MESSAGE.next]) {
      const word = next * MESSAGE.words;
      const start = messages[word + MESSAGE.start];
      const end = messages[word + MESSAGE.end];
      if (start === this.end && this.frames === this.#bytes) this.end = end;
      else this.#append(start, end);
    }
  }

  /** Calls `take` for each frame of a chain, which is from `start` to before `end` of `bytes`. */
  forEach(
    { firstMessage }: Chain,
    take: (kind: Kind, bytes: Buffer, start: number, end: number) => void,
  ): void {
    const messages = this.#messages;
    let next = firstMessage;
    while (next !== NO_MESSAGE) {
      const word = next * MESSAGE.words;
      const kind = messages[word + MESSAGE.kind] as Kind;
      take(kind, this.#bytes, messages[word + MESSAGE.start], messages[word + MESSAGE.end]);
      next = messages[word + MESSAGE.next];
    }
  }

  /** Forgets all messages. No chain may be used any more. */
  clear(): void {
    this.#length = 0;
    this.#count = 0;
  }

  // Adds a frame behind those that have been put together.
  #append(start: number, end: number): void {
    const before = this.frames;
    const length = this.end - this.start;
    const needed = length + end - start;
    if (needed > this.#gathered.length) this.#gathered = Buffer.allocUnsafeSlow(2 * needed);
    if (before !== this.#gathered) before.copy(this.#gathered, 0, this.start, this.end);
    this.#bytes.copy(this.#gathered, length, start, end);
    this.frames = this.#gathered;
    this.start = 0;
    this.end = needed;
  }

  // Makes room for another message. Only a very long one, or very many of a single message, exceed
  // it.
  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(2 * needed);
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    if ((this.#count + 1) * MESSAGE.words <= this.#messages.length) return;
    const grown = new Int32Array(2 * this.#messages.length);
    grown.set(this.#messages);
    this.#messages = grown;
  }
}
