// What waits to be sent to one connection. All that one iteration of the event loop has for it
// leaves in one write; what the client does not read waits here, up to a limit, beyond which the
// oldest offers go first.

import { KIND, type Kind } from "./deliveries.ts";

/** Where messages leave: `Bun.ServerWebSocket`, as far as it is needed here. */
export interface Sink {
  /** Returns -1 when the message has to wait, 0 when it was dropped, else bytes sent. */
  sendText(text: string, compress: boolean): number;
  cork(callback: () => void): unknown;
}

export class Outbox {
  #texts: string[] = [];
  #kinds: Kind[] = [];
  /** Characters that wait. */
  #length = 0;

  /** `most`: characters that may wait. */
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

  push(kind: Kind, text: string): void {
    this.#texts.push(text);
    this.#kinds.push(kind);
    this.#length += text.length;
  }

  /** Sends until the client takes no more, and returns how many characters. */
  flush(sink: Sink, compress: boolean): { length: number; isBlocked: boolean } {
    const texts = this.#texts;
    let sent = 0;
    let length = 0;
    let isBlocked = false;
    sink.cork(() => {
      while (sent < texts.length && !isBlocked) {
        isBlocked = sink.sendText(texts[sent], compress) < 0;
        length += texts[sent].length;
        sent++;
      }
    });
    this.#length -= length;
    if (sent === texts.length) {
      this.#texts = [];
      this.#kinds = [];
    } else {
      texts.splice(0, sent);
      this.#kinds.splice(0, sent);
    }
    return { length, isBlocked };
  }

  /** Drops the oldest offers until no more than half of what may wait does; returns how many. */
  dropOffers(): number {
    const texts: string[] = [];
    const kinds: Kind[] = [];
    let dropped = 0;
    for (let i = 0; i < this.#texts.length; i++) {
      const text = this.#texts[i];
      if (this.#kinds[i] === KIND.offer && this.#length > this.most / 2) {
        this.#length -= text.length;
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
}
