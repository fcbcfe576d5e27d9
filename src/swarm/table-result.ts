// Results of more than one number. Returning an object would allocate one for every request, so a
// caller reads them from an object that is made once and filled again by every call: TableResult here,
// Announcer and Handout inside a table, Exchange in src/udp. Each belongs to one thread, and each holds
// what the last call left in it until the next call.

/** What the last announce, scrape or search of a table came to. A table has one. */
export class TableResult {
  /** Leechers of the swarm, the announcing peer included. Set by `announce` and `scrape`. */
  leechers = 0;
  /** Seeders of the swarm, the announcing peer included. Set by `announce` and `scrape`. */
  seeders = 0;
  /** Whether the peer is new or belonged to another connection. Set by `announce`. */
  isNewcomer = false;
  /** The connection that holds the peer. Set by `findPeer`, and by `announce` with PEER_HELD. */
  connection = 0;
  /** The generation of that connection. */
  generation = 0;
}
