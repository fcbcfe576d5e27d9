// The announcing peer while a table looks it up and writes it. A table has one and fills it for
// every announce; see table-result.ts.

/** Where a peer's key is, how the peer announces itself, and where it was found. */
export class Announcer {
  /** The memory that holds the peer's key, from `keyWord` on; see peer-blocks.ts. */
  key: Int32Array = new Int32Array(0);
  keyWord = 0;
  /** The seeded hash of the key. */
  hash = 0;
  /** 0 for a leecher, 1 for a seeder. Most peers keep their status, so `find` looks there first. */
  status = 0;
  /** The low 16 bits of the clock. */
  tick = 0;
  /** The set in which `Swarms.find` found the peer: 0 for leechers, 1 for seeders. */
  foundStatus = 0;
}
