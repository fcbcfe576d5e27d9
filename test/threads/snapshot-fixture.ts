// Writes snapshots of a table to a directory without end, while a worker announces peers to it.
// Says "ready" once the first is there. The arguments are the directory, and "announce" in the
// worker.

import { SnapshotWriter } from "../../src/app/snapshot-file.ts";
import { openStateDirectory, replaceState } from "../../src/app/state-directory.ts";
import { SnapshotEncoder } from "../../src/swarm/snapshot.ts";
import { Table, type TableMemory } from "../../src/swarm/table.ts";
import { TableHarness } from "../swarm/harness.ts";

declare const self: Worker;

const LIMITS = { maxTorrents: 2000, maxPeers: 30_000 };
const TORRENTS = 1000;

function writeForever(path: string, memory: TableMemory): void {
  const directory = openStateDirectory(path, "path");
  const table = new Table(memory);
  for (let round = 0; ; round++) {
    replaceState(directory, "snapshot", (fd) => {
      const writer = new SnapshotWriter(fd, round % 2 === 1, 1_900_000_000);
      const encoder = new SnapshotEncoder(table, 0);
      for (let isLast = false; !isLast;) {
        isLast = encoder.next();
        writer.add(4, encoder.words.subarray(0, encoder.length));
      }
      writer.finish();
    });
    if (round === 0) process.stdout.write("ready\n");
  }
}

function announceForever(memory: TableMemory): void {
  const harness = new TableHarness(4, LIMITS, memory);
  for (let i = 0; ; i++) {
    const torrent = TORRENTS + (i % 50);
    const status = i % 3 === 0 ? "stopped" : "seeder";
    harness.announce({ torrent, peer: i % 997, status, wanted: 0 });
  }
}

if (Bun.isMainThread) {
  const harness = new TableHarness(4, LIMITS);
  for (let torrent = 0; torrent < TORRENTS; torrent++) {
    for (let peer = 1; peer <= 10; peer++) harness.announce({ torrent, peer, wanted: 0 });
  }
  const worker = new Worker(import.meta.url);
  worker.postMessage(harness.memory);
  await new Promise((resolve) => {
    worker.onmessage = resolve;
  });
  writeForever(process.argv[2], harness.memory);
} else {
  self.onmessage = ({ data }: MessageEvent<TableMemory>) => {
    self.postMessage("announcing");
    announceForever(data);
  };
}
