// What the clients of a worker are sent, and what happens to those that do not read: SENDING in
// client.ts has the states.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { type Client, SENDING } from "./client.ts";
import { type OwnConnections, slotOf } from "./connections.ts";
import { KIND, type Kind } from "./deliveries.ts";
import { Outbox } from "./outbox.ts";
import { FRAME_HEAD_BYTES, OPCODE, RSV1, writeFrameHead } from "./socket/frame.ts";
import { NO_MESSAGE, Spool } from "./spool.ts";

export interface OutgoingSettings {
  /** Bytes that may wait for one client. */
  readonly maxQueued: number;
  /** Seconds after which a client that reads nothing is closed. */
  readonly stallSeconds: number;
}

export class Outgoing {
  #due: Client[] = [];
  readonly #blocked = new Set<Client>();
  /** To be closed at the next flush, when no message is being handled. */
  #doomed: Client[] = [];
  readonly #spool = new Spool();
  #isFlushing = false;

  constructor(
    private readonly settings: OutgoingSettings,
    private readonly connections: OwnConnections,
    private readonly counters: Counters,
  ) {}

  /**
   * Adds the message of `length` bytes at `message[start]` for a client. Neither sends nor closes
   * anything: closing removes the client's peers at once, and the handler may be using them.
   */
  push(client: Client, kind: Kind, message: Buffer, start: number, length: number): void {
    if (client.sending === SENDING.closing) return;
    // The handler counts responses, of which it knows the type.
    if (kind === KIND.offer) this.counters.add(client.responses.offers, 1);
    else if (kind === KIND.answer) this.counters.add(client.responses.answers, 1);
    const { compress } = client.socket;
    if (compress === undefined) {
      return this.#push(client, kind, OPCODE.text, message, start, length);
    }
    const compressed = compress(message.subarray(start, start + length));
    this.#push(client, kind, OPCODE.text | RSV1, compressed, 0, compressed.length);
  }

  /** Adds a control frame, which may wait as a response does. */
  pushControl(client: Client, opcode: number, payload: Buffer): void {
    if (client.sending === SENDING.closing) return;
    this.#push(client, KIND.response, opcode, payload, 0, payload.length);
  }

  /** Whether a flush should not wait for the end of the turn. */
  get isUrgent(): boolean {
    return this.#doomed.length > 0 || this.#spool.isFull;
  }

  /**
   * Sends all that is due at second `now`, and closes what has to be closed. Returns false if there
   * was nothing to do.
   */
  flush(now: number): boolean {
    // Closing a connection may have messages of others handled, which are sent then, too.
    if (this.#isFlushing || (this.#due.length === 0 && this.#doomed.length === 0)) return false;
    this.#isFlushing = true;
    while (this.#due.length > 0 || this.#doomed.length > 0) {
      for (const client of this.#doomed.splice(0)) client.socket.terminate();
      const due = this.#due;
      this.#due = [];
      for (const client of due) this.flushClient(client, now);
    }
    this.#spool.clear();
    this.#isFlushing = false;
    return true;
  }

  /** Sends what is due to one client. */
  flushClient(client: Client, now: number): void {
    if (client.sending !== SENDING.due) return;
    const isAllSent = this.#sendOutbox(client) && this.#sendMessages(client);
    // Sending may have ended the connection.
    if (client.sending !== SENDING.due) return;
    client.firstMessage = NO_MESSAGE;
    if (isAllSent) {
      client.sending = SENDING.idle;
      this.connections.setFull(slotOf(client.name), false);
    } else {
      this.#block(client, now);
      if (this.#limit(client, client.outbox!)) return;
      client.closeFor(COUNTER.outboxFull);
      client.socket.terminate();
    }
  }

  /** The client has read something. */
  drain(client: Client): void {
    if (client.sending !== SENDING.blocked) return;
    this.#blocked.delete(client);
    this.#makeDue(client);
  }

  /** Notes that the backend keeps something for a client, unless there is more to be sent first. */
  noteBacklog(client: Client, now: number): void {
    if (client.sending === SENDING.idle) this.#block(client, now);
  }

  /** Closes the clients that have read nothing for too long by second `now`. */
  closeStalled(now: number): void {
    for (const client of this.#blocked) {
      if (now - client.blockedSince <= this.settings.stallSeconds) continue;
      client.closeFor(COUNTER.stalled);
      client.socket.terminate();
    }
  }

  /** Forgets all about a client that is closing. */
  end(client: Client): void {
    client.sending = SENDING.closing;
    client.outbox = undefined;
    client.firstMessage = NO_MESSAGE;
    this.#blocked.delete(client);
  }

  #push(
    client: Client,
    kind: Kind,
    opcode: number,
    message: Buffer,
    start: number,
    length: number,
  ): void {
    if (client.sending === SENDING.blocked) {
      return this.#pushBlocked(client, kind, makeFrame(opcode, message, start, length));
    }
    this.#spool.add(client, kind, opcode, message, start, length);
    if (client.sending === SENDING.idle) this.#makeDue(client);
  }

  #pushBlocked(client: Client, kind: Kind, frame: Buffer): void {
    const outbox = (client.outbox ??= new Outbox(this.settings.maxQueued));
    outbox.add(kind, frame, 0, frame.length);
    if (this.#limit(client, outbox)) return;
    client.closeFor(COUNTER.outboxFull);
    this.end(client);
    this.#doomed.push(client);
  }

  #makeDue(client: Client): void {
    client.sending = SENDING.due;
    this.#due.push(client);
  }

  #block(client: Client, now: number): void {
    client.sending = SENDING.blocked;
    client.blockedSince = now;
    this.#blocked.add(client);
  }

  // Sends what has waited. Returns false, and lets the messages of this turn wait behind it, if the
  // client does not take all.
  #sendOutbox(client: Client): boolean {
    const { outbox, socket } = client;
    if (outbox === undefined) return true;
    const sent = outbox.send((bytes, start, end) => socket.write(bytes, start, end));
    this.counters.add(COUNTER.bytesOut, sent);
    if (outbox.length > 0) this.#keep(client, outbox);
    else client.outbox = undefined;
    return outbox.length === 0;
  }

  // Sends the messages of this turn. Returns false, and lets the rest wait, if the client does not
  // take all.
  #sendMessages(client: Client): boolean {
    if (client.firstMessage === NO_MESSAGE) return true;
    const spool = this.#spool;
    spool.gather(client);
    const sent = client.socket.write(spool.frames, spool.start, spool.end);
    this.counters.add(COUNTER.bytesOut, sent);
    if (sent === spool.end - spool.start) return true;
    client.outbox = new Outbox(this.settings.maxQueued);
    this.#keep(client, client.outbox);
    client.outbox.advance(sent);
    return false;
  }

  #keep(client: Client, outbox: Outbox): void {
    this.#spool.forEach(client, (kind, bytes, start, end) => outbox.add(kind, bytes, start, end));
  }

  // Limits what waits for a client. Returns false if more than the limit cannot be dropped.
  #limit(client: Client, outbox: Outbox): boolean {
    if (outbox.isOver) this.counters.add(COUNTER.queueFull, outbox.dropOffers());
    if (outbox.isOver) return false;
    this.connections.setFull(slotOf(client.name), outbox.isFull);
    return true;
  }
}

function makeFrame(opcode: number, message: Buffer, start: number, length: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + length);
  const payload = writeFrameHead(frame, 0, opcode, length);
  message.copy(frame, payload, start, start + length);
  return frame.subarray(0, payload + length);
}
