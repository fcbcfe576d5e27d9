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
  /** Bytes that the last flush sent, as in messages: neither framed nor deflated. */
  sentBytes = 0;
  readonly #texts: string[] = [];
  readonly #kinds: Kind[] = [];
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

  /** Sends until the client takes no more; whether that came to be. */
  flush(sink: Sink, compress: boolean): boolean {
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
    this.sentBytes = bytes;
    this.#length = 0;
    if (taken === texts.length) {
      texts.length = 0;
      this.#kinds.length = 0;
    } else {
      texts.splice(0, taken);
      this.#kinds.splice(0, taken);
      for (const text of texts) this.#length += flatten(text);
    }
    return isBlocked;
  }

  /** Drops the oldest offers until no more than half of what may wait does; returns how many. */
  dropOffers(): number {
    const texts = this.#texts;
    const kinds = this.#kinds;
    let kept = 0;
    for (let i = 0; i < texts.length; i++) {
      if (kinds[i] === KIND.offer && this.#length > this.most / 2) {
        this.#length -= Buffer.byteLength(texts[i]);
      } else {
        texts[kept] = texts[i];
        kinds[kept++] = kinds[i];
      }
    }
    const dropped = texts.length - kept;
    texts.length = kept;
    kinds.length = kept;
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
