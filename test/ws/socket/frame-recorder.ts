// Reads bytes with a FrameReader and records what it reports.

import { Inbox } from "../../../src/ws/message/inbox.ts";
import { FrameReader, type FrameReceiver } from "../../../src/ws/socket/frame-reader.ts";

export interface RecorderSettings {
  readonly maxBytes?: number;
  readonly acceptCompressed?: boolean;
}

export class FrameRecorder implements FrameReceiver {
  isOpen = true;
  /** What was reported: "message a", "ping b", "pong", "close 1000" or "violation 1002". */
  readonly events: string[] = [];
  readonly #inbox: Inbox;
  readonly #reader: FrameReader;

  constructor({ acceptCompressed = false, maxBytes = 1000 }: RecorderSettings = {}) {
    this.#inbox = new Inbox(maxBytes);
    this.#reader = new FrameReader(this.#inbox, acceptCompressed);
  }

  /** Reads a copy of each chunk, as a reader changes what it reads. */
  read(...chunks: Buffer[]): this {
    for (const chunk of chunks) if (this.isOpen) this.#reader.read(copy(chunk), chunk.length, this);
    return this;
  }

  receiveMessage(): void {
    this.events.push(`message ${this.#inbox.bytes.toString("latin1", 0, this.#inbox.length)}`);
  }

  receivePing(payload: Buffer): void {
    this.events.push(`ping ${payload.toString("latin1")}`);
  }

  receivePong(): void {
    this.events.push("pong");
  }

  receiveClose(code: number): void {
    this.#end(`close ${code}`);
  }

  receiveViolation(code: number): void {
    this.#end(`violation ${code}`);
  }

  #end(event: string): void {
    if (!this.isOpen) throw new Error(`${event} after the end`);
    this.isOpen = false;
    this.events.push(event);
  }
}

function copy(chunk: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(bytes);
  return bytes;
}
