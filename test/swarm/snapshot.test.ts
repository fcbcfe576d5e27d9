import { describe, expect, test } from "bun:test";
import { Random } from "../../src/memory/random.ts";
import {
  readSnapshotPart,
  SNAPSHOT_MAX_AGE,
  SnapshotDecoder,
  SnapshotEncoder,
  snapshotStepWords,
} from "../../src/swarm/snapshot.ts";
import type { Table } from "../../src/swarm/table.ts";
import { TableHarness } from "./harness.ts";

const LIMITS = { maxTorrents: 5000, maxPeers: 20_000 };

function encode(table: Table, tick: number): Int32Array[] {
  const encoder = new SnapshotEncoder(table, tick);
  const parts: Int32Array[] = [];
  for (let isLast = false; !isLast;) {
    isLast = encoder.next();
    parts.push(encoder.words.slice(0, encoder.length));
  }
  return parts;
}

const FRESH = { now: 0, elapsed: 0, maxAge: 32_400 };

function decode(parts: Int32Array[], harness: TableHarness, age = FRESH) {
  const decoder = new SnapshotDecoder(harness.table, age);
  for (const part of parts) expect(decoder.read(part)).toBe(true);
  return decoder.restored;
}

describe.each([4, 16] as const)("peers of %i-byte addresses", (identityBytes) => {
  const open = (limits = LIMITS, seed = 1) => {
    return new TableHarness(identityBytes, limits, undefined, seed);
  };

  test("a table comes back whole, in a table with another key", () => {
    const random = new Random(identityBytes, 2, 3);
    const harness = open();
    const sizes = Array.from({ length: 600 }, (_, i) => (i < 5 ? 1500 : 1 + random.below(90)));
    const seeders: number[] = [];
    for (const [torrent, size] of sizes.entries()) {
      seeders[torrent] = 0;
      for (let peer = 1; peer <= size && harness.table.peerCount < 20_000; peer++) {
        const isSeeder = random.below(3) === 0;
        if (isSeeder) seeders[torrent]++;
        const status = isSeeder ? "seeder" : "leecher";
        harness.announce({ torrent, peer, status, wanted: 0, tick: 70_000 - random.below(900) });
      }
    }
    const other = open(LIMITS, 9);
    const restored = decode(encode(harness.table, 70_000 & 0xffff), other);
    expect(restored).toEqual({ peers: harness.table.peerCount, expired: 0, refused: 0 });
    expect(other.table.torrentCount).toBe(harness.table.torrentCount);
    for (const torrent of sizes.keys()) {
      expect(other.scrape(torrent)).toEqual(harness.scrape(torrent));
    }
    // The same peers: none of them is new.
    const again = other.announce({ torrent: 2, peer: 7, wanted: 2000 })!;
    expect(again.peers.toSorted((a, b) => a - b)).toEqual(
      harness.announce({ torrent: 2, peer: 7, wanted: 2000 })!.peers.toSorted((a, b) => a - b),
    );
  });

  test("small parts are small, and have everything that is young enough", () => {
    const random = new Random(identityBytes, 5, 6);
    const harness = open();
    for (let i = 0; i < 15_000; i++) {
      const torrent = random.below(2) * random.below(300);
      const tick = 9000 - random.below(200);
      harness.announce({ torrent, peer: random.below(5000), wanted: 0, tick });
    }
    const other = open();
    const decoder = new SnapshotDecoder(other.table, { ...FRESH, now: 9000 });
    const encoder = new SnapshotEncoder(harness.table, 9000, { partWords: 600, maxAge: 100 });
    let parts = 0;
    for (let isLast = false; !isLast; parts++) {
      isLast = encoder.next(3);
      expect(encoder.length).toBeLessThan(600 + snapshotStepWords(harness.table.blocks.stride));
      expect(decoder.read(encoder.words.slice(0, encoder.length))).toBe(true);
    }
    expect(parts).toBeGreaterThan(10);
    let young = 0;
    for (const part of encode(harness.table, 9000)) {
      readSnapshotPart(part, harness.table.blocks.stride, (_, peer) => {
        const last = part[peer + harness.table.blocks.stride - 1];
        if (((last >>> 16) & SNAPSHOT_MAX_AGE) <= 100) young++;
      });
    }
    expect([decoder.restored.peers, other.table.peerCount]).toEqual([young, young]);
  });

  test("ages go on, and peers that have expired stay away", () => {
    const harness = open();
    for (let peer = 1; peer <= 100; peer++) {
      harness.announce({ torrent: 1, peer, tick: 1000 - peer * 10, wanted: 0 });
    }
    const parts = encode(harness.table, 1000);
    const other = open();
    // Peer n announced itself 10 n seconds before, and 200 have passed since.
    const restored = decode(parts, other, { now: 5, elapsed: 200, maxAge: 700 });
    expect(restored).toEqual({ peers: 50, expired: 50, refused: 0 });
    const third = open();
    const rest = decode(encode(other.table, 5), third, { now: 9, elapsed: 0, maxAge: 460 });
    expect(rest).toEqual({ peers: 26, expired: 24, refused: 0 });
  });

  test("what finds no room is refused, and the rest is there", () => {
    const harness = open();
    for (let torrent = 1; torrent <= 100; torrent++) harness.announce({ torrent, peer: 1 });
    const small = open({ maxTorrents: 1000, maxPeers: 40 });
    expect(decode(encode(harness.table, 0), small)).toEqual({ peers: 40, expired: 0, refused: 60 });
  });

  test("words that are no snapshot are refused", () => {
    const harness = open();
    for (let peer = 1; peer <= 3; peer++) harness.announce({ torrent: 1, peer });
    const [part] = encode(harness.table, 0);
    const decoder = new SnapshotDecoder(open().table, FRESH);
    expect(decoder.read(part.slice(0, -1))).toBe(false);
    const broken = part.slice();
    for (const count of [0, -1, 4, 2 ** 30]) {
      broken[5] = count;
      expect(decoder.read(broken)).toBe(false);
    }
    expect(decoder.read(new Int32Array(5))).toBe(false);
    expect(decoder.read(new Int32Array(0))).toBe(true);
  });

  test("a snapshot taken while peers come and go has every peer that stayed", () => {
    const harness = open();
    for (let peer = 1; peer <= 3000; peer++) harness.announce({ torrent: 1, peer, wanted: 0 });
    for (let torrent = 2; torrent <= 1000; torrent++) harness.announce({ torrent, peer: 1 });
    const { table } = harness;
    const encoder = new SnapshotEncoder(table, 0);
    const other = open();
    const decoder = new SnapshotDecoder(other.table, FRESH);
    let torrent = 1000;
    for (let isLast = false; !isLast;) {
      isLast = encoder.next();
      expect(decoder.read(encoder.words.slice(0, encoder.length))).toBe(true);
      for (let i = 0; i < 50; i++) harness.announce({ torrent: ++torrent, peer: 1 });
    }
    for (let known = 2; known <= 1000; known++) {
      expect(other.scrape(known)).toEqual({ leechers: 1, seeders: 0 });
    }
    expect(other.scrape(1).leechers).toBe(3000);
  });
});
