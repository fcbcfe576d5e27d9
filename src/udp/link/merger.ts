// Carries out the announces at other nodes on the link thread, in batches as the workers do. They
// want no peers. The limits of this tracker hold for them, and its access list. An announce that is
// older than the one that the table knows changes nothing, so batches may come late, twice, or in
// any order.
//
// Of the time of an announce, only its age is known, and rounding must not change the order of two
// announces within a second. So times have fractions until they become ticks, and a change of a
// node is never dated before an earlier one of the same node.

import type { Counters } from "../../app/counters.ts";
import { MAX_NODES } from "../../cluster/members.ts";
import { COUNTER } from "../../app/metrics.ts";
import { tickOf } from "../../memory/clock.ts";
import type { RingReader } from "../../memory/ring.ts";
import type { AccessList } from "../../swarm/access-list.ts";
import {
  ANNOUNCE,
  FLAG_MERGE,
  FLAG_SEEDER,
  FLAG_STOPPED,
  INFO_HASH_WORDS,
} from "../../swarm/layout.ts";
import { Prefetch } from "../../swarm/prefetch.ts";
import { readSnapshotPart, SNAPSHOT_MAX_AGE, SNAPSHOT_SEEDER } from "../../swarm/snapshot.ts";
import type { Table } from "../../swarm/table.ts";
import type { ByFamily } from "../address-family.ts";
import { changeAddressBytes, changeAge, hasWholeChanges, readChange } from "./change-codec.ts";
import { CHANGE, CHANGE_IPV6 } from "../changes.ts";
import { Departures } from "./departures.ts";
import type { Origins } from "./origins.ts";

/** Announces that are prefetched together, as in handler.ts. */
const MAX_BATCH = 64;

/** Before any second of the clock, also of announces before the start. */
const NEVER = -(2 ** 31);

const NO_PEERS = new Uint16Array(0);

export interface MergerSettings {
  readonly tables: ByFamily<Table>;
  readonly access: AccessList;
  readonly counters: Counters;
  /** Seconds after its last announce at which a peer expires. */
  readonly maxPeerAge: number;
  /** Where the peers of each node are counted. */
  readonly origins?: Origins;
}

export class Merger {
  readonly #departures = new Departures();
  readonly #batches: ByFamily<Batch>;
  #maxPeerAge: number;
  #now = 0;
  /** The index of the node that announces were made at; -1 if it is not known. */
  #node = -1;
  /** By the index of the node, the second of the last change that it sent. */
  readonly #lastSeconds = new Int32Array(MAX_NODES).fill(NEVER);

  constructor(private readonly settings: MergerSettings) {
    const { tables } = settings;
    this.#batches = { 4: createBatch(tables[4]), 16: createBatch(tables[16]) };
    this.#maxPeerAge = settings.maxPeerAge;
  }

  configure(maxPeerAge: number): void {
    this.#maxPeerAge = maxPeerAge;
  }

  /**
   * Merges changes that the node with the index `node` sent `age` seconds before `now`, both of
   * them with fractions. Returns false, and changes nothing, if the message is not valid.
   */
  mergeChanges(message: Uint8Array, age: number, now: number, node: number): boolean {
    if (!hasWholeChanges(message)) return false;
    this.#now = now;
    this.#node = node;
    const sent = Math.floor(now - age);
    let second = this.#lastSeconds[node];
    for (let offset = 0; offset < message.length;) {
      const batch = this.#batches[changeAddressBytes(message, offset)];
      second = Math.max(second, sent - changeAge(message, offset));
      offset = readChange(message, offset, batch.requests, batch.count * ANNOUNCE.words);
      this.#add(batch, second);
    }
    this.#lastSeconds[node] = second;
    this.#runAll();
    return true;
  }

  /** The next node with the index `node` is another one. */
  forget(node: number): void {
    this.#lastSeconds[node] = NEVER;
    this.settings.origins?.forget(node);
  }

  /**
   * Merges a part of a snapshot of one family (see swarm/snapshot.ts), whose ages were right `age`
   * seconds before `now`. Returns false, and changes nothing, if the part is not valid.
   */
  mergePart(family: 4 | 16, part: Int32Array, age: number, now: number): boolean {
    const batch = this.#batches[family];
    const { stride } = batch.table.blocks;
    if (!readSnapshotPart(part, stride, () => {})) return false;
    this.#now = now;
    this.#node = -1;
    // Ages in whole seconds may be too low by one. Changes come first.
    const sent = Math.floor(now - age) - 1;
    readSnapshotPart(part, stride, (head, peer) => {
      const { requests } = batch;
      const announce = batch.count * ANNOUNCE.words;
      const last = stride - 1;
      const state = part[peer + last] >>> 16;
      requests[announce + ANNOUNCE.flags] = (state & SNAPSHOT_SEEDER) === 0 ? 0 : FLAG_SEEDER;
      for (let i = 0; i < INFO_HASH_WORDS; i++) {
        requests[announce + ANNOUNCE.infoHash + i] = part[head + i];
      }
      for (let i = 0; i < last; i++) requests[announce + ANNOUNCE.peer + i] = part[peer + i];
      requests[announce + ANNOUNCE.peer + last] = part[peer + last] & 0xffff;
      this.#add(batch, sent - (state & SNAPSHOT_MAX_AGE));
    });
    this.#runAll();
    return true;
  }

