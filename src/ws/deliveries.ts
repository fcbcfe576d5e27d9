// What the handler wants sent: texts for connections, of this worker and of others. The worker sees
// to it that they get there; tests read them.

import type { ConnectionName } from "./connections.ts";

/** What is sent: for whoever has to choose what to drop. */
export const KIND = {
  /** The response to a message of the same connection. Never dropped. */
  response: 0,
  /** An answer passed on. Never dropped. */
  answer: 1,
  /** An offer passed on. Oldest dropped first. */
  offer: 2,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

export interface Deliveries {
  /** Sends `text` to a connection, unless its generation has ended. */
  deliver(name: ConnectionName, generation: number, kind: Kind, text: string): void;
}
