// What waits to be sent to one connection. All that one iteration of the event loop has for it
// leaves in one write; what the client does not read waits here, up to a limit, beyond which the
// oldest offers go first.

import { KIND, type Kind } from "./deliveries.ts";

/** Where messages leave: `Bun.ServerWebSocket`, as far as it is needed here. */
export interface Sink {
  /** The bytes sent; -1 when the message is taken but has to wait, 0 when it is not taken. */
  sendText(text: string, compress: boolean): number;
  cork(callback: () => void): unknown;
}

export class Outbox {
  #texts: string[] = [];
  #kinds: Kind[] = [];
  /** What waits: characters of what `push` added, bytes of what has waited. */
  #length = 0;

  /** `most`: bytes that may wait. */
  constructor(private readonly most: number) {}

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  /** Whether so much waits that no more offers should be added. */
  get isFull(): boolean {
    return this.#length > this.most / 2;
  }

  /** Whether more waits than may. */
  get isOver(): boolean {
    return this.#length > this.most;
  }

  /** Adds a text that is sent soon. Its characters count, of which there are no more than bytes. */
  push(kind: Kind, text: string): void {
    this.#add(kind, text, text.length);
  }

  /** Adds a text that has to wait. Its bytes count. */
  pushKept(kind: Kind, text: string): void {
    this.#add(kind, text, flatten(text));
  }

  /** Sends until the client takes no more. `bytes` are as in messages, neither framed nor deflated. */
  flush(sink: Sink, compress: boolean): { bytes: number; isBlocked: boolean } {
    const texts = this.#texts;
    let taken = 0;
    let bytes = 0;
    let isBlocked = false;
    sink.cork(() => {
      while (taken < texts.length && !isBlocked) {
        const sent = sink.sendText(texts[taken], compress);
        isBlocked = sent <= 0;
        if (sent === 0) break;
        bytes += sent > 0 ? sent : Buffer.byteLength(texts[taken]);
        taken++;
      }
    });
    if (taken === texts.length) {
      this.#texts = [];
      this.#kinds = [];
      this.#length = 0;
    } else {
      texts.splice(0, taken);
      this.#kinds.splice(0, taken);
      this.#length = 0;
      for (const text of texts) this.#length += flatten(text);
    }
    return { bytes, isBlocked };
  }

  /** Drops the oldest offers until no more than half of what may wait does; returns how many. */
  dropOffers(): number {
    const texts: string[] = [];
    const kinds: Kind[] = [];
    let dropped = 0;
    for (let i = 0; i < this.#texts.length; i++) {
      const text = this.#texts[i];
      if (this.#kinds[i] === KIND.offer && this.#length > this.most / 2) {
        this.#length -= Buffer.byteLength(text);
        dropped++;
      } else {
        texts.push(text);
        kinds.push(this.#kinds[i]);
      }
    }
    this.#texts = texts;
    this.#kinds = kinds;
    return dropped;
  }

  #add(kind: Kind, text: string, length: number): void {
    this.#texts.push(text);
    this.#kinds.push(kind);
    this.#length += length;
  }
}

/**
 * Makes a text stand on its own, and returns its bytes. What was put together of other texts keeps
 * all of those in memory until somebody looks into it; then the runtime makes one text of it.
 */
function flatten(text: string): number {
  return Buffer.byteLength(text);
}
