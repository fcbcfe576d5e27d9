// The messages of one node to one channel, in its order: each once, although several servers
// deliver it, and with a short wait for those that are late. What is still missing then is lost.

import type { Message } from "./message.ts";

/** Milliseconds for which messages wait for one that precedes them. */
export const MAX_WAIT_MILLISECONDS = 250;
/** Bytes of the messages that wait. */
const MAX_HELD_BYTES = 2 ** 20;
/** Bytes that a message takes beside its payload, about. */
const MESSAGE_BYTES = 256;

/** What happened with messages. */
export interface SequenceCounts {
  /** Messages that came again. */
  duplicates: number;
  /** Messages that never came. */
  lost: number;
}

export interface SequenceEvents {
  take(message: Message): void;
  /** Messages before the next one are lost. */
  miss(): void;
}

export class Sequence {
  /** The number of the next message; -1 before the first. */
  #next = -1;
  readonly #held = new Map<number, Message>();
  #heldBytes = 0;
  #heldSince = 0;

  constructor(
    private readonly counts: SequenceCounts,
    private readonly events: SequenceEvents,
  ) {}

  /**
   * Adds a message that came at `now`, in milliseconds. Takes it and those after it when it is due.
   */
  add(message: Message, now: number): void {
    const { sequence } = message;
    if (this.#next < 0) this.#next = sequence;
    if (sequence < this.#next || this.#held.has(sequence)) {
      this.counts.duplicates++;
      return;
    }
    if (sequence > this.#next) return this.#hold(message, now);
    this.#next++;
    this.events.take(message);
    this.#takeHeld();
  }

  /** Gives up messages that have not come by `now`. */
  expire(now: number): void {
    if (this.#held.size > 0 && now - this.#heldSince >= MAX_WAIT_MILLISECONDS) this.#skip(now);
  }

  #hold(message: Message, now: number): void {
    if (this.#held.size === 0) this.#heldSince = now;
    this.#held.set(message.sequence, message);
    this.#heldBytes += message.payload.length + MESSAGE_BYTES;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#skip(now);
  }

  // Goes on with the first message that is there.
  #skip(now: number): void {
    const first = Math.min(...this.#held.keys());
    this.counts.lost += first - this.#next;
    this.#next = first;
    this.events.miss();
    this.#takeHeld();
    this.#heldSince = now;
  }

  #takeHeld(): void {
    for (;;) {
      const message = this.#held.get(this.#next);
      if (message === undefined) return;
      this.#held.delete(this.#next);
      this.#heldBytes -= message.payload.length + MESSAGE_BYTES;
      this.#next++;
      this.events.take(message);
    }
  }
}
