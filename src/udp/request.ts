// A request as words, on its way from the socket to the thread that answers it: in a socket
// worker's own memory, or in the ring to a request worker. It holds the checked fields of one
// datagram and the source, to which the response goes.

import { ANNOUNCE } from "../swarm/layout.ts";

/** The sender of a datagram, and how to reach it. */
export const SOURCE = {
  /** Only the backend uses the port, except that 0 is not answered. */
  port: 0,
  /** 4 or 16. */
  addressBytes: 1,
  /** Four words: the address in network order. An IPv4 address is the first of them. */
  address: 2,
  /** 18 words in which the backend stores how to send the response. */
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
  /** A word of the first info hash, for both kinds of requests. */
  routing: BODY + ANNOUNCE.infoHash,
  /** Of an announce: the words of ANNOUNCE, see swarm/layout.ts. */
  announce: BODY,
  announceWords: BODY + ANNOUNCE.words,
  /** Of a scrape: the number of info hashes, then 5 words for each. */
  hashCount: BODY,
  hashes: BODY + 1,
} as const;

export const ANNOUNCE_REQUEST = 1;
export const SCRAPE_REQUEST = 2;

/**
 * Words of a response on its way back: the source, the datagram's length in bytes, the datagram.
 */
export const RESPONSE = { source: 0, bytes: SOURCE.words, datagram: SOURCE.words + 1 } as const;
