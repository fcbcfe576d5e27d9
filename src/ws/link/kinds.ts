// The kinds of messages between the nodes of a WebTorrent cluster.

import { FIRST_KIND } from "../../cluster/cluster.ts";

export const LINK_KIND = {
  /** Peers that have changed: change-codec.ts. */
  changes: FIRST_KIND,
  /** Offers and answers for clients of the receiver: relay-codec.ts. */
  relays: FIRST_KIND + 1,
  /** Asks for all peers of the receiver. Empty. */
  ask: FIRST_KIND + 2,
  /** Some of the peers that were asked for: change-codec.ts. */
  list: FIRST_KIND + 3,
  /** That was the last of them. Empty. */
  listed: FIRST_KIND + 4,
  /** Asks whether the receiver holds peers: node-probes.ts. */
  probe: FIRST_KIND + 5,
  /** The answers. */
  probed: FIRST_KIND + 6,
} as const;
