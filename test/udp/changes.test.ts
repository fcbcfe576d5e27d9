// Which announces other nodes of a cluster learn of, and how they travel.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { COUNTER } from "../../src/app/metrics.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED } from "../../src/swarm/layout.ts";
import {
  ChangeEncoder,
  changeAddressBytes,
  changeAge,
  hasWholeChanges,
  readChange,
} from "../../src/udp/link/change-codec.ts";
import { allocateChanges, CHANGE, CHANGE_IPV6, openChangeReader } from "../../src/udp/changes.ts";
import { HandlerHarness, source } from "./harness.ts";

const hash = (n: number) => Buffer.alloc(20, n);

/** A handler, and what it has sent since the last call of `sent`. */
function open(maxPeerAge = 800) {
  const changes = allocateChanges(1);
  const limits = { maxTorrents: 1000, maxPeers: 30_000 };
  const harness = new HandlerHarness({ changes, maxPeerAge, limits });
  const reader = openChangeReader(changes, 0);
  const sent = () => {
    harness.handler.publishChanges();
    const found: { flags: number; tick: number; torrent: number; port: number }[] = [];
    for (let word = reader.peek(); word >= 0; word = reader.peek()) {
      const state = reader.words[word + CHANGE.state];
      const isIpv6 = (state & CHANGE_IPV6) !== 0;
      const port = reader.words[word + CHANGE.peer + (isIpv6 ? 4 : 1)];
      found.push({
        flags: state & 3,
        tick: state >>> 16,
        torrent: reader.words[word + CHANGE.infoHash] & 0xff,
        port: ((port & 0xff) << 8) | (port >> 8),
      });
      reader.advance();
    }
    reader.release();
    return found;
  };
  return { harness, sent };
}

describe.each([4, 16] as const)("announces from an address of %i bytes", (family) => {
  const client = source(family);

  test("new peers, changes of status and stops are sent, and nothing twice", () => {
    const { harness, sent } = open();
    const announce = (left: bigint, event = 0) => {
      harness.announce(client, { infoHash: hash(5), port: 77, left, event });
      return sent();
    };
    const change = (flags: number) => [{ flags, tick: harness.now, torrent: 5, port: 77 }];
    expect(announce(1n)).toEqual(change(0));
    expect(announce(1n)).toEqual([]);
    expect(announce(0n, 1)).toEqual(change(FLAG_SEEDER));
    expect(announce(0n)).toEqual([]);
    expect(announce(1n)).toEqual(change(0));
    expect(announce(1n, 3)).toEqual(change(FLAG_STOPPED));
    // Another node may still know it.
    expect(announce(1n, 3)).toEqual(change(FLAG_STOPPED));
  });

  test("a peer that announces itself again is sent once in each epoch", () => {
    const { harness, sent } = open(800);
    const announce = (port: number) => {
      harness.announce(client, { infoHash: hash(5), port, left: 1n });
    };
    const last: number[] = [];
    const times = Array.from({ length: 21 }, () => 0);
    for (; harness.now < 2000; harness.now += 7) {
      for (let port = 1; port <= 20; port++) announce(port);
      for (const { port } of sent()) {
        times[port]++;
        // The first time is somewhere in an epoch, the others are at the beginnings of epochs:
        // every 100 seconds, at a step of 7.
        if (times[port] > 2) {
          expect(harness.now - last[port]).toBeGreaterThan(100 - 7);
          expect(harness.now - last[port]).toBeLessThan(100 + 7);
        }
        last[port] = harness.now;
      }
    }
    expect(last.filter((second) => second > 2000 - 107).length).toBe(20);
    // Not all at once.
    expect(new Set(last).size).toBeGreaterThan(5);
  });

  test("others know the age of each peer to within an epoch", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 50 }), (pauses) => {
        const { harness, sent } = open(800);
        let heard = -1;
        for (const pause of pauses) {
          harness.now += pause;
          harness.announce(client, { infoHash: hash(5), port: 1, left: 1n });
          for (const { tick } of sent()) heard = tick;
          expect(harness.now - heard).toBeLessThan(100);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a refused announce is not sent, and a full ring drops", () => {
    const { harness, sent } = open();
    harness.announce(client, { infoHash: hash(1), port: 0 });
    expect(sent()).toEqual([]);
    const connectionId = harness.connect(client);
    const { infoHash, count } = { infoHash: Buffer.alloc(20), count: 20_000 };
    for (let i = 0; i < count; i++) {
      infoHash.writeUInt32LE(i % 900, 0);
      harness.announceWith(client, { connectionId, infoHash, port: 1 + Math.floor(i / 900) });
    }
    const peers = harness.tables[family].peerCount;
    const dropped = harness.count(COUNTER.changesDropped);
    expect(dropped).toBeGreaterThan(0);
    expect(sent().length).toBe(peers - dropped);
    harness.announce(client, { infoHash, port: 9999 });
    expect(sent().length).toBe(1);
  });
});

describe("a message of changes", () => {
  const word = fc.integer();
  const change = fc.record({
    flags: fc.integer({ min: 0, max: 3 }),
    age: fc.nat(60),
    infoHash: fc.array(word, { minLength: 5, maxLength: 5 }),
    address: fc.oneof(
      fc.array(word, { minLength: 1, maxLength: 1 }),
      fc.array(word, { minLength: 4, maxLength: 4 }),
    ),
    port: fc.nat(65_535),
  });
  const NOW = 20;

  test("has every change that was added", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const encoder = new ChangeEncoder(4000);
        for (const { address, age, flags, infoHash, port } of changes) {
          const family = address.length === 4 ? CHANGE_IPV6 : 0;
          const state = flags | family | ((NOW - age) << 16);
          const words = new Int32Array([-1, state, ...infoHash, ...address, port]);
          // The second may just have begun.
          expect(encoder.add(words, 1, NOW + 1)).toBe(true);
        }
        expect(encoder.isEmpty).toBe(changes.length === 0);
        const message = encoder.take();
        expect(encoder.isEmpty).toBe(true);
        expect(hasWholeChanges(message)).toBe(true);
        let offset = 0;
        for (const { address, age, flags, infoHash, port } of changes) {
          expect(changeAddressBytes(message, offset)).toBe(address.length === 4 ? 16 : 4);
          expect(changeAge(message, offset)).toBe(Math.min(31, age));
          const request = new Int32Array(3 + ANNOUNCE.words);
          offset = readChange(message, offset, request, 3);
          expect(request[3 + ANNOUNCE.flags]).toBe(flags);
          const from = 3 + ANNOUNCE.infoHash;
          expect([...request.subarray(from, from + 6 + address.length)]).toEqual([
            ...infoHash,
            ...address,
            port,
          ]);
        }
        expect(offset).toBe(message.length);
      }),
    );
  });

  test("takes no more than fits", () => {
    const encoder = new ChangeEncoder(27 * 3 + 26);
    const words = new Int32Array(8);
    expect([1, 2, 3, 4].map(() => encoder.add(words, 0, 0))).toEqual([true, true, true, false]);
    expect(encoder.take().length).toBe(81);
    expect(encoder.add(words, 0, 0)).toBe(true);
  });
});
