// Results of more than one number. Returning an object would allocate one for every request, so the
// caller reads them from an object that is created once and filled by every call: TableResult here,
// Announcer and Handout inside a table, Exchange in src/udp. Each object belongs to one thread, and
// the result of a call is valid until the next call.

/** The result of a table's last `announce`, `scrape` or `findPeer`. */
export class TableResult {
  /** Leechers of the swarm, the announcing peer included. Set by `announce` and `scrape`. */
  leechers = 0;
  /** Seeders of the swarm, the announcing peer included. Set by `announce` and `scrape`. */
  seeders = 0;
  /** Whether the peer is new or belonged to another connection. Set by `announce`. */
  isNewcomer = false;
  /** Unless the peer is new: the tick of its announce before. Set by `announce`. */
  lastTick = 0;
  /**
   * Unless the peer is new: its status before, 0 for a leecher, 1 for a seeder. Set by `announce`.
   */
  lastStatus = 0;
  /** Unless the peer is new: whether the announce counted. Set by `announce`; see FLAG_MERGE. */
  wasUpdated = false;
  /** Whether a stopped peer was in the swarm. Set by `announce`. */
  wasRemoved = false;
  /** The connection that holds the peer. Set by `findPeer`, and by `announce` with PEER_HELD. */
  connection = 0;
  /** The generation of that connection. */
  generation = 0;
}
