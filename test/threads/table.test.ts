// One table and real threads: Workers announce to it as fast as they can while this thread cleans
// it. In the end, what each Worker knows of its own peers must add up to the contents of the table.

import { describe, expect, test } from "bun:test";
import { advanceClock, readClock } from "../../src/memory/clock.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { planTable } from "../../src/swarm/layout.ts";
import { createTable, type Table } from "../../src/swarm/table.ts";
import { countUsed } from "../swarm/arena-audit.ts";
import { TableHarness } from "../swarm/harness.ts";
import { TABLE } from "./shared-words.ts";
import type { OwnPeers, TableJob } from "./table-fixture.ts";
import { waitUntil } from "./start-worker.ts";

const TIMEOUT_MS = 60_000;
const WORKERS = 4;
const ROUNDS = 20_000;
const LIMITS = { maxTorrents: 1000, maxPeers: 100_000 };
/** By a clock that counts cleaning passes, of which each Worker sees at least 76. */
const AGES = { "no peers": 30_000, "many peers": 40 };
const LAST_SECOND = 20_000;

interface Agreed {
  peerCount: number;
  torrentCount: number;
  counts: [number, { leechers: number; seeders: number }][];
}

/** Workers that answer each message with one message. */
class Crew implements Disposable {
  readonly #workers = Array.from({ length: WORKERS }, () => {
    return new Worker(new URL("table-fixture.ts", import.meta.url));
  });

  ask<Answer>(question: (worker: number) => unknown): Promise<Answer[]> {
    const answers = this.#workers.map((worker, index) => {
      return new Promise<Answer>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(question(index));
      });
    });
    return Promise.all(answers);
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

/** The counts that result from the Workers' peers. */
function addUp(torrents: readonly number[], peers: OwnPeers): Agreed {
  const counts = torrents.map((torrent): Agreed["counts"][number] => {
    const swarm = peers.filter(([other]) => other === torrent);
    const seeders = swarm.filter(([, , seeder]) => seeder === 1).length;
    return [torrent, { leechers: swarm.length - seeders, seeders }];
  });
  const torrentCount = counts.filter(([, { leechers, seeders }]) => leechers + seeders > 0).length;
  return { peerCount: peers.length, torrentCount, counts };
}

/** Announces until every peer of every swarm has been seen, and compares. */
function compareMembers(harness: TableHarness, torrents: readonly number[], peers: OwnPeers): void {
  const observer = 4_000_000;
  for (const torrent of torrents) {
    const members = peers.filter(([other]) => other === torrent).map(([, peer]) => peer);
    const seen = harness.announce({ torrent, peer: observer, wanted: 4000 })?.peers ?? [];
    expect(seen.toSorted((a, b) => a - b)).toEqual(members.toSorted((a, b) => a - b));
    harness.announce({ torrent, peer: observer, status: "stopped" });
  }
}

describe.each([4, 16, 20] as const)(
  "a table of %i-byte identities among threads",
  (identityBytes) => {
    test.each(["no peers", "many peers"] as const)(
      "agrees with every thread while the cleaner expires %s",
      async (expired) => {
        const maxAge = AGES[expired];
        const memory = createTable(identityBytes, LIMITS, new Int32Array([identityBytes, 5]));
        const harness = new TableHarness(identityBytes, LIMITS, memory);
        const control = new Int32Array(new SharedArrayBuffer(TABLE.words * 4));
        using crew = new Crew();

        let isDone = false;
        const announcing = crew
          .ask<OwnPeers>((worker): TableJob => {
            const shared = control.buffer as SharedArrayBuffer;
            return { memory, control: shared, worker, workers: WORKERS, rounds: ROUNDS, maxAge };
          })
          .finally(() => (isDone = true));
        await waitUntil(() => isDone || Atomics.load(control, TABLE.ready) === WORKERS);
        Atomics.store(control, TABLE.go, 1);
        Atomics.notify(control, TABLE.go);
        const removed = await cleanUntil(() => isDone, harness.table, control, maxAge);
        expect(removed > 0).toBe(expired === "many peers");
        let peers = (await announcing).flat();

        if (expired === "many peers") {
          // All peers but the survivors are too old by one second; the survivors are just young
          // enough.
          advanceClock(control, TABLE.clock, readClock(control, TABLE.clock) + 1);
          peers = (await crew.ask<OwnPeers>(() => "survive")).flat();
          const last = readClock(control, TABLE.clock) + maxAge;
          const pass = new CleaningPass(harness.table, maxAge);
          while (!pass.step(last & 0xffff));
        }
        expect(peers.length).toBeGreaterThan(100);

        const agreed = await crew.ask<Agreed>(() => "count");
        const torrents = agreed[0].counts.map(([torrent]) => torrent);
        const expected = addUp(torrents, peers);
        expect(agreed).toEqual(Array.from({ length: WORKERS }, () => expected));
        compareMembers(harness, torrents, peers);

        for (const [torrent, peer] of peers) harness.announce({ torrent, peer, status: "stopped" });
        expect([harness.table.peerCount, harness.table.torrentCount]).toEqual([0, 0]);
        expect(countUsed(harness.table.words, planTable(identityBytes, LIMITS))).toBe(0);
      },
      TIMEOUT_MS,
    );
  },
);

// Cleans without a pause, by a clock that it advances itself. Returns the number of removed peers.
async function cleanUntil(
  isDone: () => boolean,
  table: Table,
  control: Int32Array,
  maxAge: number,
): Promise<number> {
  let removed = 0;
  while (!isDone()) {
    const pass = new CleaningPass(table, maxAge);
    while (!pass.step(readClock(control, TABLE.clock) & 0xffff)) {
      await new Promise(setImmediate);
    }
    removed += pass.removed;
    const passes = Atomics.add(control, TABLE.passes, 1) + 1;
    advanceClock(control, TABLE.clock, Math.min(passes, LAST_SECOND));
    await new Promise(setImmediate);
  }
  return removed;
}
