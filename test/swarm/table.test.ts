import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../src/memory/random.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { HEADER, planTable } from "../../src/swarm/layout.ts";
import { type AnnounceArguments, TableHarness, TableModel } from "./harness.ts";

const statuses = ["leecher", "seeder", "stopped"] as const;

/** Carries out an announce on both and compares everything visible. */
function announceBoth(harness: TableHarness, model: TableModel, args: AnnounceArguments): void {
  const result = harness.announce(args);
  model.announce(args);
  const { torrent, peer, wanted = 50 } = args;
  const others = args.status === "stopped" ? new Set<number>() : model.others(torrent, peer);
  expect(result).toMatchObject(model.counts(torrent));
  const peers = result?.peers ?? [];
  expect(peers).toHaveLength(Math.min(wanted, others.size));
  expect(new Set(peers).size).toBe(peers.length);
  expect(peers.filter((other) => !others.has(other))).toEqual([]);
}

function clean(harness: TableHarness, tick: number, maxAge: number): number {
  const pass = new CleaningPass(harness.table, maxAge);
  while (!pass.step(tick & 0xffff));
  return pass.removed;
}

function compareTotals(harness: TableHarness, model: TableModel): void {
  expect(harness.table.torrentCount).toBe(model.torrents.size);
  expect(harness.table.peerCount).toBe(model.peerCount);
  for (const torrent of model.torrents.keys()) {
    expect(harness.scrape(torrent)).toEqual(model.counts(torrent));
  }
}

