// The peers of one answer while they are being copied: where they go, how many are still wanted,
// and whom to leave out. One object for each thread, used again for every announce.

/** The receiving end of a selection of peers. */
export class Handout {
  /** The memory that the answer is written to. */
  halves: Uint16Array = new Uint16Array(0);
  /** The half-word where the next peer goes. */
  half = 0;
  /** How many more to copy. */
  wanted = 0;
  /** The offset of the peer that asked, which is not to find itself; 0 for none. */
  requester = 0;
}
