// Peers as they lie in memory: packed one behind the other in a block, in no order of their own.
// Everything that looks into a peer's words is here. Called with the lock of the swarm's shard
// held.
//
//   IPv4 peer:   [ address | port, time ]                     2 words
//   IPv6 peer:   [ address · address · address · address | port, time ]   5 words
//
// Address and port are the bytes that came from the network, so that an answer is a copy of them.
// The time of the last announce is the low 16 bits of the clock, in the upper half of the word.

import { halfSipHash13 } from "../memory/hash.ts";
import type { Arena, BlockKind } from "./arena.ts";
import { HEADER, type TablePlan } from "./layout.ts";
import type { Handout } from "./handout.ts";

/** The largest block holds 2^7 peers. */
export const LARGEST_KIND: BlockKind = 7;

/** What a block's count must not exceed for a block of half the size to be worth the move. */
export function fitsHalf(count: number, kind: BlockKind): boolean {
  return count * 8 <= 3 << kind;
}

/** Reads and moves the peers of one table's blocks. */
export class PeerBlocks {
  /** Words of a peer. */
  readonly stride: number;
  readonly #addressWords: number;
  readonly #last: number;
  readonly #key = new Int32Array(5);

  constructor(
    private readonly words: Int32Array,
    private readonly arena: Arena,
    plan: TablePlan,
  ) {
    this.stride = plan.peerWords;
    this.#addressWords = plan.peerWords - 1;
    this.#last = plan.peerWords - 2;
  }

  /** The offset of the peer at `key[at]` among the `count` at `block`, or 0. */
  find(block: number, count: number, key: Int32Array, at: number): number {
    const { words, stride } = this;
    // The last word of an address tells most peers apart, in IPv6 too.
    const last = this.#last;
    const lastWord = key[at + last];
    const port = key[at + last + 1];
    const end = block + count * stride;
    for (let peer = block; peer < end; peer += stride) {
      if (
        words[peer + last] === lastWord &&
        (words[peer + last + 1] & 0xffff) === port &&
        (last === 0 || this.#isSamePrefix(peer, key, at))
      ) {
        return peer;
      }
    }
    return 0;
  }

  /** Writes the peer at `key[at]` to the offset `peer`, announced at the time `tick`. */
  write(peer: number, key: Int32Array, at: number, tick: number): void {
    const { words } = this;
    const addressWords = this.#addressWords;
    for (let i = 0; i < addressWords; i++) words[peer + i] = key[at + i];
    words[peer + addressWords] = key[at + addressWords] | (tick << 16);
  }

  /** Notes that a peer has announced itself at the time `tick`. */
  touch(peer: number, tick: number): void {
    const word = peer + this.#addressWords;
    this.words[word] = (this.words[word] & 0xffff) | (tick << 16);
  }

  /** The low 16 bits of the clock when the peer announced itself. */
  tickOf(peer: number): number {
    return this.words[peer + this.#addressWords] >>> 16;
  }

  /** Copies one peer over another. */
  move(from: number, to: number): void {
    const { words, stride } = this;
    for (let i = 0; i < stride; i++) words[to + i] = words[from + i];
  }

  /** Exchanges two peers. */
  exchange(a: number, b: number): void {
    const { words, stride } = this;
    for (let i = 0; i < stride; i++) {
      const word = words[a + i];
      words[a + i] = words[b + i];
      words[b + i] = word;
    }
  }

  /** The seeded hash of the peer key at `key[at]`. */
  hashKey(key: Int32Array, at: number): number {
    return halfSipHash13(this.words, HEADER.key, key, at, this.stride);
  }

  /** The same of a peer in the table. */
  hashPeer(peer: number): number {
    const key = this.#key;
    const addressWords = this.#addressWords;
    for (let i = 0; i < addressWords; i++) key[i] = this.words[peer + i];
    key[addressWords] = this.words[peer + addressWords] & 0xffff;
    return this.hashKey(key, 0);
  }

  /**
   * Moves `count` peers at `from` into a new block of 2^kind. The old block is the caller's to
   * free. Returns 0, with nothing changed, when memory is used up.
   */
  copyToBlock(from: number, count: number, kind: BlockKind): number {
    const block = this.arena.allocateBlock(kind);
    if (block === 0) return 0;
    this.words.copyWithin(block, from, from + count * this.stride);
    return block;
  }

  /**
   * Hands out the peers from the one at `peer` up to `end`, as far as they are wanted and not the
   * requester itself.
   */
  handOut(peer: number, end: number, handout: Handout): void {
    const { words, stride } = this;
    const addressWords = this.#addressWords;
    const { halves, requester } = handout;
    let { at, wanted } = handout;
    for (; peer < end && wanted > 0; peer += stride) {
      if (peer === requester) continue;
      for (let i = 0; i < addressWords; i++) {
        const word = words[peer + i];
        halves[at] = word;
        halves[at + 1] = word >>> 16;
        at += 2;
      }
      halves[at++] = words[peer + addressWords];
      wanted--;
    }
    handout.at = at;
    handout.wanted = wanted;
  }

  #isSamePrefix(peer: number, key: Int32Array, at: number): boolean {
    const { words } = this;
    return (
      words[peer] === key[at] && words[peer + 1] === key[at + 1] && words[peer + 2] === key[at + 2]
    );
  }
}
