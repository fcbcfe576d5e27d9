// The programs of a release: what `build.ts` compiles, and what the man pages, the completions and
// the example configurations are made from. test/release compares it with each program's --help.

import { listFlags, type Switches } from "../src/app/arguments.ts";
import type { Schema } from "../src/app/config-field.ts";
import { udpSchema } from "../src/udp/config.ts";
import { wsSchema } from "../src/ws/config.ts";
import { loadSchema as udpLoadSchema } from "../bench/load/udp/config.ts";
import { loadSchema as wsLoadSchema } from "../bench/load/ws/config.ts";

export interface Program {
  readonly name: string;
  readonly description: string;
  readonly schema: Schema;
  readonly isTracker: boolean;
  readonly flags: Readonly<Record<string, Flag>>;
  /** A worker is found in the executable by its path below this, and only as an entry point. */
  readonly root: string;
  /** The program itself, then its workers. */
  readonly entrypoints: readonly string[];
}

export interface Flag {
  readonly type: "string" | "boolean";
  readonly description: string;
  /** One letter. */
  readonly alias?: string;
  /** What follows a flag that is a string. */
  readonly valueHint?: string;
}

const json = { json: { type: "boolean", description: "Print the results as JSON" } } as const;

export const programs: readonly Program[] = [
  {
    ...tracker("aquatic-udp", "A multi-threaded UDP BitTorrent tracker", udpSchema),
    root: "src",
    entrypoints: [
      "src/udp.ts",
      "src/udp/socket-worker.ts",
      "src/udp/link-worker.ts",
      "src/udp/request-worker.ts",
      "src/udp/snapshot-worker.ts",
    ],
  },
  {
    ...tracker("aquatic-ws", "A multi-threaded WebTorrent tracker", wsSchema),
    root: "src",
    entrypoints: ["src/ws.ts", "src/ws/socket-worker.ts", "src/ws/link-worker.ts"],
  },
  {
    name: "aquatic-udp-load-test",
    description: "Load for a UDP BitTorrent tracker on this machine, with every answer checked",
    schema: udpLoadSchema,
    isTracker: false,
    flags: loadTesterFlags({
      ...json,
      "info-hashes": {
        type: "boolean",
        description: "Print the info hashes of all torrents, for a tracker's whitelist, and exit",
      },
    }),
    root: "bench/load",
    entrypoints: ["bench/load/udp.ts", "bench/load/udp/load-worker.ts"],
  },
  {
    name: "aquatic-ws-load-test",
    description: "Load for a WebTorrent tracker on this machine, with every message checked",
    schema: wsLoadSchema,
    isTracker: false,
    flags: loadTesterFlags(json),
    root: "bench/load",
    entrypoints: ["bench/load/ws.ts", "bench/load/ws/load-worker.ts"],
  },
];

export const trackers = programs.filter(({ isTracker }) => isTracker);

function tracker(name: string, description: string, schema: Schema) {
  return { name, description, schema, isTracker: true, flags: listFlags({}, true) };
}

function loadTesterFlags(switches: Switches): Readonly<Record<string, Flag>> {
  return listFlags(switches);
}
