// A request between the socket it came from and the thread that answers it, as words: in a socket
// worker's own memory, or in the ring to a request worker. The fields of one datagram that matter,
// checked, and where the answer goes.

import { ANNOUNCE } from "../swarm/layout.ts";

/** Who sent a datagram, and the way back. */
export const SOURCE = {
  /** 0 is the only value that matters to anybody but the backend. */
  port: 0,
  /** 4 or 16. */
  addressBytes: 1,
  /** Four words, the address as the network has it; of IPv4 only the first counts. */
  address: 2,
  /** 18 words for the backend, which finds its own way back by them. */
  reply: 6,
  words: 24,
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
