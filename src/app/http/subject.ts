// What the operator's pages are about: one tracker, as its main thread sees it.

import type { AccessList } from "../../swarm/access-list.ts";
import type { Table } from "../../swarm/table.ts";
import type { CleaningTimes } from "../background.ts";
import type { Censuses } from "../censuses.ts";
import type { ClientTally } from "../client-samples.ts";
import type { Clock } from "../clock.ts";
import type { Schema } from "../config-field.ts";
import type { Family } from "./series.ts";

export interface TableSubject {
  /** "4" or "6" if the table has the peers of one IP version. */
  readonly ipVersion?: "4" | "6";
  readonly table: Table;
  readonly maxTorrents: number;
  readonly maxPeers: number;
}

export interface Subject {
  readonly tracker: "udp" | "ws";
  /** The program, "aquatic-udp". */
  readonly program: string;
  /** The addresses as the log shows them. */
  readonly addresses: readonly string[];
  /** The workers by their numbers, such as "socket worker 0". */
  readonly workers: readonly string[];
  readonly clock: Clock;
  readonly counters: SharedArrayBuffer;
  readonly tables: readonly TableSubject[];
  readonly censuses: Censuses;
  readonly access: AccessList;
  readonly cleaning: CleaningTimes;
  readonly clients?: ClientTally;
  readonly schema: Schema;
  /** The configuration in force. */
  readonly config: object;
  /** Further metrics of this tracker alone. */
  readonly collectMore?: () => Family[];
  /** The cluster as this node sees it, if it belongs to one. */
  readonly describeCluster?: () => object | undefined;
}
