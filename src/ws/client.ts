// One connection as its worker knows it, and the state of what is sent to it.

import { COUNTER, type Counter } from "../app/metrics.ts";
import type { ConnectionName } from "./connections.ts";
import type { Sender } from "./handler.ts";
import type { Outbox } from "./outbox.ts";
import type { ResponseCounters } from "./response-counters.ts";
import type { Socket } from "./socket/backend.ts";
import { type Chain, NO_MESSAGE } from "./spool.ts";

/**
 * What waits for a client, and whether it can be sent:
 *
 *              deliver              all is sent
 *     idle ───────────────► due ───────────────► idle
 *                           ▲ │
 *         the client reads  │ │ it does not take all
 *                           │ ▼
 *                         blocked
 *
 * From each state a client can go to `closing`, and it stays there.
 */
export const SENDING = {
  /** Nothing waits. */
  idle: 0,
  /** What waits is sent at the end of this turn of the event loop. */
  due: 1,
  /** What waits, here or in the backend, waits for the client to read. */
  blocked: 2,
  /** Nothing more is sent or received. */
  closing: 3,
} as const;

export type Sending = (typeof SENDING)[keyof typeof SENDING];

export class Client implements Sender, Chain {
  sending: Sending = SENDING.idle;
  /** What waits for a client that does not read. */
  outbox: Outbox | undefined;
  /** Its messages of this turn of the event loop. */
  firstMessage = NO_MESSAGE;
  lastMessage = NO_MESSAGE;
  /** The second since which a blocked client has read nothing. */
  blockedSince = 0;
  /** Messages that could not be answered. */
  badMessages = 0;
  /** What counts its end, unless the backend knows better: see `closeFor`. */
  closeCounter: Counter = COUNTER.closedByClient;
  /** Messages dropped one after the other, because the address sends too many. */
  dropped = 0;

  constructor(
    readonly socket: Socket,
    readonly name: ConnectionName,
    readonly generation: number,
    /** See AddressLimits. */
    readonly addressHash: number,
    /** Where what it is sent is counted. */
    readonly responses: ResponseCounters,
    /** The second of its last sign of life: a message or a pong. */
    public heardAt: number,
  ) {}

  /** Notes why the tracker is about to close the connection. The first reason counts. */
  closeFor(counter: Counter): void {
    if (this.closeCounter === COUNTER.closedByClient) this.closeCounter = counter;
  }
}
