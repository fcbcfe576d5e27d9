// What the other nodes of a cluster must know of the announces of this one. The worker that answers
// an announce appends the change to a ring in shared memory, and the link worker reads it there.
// The worker never waits and wakes no other thread. If a ring is full, the change is dropped and
// counted, and the peer's next announce makes up for it.
//
// cluster/news.ts says which announces are sent. Stops always are, also of peers that this node
// does not know, because another one may know them.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { epochSeconds, isNews } from "../cluster/news.ts";
import { tickOf } from "../memory/clock.ts";
import { RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, INFO_HASH_WORDS } from "../swarm/layout.ts";
import type { TableResult } from "../swarm/table-result.ts";

/**
 * The words of a change: its state; the info hash; the peer without its time (see peer-blocks.ts).
 * The state is the flags of the announce, CHANGE_IPV6, and the tick in the upper half.
 */
export const CHANGE = { state: 0, infoHash: 1, peer: 1 + INFO_HASH_WORDS } as const;

/** The peer is an IPv6 one. */
export const CHANGE_IPV6 = 4;

/** Changes of 45 ms at 300,000 a second. The link worker reads every 10 ms while there are many. */
const RING_WORDS = 1 << 17;

/** Allocates a ring for each of `workers` workers. */
export function allocateChanges(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ringWords(RING_WORDS) * 4);
}

/** The reader of ring number `index`. */
export function openChangeReader(changes: SharedArrayBuffer, index: number): RingReader {
  return new RingReader(new Int32Array(changes), index * ringWords(RING_WORDS), RING_WORDS);
}

/** Appends the changes of one worker. */
export class ChangeWriter {
  readonly #ring: RingWriter;
  #epochSeconds = 1;
  #hasUnpublished = false;

  /** Writes to ring number `index`. */
  constructor(
    changes: SharedArrayBuffer,
    index: number,
    private readonly counters: Counters,
    maxPeerAge: number,
  ) {
    this.#ring = new RingWriter(new Int32Array(changes), index * ringWords(RING_WORDS), RING_WORDS);
    this.configure(maxPeerAge);
  }

  /** `maxPeerAge` is the age in seconds at which peers expire. */
  configure(maxPeerAge: number): void {
    this.#epochSeconds = epochSeconds(maxPeerAge);
  }

  /**
   * Appends the announce at `request[announceWord]`, which a table has carried out with this result
   * at second `now`, if others must know of it. `peerWords` is the table's.
   */
  add(
    request: Int32Array,
    announceWord: number,
    peerWords: number,
    result: TableResult,
    now: number,
  ): void {
    const flags = request[announceWord + ANNOUNCE.flags] & (FLAG_SEEDER | FLAG_STOPPED);
    const peerHash = request[announceWord + ANNOUNCE.peerHash];
    const isStop = (flags & FLAG_STOPPED) !== 0;
    if (!isStop && !isNews(flags, peerHash, result, now, this.#epochSeconds)) return;
    const ring = this.#ring;
    const { words } = ring;
    const count = CHANGE.peer + peerWords;
    const change = ring.reserve(count);
    if (change < 0) {
      this.counters.add(COUNTER.changesDropped, 1);
      return;
    }
    const family = peerWords > 2 ? CHANGE_IPV6 : 0;
    words[change + CHANGE.state] = flags | family | (tickOf(now) << 16);
    for (let i = 0; i < INFO_HASH_WORDS; i++) {
      words[change + CHANGE.infoHash + i] = request[announceWord + ANNOUNCE.infoHash + i];
    }
    for (let i = 0; i < peerWords; i++) {
      words[change + CHANGE.peer + i] = request[announceWord + ANNOUNCE.peer + i];
    }
    ring.commit(count);
    this.#hasUnpublished = true;
  }

  /** Makes the changes of a batch visible to the link worker. */
  publish(): void {
    if (!this.#hasUnpublished) return;
    this.#hasUnpublished = false;
    this.#ring.publish();
  }
}
