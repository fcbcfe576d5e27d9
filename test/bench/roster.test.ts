import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createRoster, Roster, type RosterShape } from "../../bench/load/roster.ts";

function lay(shape: Partial<RosterShape>): Roster {
  return new Roster(
    createRoster({
      torrents: 100,
      peers: 1000,
      paretoShape: 2,
      seederProbability: 0.25,
      addresses: 8,
      seed: 1,
      ...shape,
    }),
  );
}

const shapes = fc
  .record({
    torrents: fc.integer({ min: 1, max: 50 }),
    others: fc.nat(500),
    paretoShape: fc.constantFrom(0, 0.5, 2, 5),
    addresses: fc.integer({ min: 1, max: 20 }),
    seed: fc.nat(),
  })
  .map(({ others, ...shape }) => ({ ...shape, peers: shape.torrents + others }));

describe("a roster", () => {
  test("has every peer in one torrent, and every torrent a peer", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const roster = lay(shape);
        const { starts } = roster;
        expect(starts[0]).toBe(0);
        expect(starts[shape.torrents]).toBe(shape.peers);
        for (let torrent = 0; torrent < shape.torrents; torrent++) {
          expect(starts[torrent + 1]).toBeGreaterThan(starts[torrent]);
          let seeders = 0;
          for (let peer = starts[torrent]; peer < starts[torrent + 1]; peer++) {
            expect(roster.torrentOf(peer)).toBe(torrent);
            if (roster.isSeeder(peer)) seeders++;
          }
          expect(roster.seeders[torrent]).toBe(seeders);
        }
      }),
    );
  });

  test("gives every peer to one address, by which it is found again", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const roster = lay(shape);
        const seen = new Set<number>();
        for (let address = 0; address < shape.addresses; address++) {
          for (let index = 0; index < roster.countAt(address); index++) {
            const peer = roster.peerAt(address, index);
            seen.add(peer);
            roster.selectTorrent(roster.torrentOf(peer));
            expect(roster.findPeer(address, roster.port(peer))).toBe(peer);
          }
        }
        expect(seen.size).toBe(shape.peers);
        expect(Math.max(...seen)).toBe(shape.peers - 1);
      }),
    );
  });

  test("finds peers where ports come round again", () => {
    const addresses = 3;
    const roster = lay({ torrents: 2, peers: 65535 * 3 * 2, paretoShape: 0, addresses });
    expect(roster.hasDistinctPeers).toBe(true);
    for (const peer of [0, 1, 196_603, 196_604, 196_605, 196_606, 300_000, 393_209]) {
      roster.selectTorrent(roster.torrentOf(peer));
      expect(roster.findPeer(peer % addresses, roster.port(peer))).toBe(peer);
    }
    expect(lay({ torrents: 2, peers: 65535 * 6 + 1, addresses }).hasDistinctPeers).toBe(false);
  });

  test("knows no strangers", () => {
    const roster = lay({ torrents: 2, peers: 20, paretoShape: 0, addresses: 2 });
    roster.selectTorrent(1);
    expect(roster.findPeer(0, roster.port(10))).toBe(10);
    expect(roster.findPeer(0, roster.port(8))).toBe(-1);
    expect(roster.findPeer(2, roster.port(10))).toBe(-1);
    expect(roster.findPeer(-1, roster.port(10))).toBe(-1);
    expect(roster.findPeer(0, 0)).toBe(-1);
    expect(roster.findPeer(0, 65535)).toBe(-1);
  });

  test("is as uneven as its shape says", () => {
    const even = lay({ torrents: 10_000, peers: 20_000, paretoShape: 0 });
    expect(even.largestTorrent).toBe(2);
    // The distribution's own share of the first of 10,000: 1 - 1.01 ** -2, of 90,000 peers.
    const uneven = lay({ torrents: 10_000, peers: 100_000, paretoShape: 2 });
    expect(uneven.largestTorrent).toBeGreaterThan(1750);
    expect(uneven.largestTorrent).toBeLessThan(1790);
    expect(uneven.starts[1]).toBe(uneven.largestTorrent);
    expect(uneven.starts[10_000] - uneven.starts[9_999]).toBeLessThanOrEqual(2);
  });

  test("repeats with its seed", () => {
    const [one, same, other] = [lay({ seed: 7 }), lay({ seed: 7 }), lay({ seed: 8 })];
    expect(same.infoHashes).toEqual(one.infoHashes);
    expect(same.peers).toEqual(one.peers);
    expect(other.infoHashes).not.toEqual(one.infoHashes);
    expect(one.infoHashText(0)).toMatch(/^[0-9a-f]{40}$/);
    expect(one.infoHashText(99)).not.toBe(one.infoHashText(0));
  });

  test("has as many seeders as is likely", () => {
    const { seeders, shape } = lay({ peers: 100_000, seederProbability: 0.25 });
    const count = seeders.reduce((sum, number) => sum + number, 0);
    // Five standard deviations.
    expect(Math.abs(count / shape.peers - 0.25)).toBeLessThan(0.007);
  });
});
