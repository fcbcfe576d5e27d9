// The peers of one response while they are copied: where they go, how many are still wanted, and
// which peer to skip. A table has one and fills it for every announce; see table-result.ts.

/** The receiving end of a selection of peers. */
export class Handout {
  /** The memory to which the response is written. */
  halves: Uint16Array = new Uint16Array(0);
  /** The half at which the next peer is written. */
  half = 0;
  /** Number of peers still to be copied. */
  wanted = 0;
  /** The random number from which the selection is drawn. */
  seed = 0;
  /** The word of the announcing peer, which never appears in its own response; 0 for none. */
  requester = 0;
}
