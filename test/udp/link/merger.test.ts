// What a node makes of messages from others.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { allocateCounters, Counters, sumCounter } from "../../../src/app/counters.ts";
import { COUNTER } from "../../../src/app/metrics.ts";
import { Random } from "../../../src/memory/random.ts";
import { RingReader, RingWriter, ringWords } from "../../../src/memory/ring.ts";
import {
  AccessList,
  AccessListWriter,
  allocateAccessList,
} from "../../../src/swarm/access-list.ts";
import { FLAG_SEEDER, FLAG_STOPPED } from "../../../src/swarm/layout.ts";
import { SnapshotEncoder } from "../../../src/swarm/snapshot.ts";
import { ChangeEncoder } from "../../../src/udp/link/change-codec.ts";
import { CHANGE_IPV6 } from "../../../src/udp/changes.ts";
import { Merger } from "../../../src/udp/link/merger.ts";
import { TableHarness } from "../../swarm/harness.ts";

const NOW = 5000;

/** Each message is from another node. */
let nodes = 0;
const nextNode = (): number => nodes++ % 250;

/** A change of peer `peer` of torrent `torrent`, both as TableHarness numbers them. */
interface Told {
  torrent: number;
  peer: number;
  flags?: number;
  age?: number;
}

function open(limits = { maxTorrents: 1000, maxPeers: 10_000 }, seed = 1) {
  const tables = {
    4: new TableHarness(4, limits, undefined, seed),
    16: new TableHarness(16, limits, undefined, seed),
  };
  const counters = allocateCounters(1);
  const accessList = allocateAccessList(10);
  const merger = new Merger({
    tables: { 4: tables[4].table, 16: tables[16].table },
    access: new AccessList(accessList),
    counters: new Counters(counters, 0),
    maxPeerAge: 1200,
  });
  const counts = () => ({
    applied: sumCounter(counters, COUNTER.changesApplied),
    known: sumCounter(counters, COUNTER.changesKnown),
    refused: sumCounter(counters, COUNTER.changesRefused),
  });
  return { tables, merger, accessList, counts };
}

/** The words of a change, see CHANGE. */
function wordsOf(family: 4 | 16, { age = 0, flags = 0, peer, torrent }: Told): Int32Array {
  const [low, port] = [0x0a000000 + (peer >>> 2), 1000 + (peer & 3)];
  const address = family === 4 ? [low] : [0x20010db8, peer & 1, -7, low];
  const state = flags | (family === 4 ? 0 : CHANGE_IPV6) | ((NOW - age) << 16);
  return new Int32Array([state, ...Array.from({ length: 5 }, () => torrent), ...address, port]);
}

function messageOf(family: 4 | 16, changes: Told[]): Uint8Array {
  const encoder = new ChangeEncoder(12_000);
  // An age of one second may be much less: see change-codec.ts.
  for (const change of changes) expect(encoder.add(wordsOf(family, change), 0, NOW + 1)).toBe(true);
  return encoder.take();
}