describe.each([4, 16, 20] as const)("a table of %i-byte identities", (identityBytes) => {
  test("behaves like the model for any announces", () => {
    const announce = fc.record({
      torrent: fc.nat({ max: 4 }),
      peer: fc.nat({ max: 12 }),
      status: fc.constantFrom(...statuses),
      wanted: fc.nat({ max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(announce, { maxLength: 120, size: "max" }), (announces) => {
        const harness = new TableHarness(identityBytes);
        const model = new TableModel();
        for (const args of announces) announceBoth(harness, model, args);
        compareTotals(harness, model);
      }),
      { numRuns: 60 },
    );
  });

  test.each([1, 2, 3])("behaves like the model through every size of swarm, walk %i", (seed) => {
    const harness = new TableHarness(identityBytes);
    const model = new TableModel();
    const random = new Random(seed, identityBytes, 0);
    // Grows to hundreds of peers and shrinks to none, several times.
    for (let phase = 0; phase < 6; phase++) {
      const stopping = phase % 2 === 1;
      for (let i = 0; i < 1500; i++) {
        const draw = random.below(100);
        const stops = stopping ? draw < 85 : draw < 10;
        announceBoth(harness, model, {
          torrent: random.below(3),
          peer: random.below(seed * 200),
          status: stops ? "stopped" : random.below(3) === 0 ? "seeder" : "leecher",
          wanted: random.below(40),
        });
      }
      compareTotals(harness, model);
    }
  });

  test.each([1, 2, 3])("expires the same peers as the model, walk %i", (seed) => {
    const harness = new TableHarness(identityBytes);
    const model = new TableModel();
    const random = new Random(seed, 99, identityBytes);
    // Passes the end of the 16-bit clock, with more announces before some of the passes.
    for (let tick = 65_000; tick < 66_500; tick += 1 + random.below(20)) {
      for (let i = random.below(tick % 3 === 0 ? 60 : 6); i > 0; i--) {
        const status = random.below(2) === 0 ? "seeder" : "leecher";
        const torrent = random.below(2) === 0 ? 0 : 1 + random.below(300);
        announceBoth(harness, model, { torrent, peer: random.below(600), status, tick });
      }
      const peersBefore = model.peerCount;
      model.expire(tick, 200);
      expect(clean(harness, tick, 200)).toBe(peersBefore - model.peerCount);
      expect(harness.table.peerCount).toBe(model.peerCount);
    }
    compareTotals(harness, model);
  });

  test("keeps a peer that announces just after the cleaner reads the clock", () => {
    const harness = new TableHarness(identityBytes);
    harness.announce({ torrent: 1, peer: 1, tick: 105 });
    expect(clean(harness, 104, 10)).toBe(0);
    expect(clean(harness, 115, 10)).toBe(0);
    expect(clean(harness, 116, 10)).toBe(1);
  });

  test.each([
    [8, 1, "leecher"],
    [8, 3, "leecher"],
    [8, 3, "seeder"],
    [60, 7, "leecher"],
    [200, 1, "leecher"],
    [200, 30, "seeder"],
    [900, 30, "leecher"],
  ] as const)(
    "with %i others and %i handed out to a %s selects all equally often",
    (others, wanted, status) => {
      const harness = new TableHarness(identityBytes);
      const requester = others;
      harness.announce({ torrent: 1, peer: requester, status });
      for (let peer = 0; peer < others; peer++) {
        // A seeder gets leechers only. To make both draw from the same number, it sees no seeders
        // here.
        const isSeeder = status === "leecher" && peer % 3 === 0;
        harness.announce({ torrent: 1, peer, status: isSeeder ? "seeder" : "leecher" });
      }
      const rounds = Math.ceil((others * 400) / wanted);
      const seen = new Float64Array(others);
      for (let round = 0; round < rounds; round++) {
        const result = harness.announce({ torrent: 1, peer: requester, status, wanted });
        for (const peer of result?.peers ?? []) seen[peer]++;
      }
      const expected = (rounds * wanted) / others;
      const chiSquare = seen.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // Neighbours in memory are drawn together, so with `wanted` peers from one draw the statistic
      // spreads up to `wanted` times as far. Five of its deviations never occur by chance.
      const deviation = Math.sqrt(2 * others * wanted);
      expect(Math.abs(chiSquare - others)).toBeLessThan(5 * deviation);
      // The newest peer is found too.
      expect(seen[others - 1]).toBeGreaterThan(expected / 2);
    },
  );

  test("refuses new torrents and peers at its limits and keeps serving", () => {
    const harness = new TableHarness(identityBytes, { maxTorrents: 3, maxPeers: 150 });
    for (const torrent of [1, 2, 3]) {
      expect(harness.announce({ torrent, peer: 1 })).toBeDefined();
    }
    expect(harness.announce({ torrent: 4, peer: 1 })).toBeUndefined();
    expect(harness.table.torrentCount).toBe(3);
    for (let peer = 2; peer <= 148; peer++) harness.announce({ torrent: 1, peer });
    expect(harness.table.peerCount).toBe(150);
    expect(harness.announce({ torrent: 1, peer: 999 })).toBeUndefined();
    expect(harness.announce({ torrent: 2, peer: 999 })).toBeUndefined();
    // Existing peers are still served and can leave, which makes room.
    expect(harness.announce({ torrent: 1, peer: 5, status: "seeder" })).toMatchObject({
      leechers: 147,
      seeders: 1,
    });
    harness.announce({ torrent: 3, peer: 1, status: "stopped" });
    expect(harness.announce({ torrent: 4, peer: 1 })).toMatchObject({ leechers: 1, seeders: 0 });
    expect(harness.scrape(3)).toEqual({ leechers: 0, seeders: 0 });
  });

  test("keeps every peer when the arena runs out before the limits", () => {
    const harness = new TableHarness(identityBytes, { maxTorrents: 50, maxPeers: 5000 });
    const model = new TableModel();
    const { words } = harness.table;
    const plan = planTable(identityBytes, { maxTorrents: 50, maxPeers: 5000 });
    // As if blocks of other sizes had taken almost everything.
    words[HEADER.arenaFresh] = plan.words - 300 * (plan.peerWords << plan.unitSizeClass);
    const random = new Random(4, 5, identityBytes);
    let refused = 0;
    for (let i = 0; i < 8000; i++) {
      const status = statuses[Math.min(2, random.below(i % 2000 < 1000 ? 5 : 3) >> 1)];
      const args = { torrent: random.below(8), peer: random.below(400), status, wanted: 5 };
      const before = harness.scrape(args.torrent);
      const result = harness.announce(args);
      if (result === undefined) {
        refused++;
        expect(harness.scrape(args.torrent)).toEqual(before);
      } else {
        model.announce(args);
        expect(result).toMatchObject(model.counts(args.torrent));
      }
    }
    expect(refused).toBeGreaterThan(0);
    compareTotals(harness, model);
    for (const [torrent, swarm] of model.torrents) {
      for (const peer of swarm.keys()) harness.announce({ torrent, peer, status: "stopped" });
    }
    expect(harness.table.peerCount).toBe(0);
    expect(harness.table.torrentCount).toBe(0);
  });

  test("reuses its memory, so churn does not grow the arena", () => {
    const harness = new TableHarness(identityBytes);
    const random = new Random(8, 8, 8);
    const { words } = harness.table;
    const churn = (announces: number): number => {
      for (let i = 0; i < announces; i++) {
        const torrent = Math.min(random.below(60), random.below(60));
        const status = random.below(2) === 0 ? "stopped" : "leecher";
        harness.announce({ torrent, peer: random.below(300), status, wanted: 0 });
      }
      return words[HEADER.arenaFresh];
    };
    const settled = churn(300_000);
    const more = churn(300_000) - settled;
    const start = planTable(identityBytes, { maxTorrents: 1000, maxPeers: 100_000 }).arena;
    expect(more).toBeLessThan((settled - start) * 0.05);
  });
});
