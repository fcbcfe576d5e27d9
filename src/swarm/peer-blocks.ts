// Peers in memory: packed one after the other in a block, in no particular order. All code that
// reads the words of a peer is here. Callers hold the lock of the swarm's shard.
//
//   IPv4 peer:         [ address | port, time ]                                        2 words
//   IPv6 peer:         [ address · address · address · address | port, time ]          5 words
//   WebTorrent peer:   [ peer id · … · … · … · … | connection | generation, time ]     7 words
//
// Address and port are the bytes from the network, so a response is a copy of them. Connection and
// generation identify the holder of a WebTorrent peer, not the peer. The time of the last announce
// is the low 16 bits of the clock, in the upper half of the last word.

import { halfSipHash13 } from "../memory/hash.ts";
import type { Arena, SizeClass } from "./arena.ts";
import { HEADER, type TablePlan } from "./layout.ts";
import type { Handout } from "./handout.ts";

/** The largest block holds 2^7 peers. */
export const MAX_SIZE_CLASS: SizeClass = 7;

/** Whether a block with `count` peers should move to a block of half the size. */
export function fitsHalf(count: number, sizeClass: SizeClass): boolean {
  return count * 8 <= 3 << sizeClass;
}

/** Reads and moves the peers in the blocks of one table. */
export class PeerBlocks {
  /** Words of a peer. */
  readonly stride: number;
  /** The last word of the peer's address or peer id. */
  readonly #last: number;
  /** The last word of a peer. */
  readonly #tail: number;
  /** The bits of the last word that identify the peer: the port, or none. */
  readonly #tailMask: number;
  /** Words of the key that are hashed. */
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

  /**
   * Returns the word of the peer with the key at `key[keyWord]` among the `count` peers at `block`,
   * or 0 if there is none.
   */
  find(block: number, count: number, key: Int32Array, keyWord: number): number {
    const { words, stride } = this;
    // The last word of an address or a peer id differs for most peers.
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

  /**
   * Whether the connection at `key[keyWord]` holds `peer`. Peers identified by address have none.
   */
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

  /** Writes the peer at `key[keyWord]` to `peer`, with `tick` as the time of its last announce. */
  write(peer: number, key: Int32Array, keyWord: number, tick: number): void {
    const { words } = this;
    const tail = this.#tail;
    for (let i = 0; i < tail; i++) words[peer + i] = key[keyWord + i];
    words[peer + tail] = (key[keyWord + tail] & 0xffff) | (tick << 16);
  }

  /** The low 16 bits of the clock at the peer's last announce. */
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

  /** The seeded hash of the peer's key at `key[keyWord]`. */
  hashKey(key: Int32Array, keyWord: number): number {
    return halfSipHash13(this.words, HEADER.key, key, keyWord, this.#keyWords);
  }

  /** The same hash for a peer in the table. */
  hashPeer(peer: number): number {
    const key = this.#key;
    for (let i = 0; i <= this.#last; i++) key[i] = this.words[peer + i];
    if (this.#tailMask !== 0) key[this.#tail] = this.words[peer + this.#tail] & 0xffff;
    return this.hashKey(key, 0);
  }

  /**
   * Copies `count` peers from `from` into a new block of size class `sizeClass`; the caller frees
   * the old block. Returns 0, and changes nothing, if memory is used up.
   */
  copyToBlock(from: number, count: number, sizeClass: SizeClass): number {
    const block = this.arena.allocateBlock(sizeClass);
    if (block === 0) return 0;
    this.words.copyWithin(block, from, from + count * this.stride);
    return block;
  }

  /** Hands out peers from `peer` up to `end` until enough are copied. Skips the announcing peer. */
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
