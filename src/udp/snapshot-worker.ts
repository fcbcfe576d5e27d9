// The snapshot worker: writes all swarms to a file whenever the main thread asks. It walks the
// tables beside the other workers, at a low priority, so that requests come first.

import { openLibc } from "../app/libc.ts";
import { SnapshotWriter } from "../app/snapshot-file.ts";
import { replaceState } from "../app/state-directory.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { tickOf } from "../memory/clock.ts";
import { SnapshotEncoder } from "../swarm/snapshot.ts";
import { Table } from "../swarm/table.ts";
import {
  SNAPSHOT_FILE,
  type SnapshotAnswer,
  type SnapshotQuestion,
  type SnapshotWorkerSetup,
} from "./snapshot-question.ts";

/** As nice(1): from 1 to 19, of which the last gets the least. */
const NICENESS = 10;
const PRIO_PROCESS = 0;

serveWorker<SnapshotWorkerSetup, void>(async ({ directory, isCompressed, tables }) => {
  // On Linux, the priority of a process is that of the calling thread.
  const functions = { setpriority: { args: ["i32", "u32", "i32"], returns: "i32" } } as const;
  openLibc(functions)?.setpriority(PRIO_PROCESS, 0, NICENESS);
  const views = [4, 16].map((kind) => [kind, new Table(tables[kind as 4 | 16])] as const);
  return {
    ready: undefined,
    serve: async () => {},
    answer: (question): SnapshotAnswer => {
      try {
        return writeSnapshot(views, directory, isCompressed, question as SnapshotQuestion);
      } catch (error) {
        return { problem: error instanceof Error ? error.message : String(error) };
      }
    },
  };
});

function writeSnapshot(
  tables: readonly (readonly [kind: number, table: Table])[],
  directory: number,
  isCompressed: boolean,
  { second, time }: SnapshotQuestion,
): SnapshotAnswer {
  const start = performance.now();
  let peers = 0;
  let bytes = 0;
  replaceState(directory, SNAPSHOT_FILE, (fd) => {
    const writer = new SnapshotWriter(fd, isCompressed, time);
    for (const [kind, table] of tables) {
      const encoder = new SnapshotEncoder(table, tickOf(second));
      for (let isLast = false; !isLast;) {
        isLast = encoder.next();
        writer.add(kind, encoder.words.subarray(0, encoder.length));
      }
      peers += encoder.peers;
    }
    writer.finish();
    bytes = writer.bytes;
  });
  return { peers, bytes, seconds: (performance.now() - start) / 1000 };
}
