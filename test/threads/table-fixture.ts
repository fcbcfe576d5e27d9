// A Worker that announces its own peers to a table that other Workers use at the same time. It
// knows exactly which of its peers are in the table, whatever the others do.

import { readClock } from "../../src/memory/clock.ts";
import { Random } from "../../src/memory/random.ts";
import { Table, type TableMemory } from "../../src/swarm/table.ts";
import { TableHarness, TableModel } from "../swarm/harness.ts";
import { TABLE } from "./shared-words.ts";

declare const self: Worker;

export interface TableJob {
  memory: TableMemory;
  control: SharedArrayBuffer;
  worker: number;
  workers: number;
  rounds: number;
  /** Seconds after which peers may have expired, by the clock in `control`. */
  maxAge: number;
}

/** The Worker's own peers at the end: torrent, peer, 1 for a seeder. */
export type OwnPeers = [torrent: number, peer: number, seeder: number][];

/** Maximum number of own peers in each torrent: from inline peers to large sets. */
const PEERS = [800, 300, 60, 20, 8, 4, 2, 1, 1, 1];
/** In each part of the job, the Worker waits for this many cleaning passes. */
const PARTS = 20;
const PASSES_A_PART = 4;
/** A torrent that each Worker has for itself. */
const PRIVATE = 1000;
const PRIVATE_PEERS = 200;

function announceAtRandom(job: TableJob): OwnPeers {
  const control = new Int32Array(job.control);
  const { identityBytes, limits } = job.memory;
  const harness = new TableHarness(identityBytes, limits, job.memory, job.worker + 1);
  const model = new TableModel();
  const random = new Random(job.worker, job.workers, identityBytes);
  const check = (isTrue: boolean, what: string): void => {
    if (!isTrue) throw new Error(`worker ${job.worker}: ${what}`);
  };

  let passes = 0;
  for (let round = 0; round < job.rounds; round++) {
    if (round % (job.rounds / PARTS) === 0) {
      while (Atomics.load(control, TABLE.passes) < passes) Atomics.wait(control, TABLE.go, 1, 1);
      passes = Atomics.load(control, TABLE.passes) + PASSES_A_PART;
    }
    const isPrivate = random.below(8) === 0;
    const torrent = isPrivate ? PRIVATE + job.worker : random.below(PEERS.length);
    const own = random.below(isPrivate ? PRIVATE_PEERS : PEERS[torrent]);
    const peer = own * job.workers + job.worker;
    // Swarms grow and then shrink to almost nothing, five times.
    const isShrinking = Math.floor((round * 10) / job.rounds) % 2 === 1;
    const stops = random.below(100) < (isShrinking ? 80 : 10);
    const status = stops ? "stopped" : random.below(3) === 0 ? "seeder" : "leecher";
    const wanted = random.below(50) === 0 ? 4000 : random.below(8);
    const tick = readClock(control, TABLE.clock);
    const args = { torrent, peer, status, wanted, tick } as const;
    const result = harness.announce(args);
    model.announce(args);
    if (result === undefined) throw new Error("the table is full");
    const { leechers, peers, seeders } = result;
    check(peers.length <= wanted, "more peers than wanted");
    check(peers.length <= leechers + seeders - (stops ? 0 : 1), "more peers than there are");
    check(!stops || peers.length === 0, "peers for one that stopped");
    check(new Set(peers).size === peers.length, "a peer twice");
    check(!peers.includes(peer), "itself");
    if (isPrivate) checkPrivate(job, harness, model, control, check);
  }
  return listPeers(model);
}

// No other Worker uses this torrent. The cleaner may or may not have removed the old peers.
function checkPrivate(
  job: TableJob,
  harness: TableHarness,
  model: TableModel,
  control: Int32Array,
  check: (isTrue: boolean, what: string) => void,
): void {
  const torrent = PRIVATE + job.worker;
  const { leechers, seeders } = harness.scrape(torrent);
  const now = readClock(control, TABLE.clock);
  const own = [...(model.torrents.get(torrent)?.values() ?? [])];
  for (const [seeder, count] of [leechers, seeders].entries()) {
    const all = own.filter((peer) => peer.seeder === (seeder === 1));
    const young = all.filter(({ tick }) => now - tick <= job.maxAge);
    check(count >= young.length && count <= all.length, `${count} of ${all.length}`);
  }
}

function listPeers(model: TableModel): OwnPeers {
  return [...model.torrents].flatMap(([torrent, swarm]) => {
    return [...swarm].map(([peer, { seeder }]): OwnPeers[number] => {
      return [torrent, peer, seeder ? 1 : 0];
    });
  });
}

// Announces some of the peers once more and returns them.
function announceSurvivors(job: TableJob, peers: OwnPeers): OwnPeers {
  const tick = readClock(new Int32Array(job.control), TABLE.clock);
  const { identityBytes, limits } = job.memory;
  const harness = new TableHarness(identityBytes, limits, job.memory);
  const survivors = peers.filter(([torrent, peer]) => (torrent + peer) % 3 > 0);
  for (const [torrent, peer, seeder] of survivors) {
    const status = seeder === 1 ? "seeder" : "leecher";
    harness.announce({ torrent, peer, status, tick, wanted: 0 });
  }
  return survivors;
}

let job: TableJob;
let peers: OwnPeers;

/**
 * First the job, answered with the Worker's peers; then "survive" and "count", answered likewise.
 */
self.onmessage = ({ data }: MessageEvent<TableJob | "survive" | "count">) => {
  if (data === "survive") {
    peers = announceSurvivors(job, peers);
    self.postMessage(peers);
  } else if (data === "count") {
    const { peerCount, torrentCount } = new Table(job.memory);
    const harness = new TableHarness(job.memory.identityBytes, job.memory.limits, job.memory);
    const torrents = [
      ...PEERS.keys(),
      ...Array.from({ length: job.workers }, (_, i) => PRIVATE + i),
    ];
    const counts = torrents.map((torrent) => [torrent, harness.scrape(torrent)] as const);
    self.postMessage({ peerCount, torrentCount, counts });
  } else {
    job = data;
    const control = new Int32Array(job.control);
    Atomics.add(control, TABLE.ready, 1);
    Atomics.wait(control, TABLE.go, 0);
    peers = announceAtRandom(job);
    self.postMessage(peers);
  }
};