  /**
   * Notes that a peer has stopped at this node: the change at `words[change]` of `age` seconds ago.
   * If an older announce has brought it back meanwhile, it goes.
   */
  noteStop({ words }: RingReader, change: number, age: number, now: number): void {
    this.#now = now;
    const isIpv6 = (words[change + CHANGE.state] & CHANGE_IPV6) !== 0;
    const { requests, table } = this.#batches[isIpv6 ? 16 : 4];
    for (let i = 0; i < INFO_HASH_WORDS + table.blocks.stride; i++) {
      requests[ANNOUNCE.infoHash + i] = words[change + CHANGE.infoHash + i];
    }
    requests[ANNOUNCE.flags] = FLAG_STOPPED | FLAG_MERGE;
    table.hashAnnounce(requests, 0);
    const { [ANNOUNCE.peerHash]: peerHash, [ANNOUNCE.torrentHash]: torrentHash } = requests;
    this.#departures.note(torrentHash, peerHash, now - age);
    // It may have announced itself again in the same second.
    table.announce(requests, 0, tickOf(now - age - 1), NO_PEERS, 0);
  }

  // Completes the announce after the last one of a batch, which was made at `second`.
  #add(batch: Batch, second: number): void {
    const { requests, table } = batch;
    const { access, counters } = this.settings;
    const word = batch.count * ANNOUNCE.words;
    const age = this.#now - second;
    const last = word + ANNOUNCE.peer + table.blocks.stride - 1;
    if (
      age > this.#maxPeerAge ||
      requests[last] === 0 ||
      !access.allows(requests, word + ANNOUNCE.infoHash)
    ) {
      counters.add(COUNTER.changesRefused, 1);
      return;
    }
    requests[word + ANNOUNCE.numwant] = 0;
    requests[word + ANNOUNCE.flags] |= FLAG_MERGE;
    table.hashAnnounce(requests, word);
    batch.seconds[batch.count] = second;
    batch.prefetch.add(word);
    batch.count++;
    if (batch.count === MAX_BATCH) this.#run(batch);
  }

  #runAll(): void {
    this.#run(this.#batches[4]);
    this.#run(this.#batches[16]);
  }

  #run(batch: Batch): void {
    const { count, requests, seconds, table } = batch;
    batch.prefetch.run(requests);
    batch.count = 0;
    let applied = 0;
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const word = i * ANNOUNCE.words;
      const outcome = this.#announce(table, requests, word, seconds[i]);
      if (outcome > 0) applied++;
      else if (outcome < 0) refused++;
    }
    const { counters } = this.settings;
    counters.add(COUNTER.changesApplied, applied);
    counters.add(COUNTER.changesRefused, refused);
    counters.add(COUNTER.changesKnown, count - applied - refused);
  }

  // Returns 1 if the announce has changed the table, 0 if not, and -1 if there is no room for it.
  #announce(table: Table, requests: Int32Array, word: number, second: number): number {
    const torrentHash = requests[word + ANNOUNCE.torrentHash];
    const peerHash = requests[word + ANNOUNCE.peerHash];
    const isStop = (requests[word + ANNOUNCE.flags] & FLAG_STOPPED) !== 0;
    if (isStop) this.#departures.note(torrentHash, peerHash, second);
    else if (this.#departures.hasLeftSince(torrentHash, peerHash, second)) return 0;
    else if (this.#node >= 0)
      this.settings.origins?.add(this.#node, torrentHash ^ peerHash, second);
    const { result } = table;
    if (table.announce(requests, word, tickOf(second), NO_PEERS, 0) < 0) return -1;
    if (isStop) return Number(result.wasRemoved);
    return Number(result.isNewcomer || result.wasUpdated);
  }
}

/** Announces for one table that are carried out together. */
interface Batch {
  readonly table: Table;
  readonly prefetch: Prefetch;
  readonly requests: Int32Array;
  /** The second of each announce. */
  readonly seconds: Int32Array;
  count: number;
}

function createBatch(table: Table): Batch {
  return {
    table,
    prefetch: new Prefetch(table, MAX_BATCH),
    requests: new Int32Array(MAX_BATCH * ANNOUNCE.words),
    seconds: new Int32Array(MAX_BATCH),
    count: 0,
  };
}
