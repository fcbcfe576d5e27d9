// Changes of peers as bytes, from one node of a cluster to others: announces, and peers that stop.
//
//   a swarm    [ info hash: 20 | peers that follow: 2 | peer ... ]
//   a peer     [ peer ID: 20 | flags: 1 | seconds since its announce: 2 ]
//
// The flags are those of an announce. Numbers are little-endian. A swarm may appear several times.

import { FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../../swarm/layout.ts";
import { ID_WORDS } from "../message/id.ts";

const ID_BYTES = ID_WORDS * 4;
const HEAD_BYTES = ID_BYTES + 2;
const PEER_BYTES = ID_BYTES + 3;
const FLAGS = FLAG_SEEDER | FLAG_STOPPED | FLAG_TAKE_OVER;
const MAX_AGE = 0xffff;
const MAX_PEERS = 0xffff;

/** Packs changes into payloads. */
export class ChangeWriter {
  readonly #bytes: Buffer;
  #length = 0;
  /** Where the last swarm begins; -1 if there is none. */
  #head = -1;
  #peers = 0;

  /** `take` is called with each payload of up to `maxBytes` bytes, which it must not keep. */
  constructor(
    maxBytes: number,
    private readonly take: (payload: Buffer) => void,
  ) {
    this.#bytes = Buffer.allocUnsafeSlow(maxBytes);
  }

  /**
   * Adds a change: an info hash and a peer ID in words, the flags of an announce, an age in
   * seconds.
   */
  add(
    hashes: Int32Array,
    infoHash: number,
    peers: Int32Array,
    peer: number,
    flags: number,
    age: number,
  ): void {
    const bytes = this.#bytes;
    if (!this.#isLastSwarm(hashes, infoHash)) {
      if (this.#length + HEAD_BYTES + PEER_BYTES > bytes.length) this.flush();
      this.#begin(hashes, infoHash);
    } else if (this.#length + PEER_BYTES > bytes.length || this.#peers === MAX_PEERS) {
      this.flush();
      this.#begin(hashes, infoHash);
    }
    this.#writeId(peers, peer);
    bytes[this.#length] = flags & FLAGS;
    bytes.writeUInt16LE(Math.min(MAX_AGE, age), this.#length + 1);
    this.#length += 3;
    bytes.writeUInt16LE(++this.#peers, this.#head + ID_BYTES);
  }

  /** Passes on what has been added. */
  flush(): void {
    if (this.#length > 0) this.take(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    this.#head = -1;
  }

  #isLastSwarm(words: Int32Array, word: number): boolean {
    if (this.#head < 0) return false;
    for (let i = 0; i < ID_WORDS; i++) {
      if (this.#bytes.readInt32LE(this.#head + i * 4) !== words[word + i]) return false;
    }
    return true;
  }

  #begin(words: Int32Array, word: number): void {
    this.#head = this.#length;
    this.#peers = 0;
    this.#writeId(words, word);
    this.#length += 2;
  }

  #writeId(words: Int32Array, word: number): void {
    for (let i = 0; i < ID_WORDS; i++) {
      this.#length = this.#bytes.writeInt32LE(words[word + i], this.#length);
    }
  }
}

/**
 * Calls `visit` for each change in `payload`. Returns false, without a call, if it is no such
 * payload. `words` has the info hash, then the peer ID, and is the same for all calls.
 */
export function readChanges(
  payload: Buffer,
  visit: (words: Int32Array, flags: number, age: number) => void,
): boolean {
  if (!isValid(payload)) return false;
  const words = new Int32Array(2 * ID_WORDS);
  let next = 0;
  while (next < payload.length) {
    readId(payload, next, words, 0);
    let left = payload.readUInt16LE(next + ID_BYTES);
    next += HEAD_BYTES;
    for (; left > 0; left--) {
      readId(payload, next, words, ID_WORDS);
      visit(words, payload[next + ID_BYTES], payload.readUInt16LE(next + ID_BYTES + 1));
      next += PEER_BYTES;
    }
  }
  return true;
}

function isValid(payload: Buffer): boolean {
  let next = 0;
  while (next + HEAD_BYTES <= payload.length) {
    const count = payload.readUInt16LE(next + ID_BYTES);
    next += HEAD_BYTES;
    if (count === 0 || next + count * PEER_BYTES > payload.length) return false;
    for (const end = next + count * PEER_BYTES; next < end; next += PEER_BYTES) {
      if ((payload[next + ID_BYTES] & ~FLAGS) !== 0) return false;
    }
  }
  return next === payload.length;
}

/** Copies the 20 bytes of an ID to words. */
export function readId(bytes: Buffer, offset: number, words: Int32Array, word: number): void {
  for (let i = 0; i < ID_WORDS; i++) words[word + i] = bytes.readInt32LE(offset + i * 4);
}
