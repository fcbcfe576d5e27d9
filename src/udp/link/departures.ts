// The peers that have stopped lately, on the link thread. An announce that a peer made before its
// stop may arrive after it: from another node, or in a part of a snapshot. It must not bring the
// peer back. A stop may take the place of an earlier one, so a few peers come back after all; they
// expire like peers that never stop.

const SLOTS = 1 << 16;
/** Words of a slot: the hash of torrent and peer, and the second of the stop. */
const SLOT_WORDS = 2;

export class Departures {
  readonly #words = new Int32Array(SLOTS * SLOT_WORDS);

  /** A peer has stopped at `second`. */
  note(torrentHash: number, peerHash: number, second: number): void {
    const hash = mix(torrentHash, peerHash);
    const slot = (hash & (SLOTS - 1)) * SLOT_WORDS;
    this.#words[slot] = hash;
    this.#words[slot + 1] = second;
  }

  /** Whether the peer has stopped after `second`, as far as it is known. */
  hasLeftSince(torrentHash: number, peerHash: number, second: number): boolean {
    const hash = mix(torrentHash, peerHash);
    const slot = (hash & (SLOTS - 1)) * SLOT_WORDS;
    return this.#words[slot] === hash && this.#words[slot + 1] > second;
  }
}

function mix(torrentHash: number, peerHash: number): number {
  return torrentHash ^ Math.imul(peerHash, 0x9e3779b1);
}
