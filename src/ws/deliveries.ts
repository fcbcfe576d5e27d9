// What the handler wants sent: the message in the draft, for a connection of this worker or of another.
// The worker delivers it (delivery.ts); tests read it.

import type { ConnectionName } from "./connections.ts";

/** What is sent. It decides what is dropped if too much waits. */
export const KIND = {
  /** The response to a message of the same connection. Never dropped. */
  response: 0,
  /** A relayed answer. Never dropped. */
  answer: 1,
  /** A relayed offer. The oldest are dropped first. */
  offer: 2,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

export interface Deliveries {
  /** Sends the draft to a connection, unless its generation has ended. */
  deliver(name: ConnectionName, generation: number, kind: Kind): void;
}
