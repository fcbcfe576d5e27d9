// One connection as its worker knows it, and where it is between having nothing to send and closing.

import type { ConnectionName } from "./connections.ts";
import type { Sender } from "./handler.ts";
import type { Outbox } from "./outbox.ts";

/** A connection as the runtime knows it, as far as it is needed here: `Bun.ServerWebSocket`. */
export interface Socket {
  data: Client;
  sendText(text: string, compress: boolean): number;
  cork(callback: () => void): unknown;
  ping(): unknown;
  /** Bytes that the runtime keeps because the client does not read. */
  getBufferedAmount(): number;
  close(code: number, reason?: string): void;
  terminate(): void;
}

/**
 * What is to be sent to a client, and whether it can be:
 *
 *              deliver              all is sent
 *     idle ───────────────► due ───────────────► idle
 *                           ▲ │
 *         the client reads  │ │ it does not take all
 *                           │ ▼
 *                         blocked
 *
 * and from any of them to closing, from where nothing leads back.
 */
export const SENDING = {
  /** Nothing waits. */
  idle: 0,
  /** What waits is sent at the end of this iteration of the event loop. */
  due: 1,
  /** What waits, which may be the runtime's alone, waits for the client. */
  blocked: 2,
  /** Nothing is sent any more, and nothing heard. */
  closing: 3,
} as const;

export type Sending = (typeof SENDING)[keyof typeof SENDING];

export class Client implements Sender {
  sending: Sending = SENDING.idle;
  /** What waits. */
  outbox: Outbox | undefined;
  /** The second since which a blocked client has read nothing. */
  blockedSince = 0;
  /** Messages that could not be answered. */
  junk = 0;
  /** Messages that were dropped one after the other, because its address sends too many. */
  dropped = 0;

  constructor(
    readonly socket: Socket,
    readonly name: ConnectionName,
    readonly generation: number,
    /** See AddressLimits. */
    readonly addressHash: number,
    /** The second of its last sign of life: a message, or the answer to a ping. */
    public heardAt: number,
  ) {}
}