describe.each([4, 16] as const)("peers of %i-byte addresses", (family) => {
  test("a message adds, changes and removes peers, with their ages", () => {
    const { counts, merger, tables } = open();
    const merge = (changes: Told[], age = 0) => {
      expect(merger.mergeChanges(messageOf(family, changes), age, NOW, nextNode())).toBe(true);
    };
    const harness = tables[family];
    merge(
      Array.from({ length: 200 }, (_, peer) => ({ torrent: peer % 3, peer, age: 5 })),
      10,
    );
    expect(harness.scrape(1)).toEqual({ leechers: 67, seeders: 0 });
    harness.announce({ torrent: 1, peer: 1, tick: NOW, wanted: 0 });
    expect(harness.table.result.lastTick).toBe(NOW - 15);
    merge([{ torrent: 1, peer: 4, flags: FLAG_SEEDER }]);
    merge([{ torrent: 1, peer: 7, flags: FLAG_STOPPED }]);
    expect(harness.scrape(1)).toEqual({ leechers: 65, seeders: 1 });
    expect(counts()).toEqual({ applied: 202, known: 0, refused: 0 });
    // Later than these, as far as it is known here.
    merge([{ torrent: 1, peer: 1, flags: FLAG_SEEDER, age: 1 }]);
    merge([{ torrent: 1, peer: 1, flags: FLAG_STOPPED, age: 1 }]);
    expect(harness.scrape(1)).toEqual({ leechers: 65, seeders: 1 });
    expect(counts()).toEqual({ applied: 202, known: 2, refused: 0 });
  });

  test("an announce from before a peer's stop does not bring it back", () => {
    const { merger, tables } = open();
    const merge = (change: Told) =>
      merger.mergeChanges(messageOf(family, [change]), 0, NOW, nextNode());
    merge({ torrent: 1, peer: 1, flags: FLAG_STOPPED, age: 3 });
    merge({ torrent: 1, peer: 1, age: 4 });
    expect(tables[family].scrape(1).leechers).toBe(0);
    merge({ torrent: 1, peer: 1, age: 3 });
    expect(tables[family].scrape(1).leechers).toBe(1);
  });

  test("a stop at this node removes a peer that an older announce has brought back", () => {
    const { merger, tables } = open();
    const ring = new Int32Array(ringWords(64));
    const reader = new RingReader(ring, 0, 64);
    const stop = (age: number) => {
      const writer = new RingWriter(ring, 0, 64);
      const words = wordsOf(family, { torrent: 1, peer: 1, flags: FLAG_STOPPED, age });
      ring.set(words, writer.reserve(words.length));
      writer.commit(words.length);
      writer.publish();
      merger.noteStop(reader, reader.peek(), age, NOW);
      reader.advance();
      reader.release();
    };
    const merge = (age: number) => {
      const change = { torrent: 1, peer: 1, age };
      merger.mergeChanges(messageOf(family, [change]), 0, NOW, nextNode());
      return tables[family].scrape(1).leechers;
    };
    expect(merge(6)).toBe(1);
    stop(5);
    expect(tables[family].scrape(1).leechers).toBe(0);
    expect(merge(6)).toBe(0);
    // It has started again in the same second.
    expect(merge(5)).toBe(1);
    stop(5);
    expect(tables[family].scrape(1).leechers).toBe(1);
  });

  test("a change of a node is never dated before an earlier one", () => {
    const { merger, tables } = open();
    const [put, stop] = [0, FLAG_STOPPED].map((flags) => ({ torrent: 1, peer: 1, flags }));
    // Rounding makes the stop older than the announce.
    merger.mergeChanges(messageOf(family, [put]), 0.9, NOW + 0.9, 7);
    merger.mergeChanges(messageOf(family, [stop]), 0.9, NOW + 0.89, 7);
    expect(tables[family].scrape(1).leechers).toBe(0);
    merger.mergeChanges(messageOf(family, [put, { ...stop, age: 2 }]), 0, NOW + 5, 7);
    expect(tables[family].scrape(1).leechers).toBe(0);
    // Another node may have meant another second.
    merger.mergeChanges(messageOf(family, [put]), 0, NOW + 6, 7);
    merger.mergeChanges(messageOf(family, [stop]), 0, NOW + 5.9, 8);
    expect(tables[family].scrape(1).leechers).toBe(1);
    merger.forget(7);
    merger.mergeChanges(messageOf(family, [stop]), 0, NOW + 5.9, 7);
    expect(tables[family].scrape(1).leechers).toBe(1);
  });

  test("what is forbidden, expired, without a port or without room is refused", () => {
    const { accessList, counts, merger, tables } = open({ maxTorrents: 1000, maxPeers: 2 });
    const list = new AccessListWriter(accessList);
    list.begin(1);
    list.add(new Int32Array(5).fill(9), 0);
    list.commit("deny");
    const merge = (changes: Told[], age = 0) => {
      expect(merger.mergeChanges(messageOf(family, changes), age, NOW, nextNode())).toBe(true);
    };
    merge([{ torrent: 9, peer: 1 }]);
    merge([{ torrent: 1, peer: 1, age: 2 }], 1200);
    const message = messageOf(family, [{ torrent: 1, peer: 1 }]);
    message.fill(0, -2);
    expect(merger.mergeChanges(message, 0, NOW, nextNode())).toBe(true);
    expect(tables[family].table.peerCount).toBe(0);
    merge([1, 2, 3].map((peer) => ({ torrent: 1, peer })));
    expect(tables[family].table.peerCount).toBe(2);
    expect(counts()).toEqual({ applied: 2, known: 0, refused: 4 });
  });

  test("a part of a snapshot is merged like announces", () => {
    const from = open(undefined, 8).tables[family];
    const { counts, merger, tables } = open();
    const to = tables[family];
    const random = new Random(family, 1, 2);
    for (let i = 0; i < 3000; i++) {
      const status = random.below(2) === 0 ? "seeder" : "leecher";
      const [torrent, tick] = [random.below(20), NOW - random.below(1000)];
      from.announce({ torrent, peer: random.below(300), status, tick, wanted: 0 });
    }
    to.announce({ torrent: 1, peer: 1, status: "leecher", tick: NOW, wanted: 0 });
    from.announce({ torrent: 1, peer: 1, status: "seeder", tick: NOW - 100, wanted: 0 });
    to.announce({ torrent: 1, peer: 2, status: "leecher", tick: NOW - 100, wanted: 0 });
    from.announce({ torrent: 1, peer: 2, status: "seeder", tick: NOW - 20, wanted: 0 });
    const encoder = new SnapshotEncoder(from.table, NOW - 10, { partWords: 500 });
    const mergeAll = () => {
      for (let isLast = false; !isLast;) {
        isLast = encoder.next();
        const part = encoder.words.slice(0, encoder.length);
        expect(merger.mergePart(family, part, 10, NOW)).toBe(true);
      }
    };
    mergeAll();
    expect(to.table.peerCount).toBe(from.table.peerCount);
    from.announce({ torrent: 1, peer: 1, status: "leecher", tick: NOW, wanted: 0 });
    for (let torrent = 0; torrent < 20; torrent++) {
      expect(to.scrape(torrent)).toEqual(from.scrape(torrent));
    }
    expect(counts()).toEqual({ applied: from.table.peerCount - 1, known: 1, refused: 0 });
  });

  test("a part that is not whole changes nothing", () => {
    const from = open().tables[family];
    for (let peer = 1; peer <= 9; peer++) from.announce({ torrent: 1 + (peer % 2), peer });
    const encoder = new SnapshotEncoder(from.table, 0);
    encoder.next();
    const { merger, tables } = open();
    const part = encoder.words.slice(0, encoder.length);
    for (const broken of [
      part.slice(0, -1),
      part.with(5, 1000),
      part.with(5, -1),
      part.with(5, 3),
    ]) {
      expect(merger.mergePart(family, broken, 0, 0)).toBe(false);
      expect(tables[family].table.peerCount).toBe(0);
    }
    expect(merger.mergePart(family, part, 0, 0)).toBe(true);
    expect(tables[family].table.peerCount).toBe(9);
  });
});

test("any bytes are merged whole or not at all", () => {
  const { counts, merger, tables } = open();
  const total = () => Object.values(counts()).reduce((sum, count) => sum + count);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.double({ min: 0, max: 2000 }),
      (bytes, age) => {
        const before = total();
        if (!merger.mergeChanges(bytes, age, NOW, nextNode())) expect(total()).toBe(before);
      },
    ),
    { numRuns: 2000 },
  );
  const words = fc.oneof(fc.integer(), fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(fc.array(words, { maxLength: 60 }), (part) => {
      const before = total();
      const isMerged = merger.mergePart(4, new Int32Array(part), 0, NOW);
      if (!isMerged) expect(total()).toBe(before);
    }),
    { numRuns: 2000 },
  );
  expect(total()).toBeGreaterThan(0);
  expect(tables[4].table.peerCount).toBeLessThanOrEqual(10_000);
});
