// What the handler wants sent: the message in the draft, for a connection of this worker or of
// another. The worker delivers it (delivery.ts); tests read it.

import type { ConnectionName } from "./connections.ts";
import { OFFER } from "./pending-offers.ts";

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

/**
 * By what another node of a cluster finds the client that an offer or an answer is for, as words:
 * what identifies the offer, and FLAG_SEEDER if the peer that made it is a seeder.
 */
export const ROUTE = { ...OFFER, flags: OFFER.words, words: OFFER.words + 1 } as const;

export interface Deliveries {
  /**
   * Sends the draft to a connection, unless its generation has ended. An offer or an answer has a
   * route, in case the connection is that of another node.
   */
  deliver(name: ConnectionName, generation: number, kind: Kind, route?: Int32Array): void;
}
