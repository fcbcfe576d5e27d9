// A request between the socket it came from and the thread that answers it, as words: in a socket
// worker's own memory, or in the ring to a request worker. The fields of one datagram that matter,
// checked, and where the answer goes.

import { ANNOUNCE } from "../swarm/layout.ts";

/** Who sent a datagram and which socket received it. */
export const SOURCE = {
  /** Index of the socket among its worker's. */
  socket: 0,
  port: 1,
  /** 4 or 16. */
  addressBytes: 2,
  /** Four words, the address as the network has it; of IPv4 only the first counts. */
  address: 3,
  /** What the socket backend needs to send to a link-local address; 0 for none. */
  scope: 7,
  words: 8,
} as const;

const BODY = 2 + SOURCE.words;

/** Words of a request. The source comes first, so that a response can begin with a copy of it. */
export const REQUEST = {
  source: 0,
  /** ANNOUNCE_REQUEST or SCRAPE_REQUEST. */
  kind: SOURCE.words,
  /** The client's transaction id, in its own byte order. */
  transaction: SOURCE.words + 1,
  /** A word of the (first) info hash, whatever the kind. */
  routing: BODY + ANNOUNCE.infoHash,
  /** Of an announce: the record that swarm/layout.ts describes. */
  announce: BODY,
  announceWords: BODY + ANNOUNCE.words,
  /** Of a scrape: the number of info hashes, then 5 words for each. */
  hashCount: BODY,
  hashes: BODY + 1,
} as const;

export const ANNOUNCE_REQUEST = 1;
export const SCRAPE_REQUEST = 2;

/** Words of a response on its way back: the source, its length in bytes, then the datagram. */
export const RESPONSE = { source: 0, bytes: SOURCE.words, datagram: SOURCE.words + 1 } as const;
