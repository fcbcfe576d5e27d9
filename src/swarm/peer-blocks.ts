// Peers as they lie in memory: packed one behind the other in a block, in no order of their own.
// Everything that looks into a peer's words is here. Called with the lock of the swarm's shard
// held.
//
//   IPv4 peer:         [ address | port, time ]                                        2 words
//   IPv6 peer:         [ address · address · address · address | port, time ]          5 words
//   WebTorrent peer:   [ peer id · … · … · … · … | connection | generation, time ]     7 words
//
// Address and port are the bytes that came from the network, so that an answer is a copy of them.
// Connection and generation say who holds a WebTorrent peer; they do not name it. The time of the
// last announce is the low 16 bits of the clock, in the upper half of the last word.

import { halfSipHash13 } from "../memory/hash.ts";
import type { Arena, SizeClass } from "./arena.ts";
import { HEADER, type TablePlan } from "./layout.ts";
import type { Handout } from "./handout.ts";

/** The largest block holds 2^7 peers. */
export const MAX_SIZE_CLASS: SizeClass = 7;

/** What a block's count must not exceed for a block of half the size to be worth the move. */
export function fitsHalf(count: number, sizeClass: SizeClass): boolean {
  return count * 8 <= 3 << sizeClass;
}

/** Reads and moves the peers of one table's blocks. */
export class PeerBlocks {
  /** Words of a peer. */
  readonly stride: number;
  /** The last word of what names a peer, or of its address. */
  readonly #last: number;
  /** The last word of a peer. */
  readonly #tail: number;
  /** Which bits of it name the peer: those of the port, or none. */
  readonly #tailMask: number;
  /** Words that are hashed. */
  readonly #keyWords: number;
  readonly #key = new Int32Array(5);

  constructor(
    private readonly words: Int32Array,
    private readonly arena: Arena,
    plan: TablePlan,
  ) {
    const identityWords = plan.identityBytes / 4;
    const isHeld = plan.identityBytes === 20;
    this.stride = plan.peerWords;
    this.#last = identityWords - 1;
    this.#tail = plan.peerWords - 1;
    this.#tailMask = isHeld ? 0 : 0xffff;
    this.#keyWords = isHeld ? identityWords : plan.peerWords;
  }

  /** The offset of the peer at `key[at]` among the `count` at `block`, or 0. */
  find(block: number, count: number, key: Int32Array, keyWord: number): number {
    const { words, stride } = this;
    // The last word of an address or a peer id tells most peers apart.
    const last = this.#last;
    const lastWord = key[keyWord + last];
    const tail = this.#tail;
    const tailMask = this.#tailMask;
    const tailWord = key[keyWord + tail] & tailMask;
    const end = block + count * stride;
    for (let peer = block; peer < end; peer += stride) {
      if (
        words[peer + last] === lastWord &&
        (words[peer + tail] & tailMask) === tailWord &&
        (last === 0 || this.#isSamePrefix(peer, key, keyWord))
      ) {
        return peer;
      }
    }
    return 0;
  }

  /** Whether the connection that holds `peer` is that at `key[at]`. Peers by address have none. */
  isHeldBy(peer: number, key: Int32Array, keyWord: number): boolean {
    if (this.#tailMask !== 0) return true;
    return (
      this.connectionOf(peer) === key[keyWord + this.#tail - 1] &&
      this.generationOf(peer) === (key[keyWord + this.#tail] & 0xffff)
    );
  }

  /** The connection that holds a WebTorrent peer. */
  connectionOf(peer: number): number {
    return this.words[peer + this.#tail - 1];
  }

  /** The generation of that connection. */
  generationOf(peer: number): number {
    return this.words[peer + this.#tail] & 0xffff;
  }

  /** Writes the peer at `key[at]` to the offset `peer`, announced at the time `tick`. */
  write(peer: number, key: Int32Array, keyWord: number, tick: number): void {
    const { words } = this;
    const tail = this.#tail;
    for (let i = 0; i < tail; i++) words[peer + i] = key[keyWord + i];
    words[peer + tail] = (key[keyWord + tail] & 0xffff) | (tick << 16);
  }

  /** The low 16 bits of the clock when the peer announced itself. */
  tickOf(peer: number): number {
    return this.words[peer + this.#tail] >>> 16;
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
  hashKey(key: Int32Array, keyWord: number): number {
    return halfSipHash13(this.words, HEADER.key, key, keyWord, this.#keyWords);
  }

  /** The same of a peer in the table. */
  hashPeer(peer: number): number {
    const key = this.#key;
    for (let i = 0; i <= this.#last; i++) key[i] = this.words[peer + i];
    if (this.#tailMask !== 0) key[this.#tail] = this.words[peer + this.#tail] & 0xffff;
    return this.hashKey(key, 0);
  }

  /**
   * Moves `count` peers at `from` into a new block of 2^sizeClass. The old block is the caller's to
   * free. Returns 0, with nothing changed, when memory is used up.
   */
  copyToBlock(from: number, count: number, sizeClass: SizeClass): number {
    const block = this.arena.allocateBlock(sizeClass);
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
    const tail = this.#tail;
    const { halves, requester } = handout;
    let { half, wanted } = handout;
    for (; peer < end && wanted > 0; peer += stride) {
      if (peer === requester) continue;
      for (let i = 0; i < tail; i++) {
        const word = words[peer + i];
        halves[half] = word;
        halves[half + 1] = word >>> 16;
        half += 2;
      }
      halves[half++] = words[peer + tail];
      wanted--;
    }
    handout.half = half;
    handout.wanted = wanted;
  }

  #isSamePrefix(peer: number, key: Int32Array, keyWord: number): boolean {
    const { words } = this;
    const last = this.#last;
    for (let i = 0; i < last; i++) if (words[peer + i] !== key[keyWord + i]) return false;
    return true;
  }
}
