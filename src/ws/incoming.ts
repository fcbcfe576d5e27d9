// What happens with everything that a socket backend reports: connections that open and close,
// their messages and pongs. Messages go to the handler.

import type { Counters } from "../app/counters.ts";
import { log } from "../app/log.ts";
import { COUNTER, type Counter } from "../app/metrics.ts";
import { TOKEN } from "../memory/token-buckets.ts";
import type { AddressLimits } from "./address-limits.ts";
import { type Client, SENDING } from "./client.ts";
import type { Clients } from "./clients.ts";
import type { Collector } from "./collector.ts";
import type { Delivery } from "./delivery.ts";
import { type Handler, OUTCOME } from "./handler.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Latency } from "./latency.ts";
import type { Inbox } from "./message/inbox.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Refusal, Socket, SocketEvents } from "./socket/backend.ts";
import { CLOSE } from "./socket/close-code.ts";
import type { Takeovers } from "./takeovers.ts";
import type { TrackerClock } from "./tracker-clock.ts";

/** Messages of one connection dropped in a flood, before it is closed. */
const MAX_DROPPED = 256;
/** Messages of one connection that cannot be answered, before it is closed. */
const MAX_BAD_MESSAGES = 16;

const REFUSALS: Readonly<Record<Refusal, Counter>> = {
  origin: COUNTER.forbiddenOrigin,
  handshake: COUNTER.badHandshake,
  late: COUNTER.handshakeTimeout,
  tls: COUNTER.tlsFailed,
};

/** What this works with. */
export interface IncomingParts {
  readonly inbox: Inbox;
  readonly clients: Clients;
  readonly handler: Handler;
  readonly takeovers: Takeovers;
  readonly outgoing: Outgoing;
  readonly delivery: Delivery;
  readonly heartbeat: Heartbeat;
  readonly limits: AddressLimits;
  readonly latency: Latency;
  readonly collector: Collector;
  readonly clock: TrackerClock;
  readonly counters: Counters;
}

export class Incoming implements SocketEvents {
  #hasFailed = false;

  constructor(private readonly parts: IncomingParts) {}

  hasRoom(address: string): boolean {
    const { clients, counters } = this.parts;
    if (clients.hasRoom(address)) return true;
    counters.add(clients.isFull ? COUNTER.noRoom : COUNTER.noRoomForAddress, 1);
    return false;
  }

  open(socket: Socket, address: string): Client {
    return this.parts.clients.open(socket, address, this.parts.clock.now);
  }

  receive(client: Client): void {
    // The rest of what came with the message for which the client is being closed.
    if (client.sending === SENDING.closing) return;
    const { clock, counters, delivery, handler, inbox, latency, limits, takeovers } = this.parts;
    const { now } = clock;
    client.heardAt = now;
    counters.add(COUNTER.requests, 1);
    counters.add(COUNTER.bytesIn, inbox.length);
    const token = limits.takeMessage(client.addressHash, now);
    if (token === TOKEN.taken) {
      client.dropped = 0;
      const isMeasured = latency.begin();
      const outcome = handler.handle(client, now);
      if (isMeasured && !(outcome === OUTCOME.handled && delivery.isFlushDue)) latency.cancel();
      if (outcome === OUTCOME.held) takeovers.hold(client);
      else if (outcome === OUTCOME.bad) this.#noteBad(client);
    } else {
      this.#limitRate(client, token);
    }
    // Only now, as it may handle other messages.
    takeovers.settle(client, true);
    delivery.flushIfUrgent();
  }

  receivePong(client: Client): void {
    client.heardAt = this.parts.clock.now;
    this.parts.takeovers.settle(client, true);
  }

  sendControl(client: Client, opcode: number, payload: Buffer): void {
    const { delivery, outgoing } = this.parts;
    outgoing.pushControl(client, opcode, payload);
    delivery.scheduleFlush();
    // One turn may bring many thousand pings.
    delivery.flushIfUrgent();
  }

  flush(client: Client): void {
    this.parts.outgoing.flushClient(client, this.parts.clock.now);
  }

  drain(client: Client): void {
    this.parts.outgoing.drain(client);
    this.parts.delivery.scheduleFlush();
  }

  refuse(reason: Refusal): void {
    this.parts.counters.add(REFUSALS[reason], 1);
  }

  close(client: Client, violation?: number): void {
    if (violation !== undefined) client.closeFor(countViolation(violation));
    const { clients, handler, heartbeat, outgoing, takeovers } = this.parts;
    const isFirst = clients.close(client, () => {
      outgoing.end(client);
      heartbeat.end(client);
      handler.removePeers(client);
    });
    if (isFirst) takeovers.settle(client, false);
  }

  fail(socket: Socket, client: Client | undefined, error: unknown): void {
    if (!this.#hasFailed) log.error(`a connection had to be closed: ${String(error)}`);
    this.#hasFailed = true;
    if (client !== undefined) {
      client.closeFor(COUNTER.failed);
      this.parts.outgoing.end(client);
    }
    socket.close(CLOSE.internalError, "");
  }

  noteGarbage(bytes: number): void {
    this.parts.collector.note(bytes);
  }

  // An error at first. In a flood the message is dropped, and then the connection closed.
  #limitRate(client: Client, token: number): void {
    const { counters, handler } = this.parts;
    if (token === TOKEN.none) return handler.refuseRate(client);
    counters.add(COUNTER.rateLimited, 1);
    client.dropped++;
    if (client.dropped >= MAX_DROPPED) this.#end(client, COUNTER.flood, "too many messages");
  }

  #noteBad(client: Client): void {
    this.parts.counters.add(COUNTER.malformed, 1);
    client.badMessages++;
    if (client.badMessages >= MAX_BAD_MESSAGES)
      this.#end(client, COUNTER.badMessages, "too many bad messages");
  }

  #end(client: Client, counter: Counter, reason: string): void {
    client.closeFor(counter);
    this.parts.outgoing.end(client);
    client.socket.close(CLOSE.policyViolation, reason);
  }
}

function countViolation(code: number): Counter {
  if (code === CLOSE.invalidText) return COUNTER.invalidText;
  return code === CLOSE.messageTooBig ? COUNTER.messageTooBig : COUNTER.protocolError;
}
