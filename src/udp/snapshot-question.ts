// What the main thread and the snapshot worker tell each other.

import type { TableMemory } from "../swarm/table.ts";
import type { ByFamily } from "./address-family.ts";

/** The name of the file in the state directory. */
export const SNAPSHOT_FILE = "swarms.snapshot";

/** What the worker is started with. */
export interface SnapshotWorkerSetup {
  readonly tables: ByFamily<TableMemory>;
  readonly directory: number;
  readonly isCompressed: boolean;
}

/** What the main thread asks for: a snapshot with ages as of this second and this Unix time. */
export interface SnapshotQuestion {
  readonly second: number;
  readonly time: number;
}

/** What was written, or why not. */
export type SnapshotAnswer =
  | { readonly peers: number; readonly bytes: number; readonly seconds: number }
  | { readonly problem: string };
