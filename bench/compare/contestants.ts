// The UDP trackers that are compared, and the command line that starts each.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESS, PORT, REPOSITORY } from "./processes.ts";

/** What a contestant is to be ready for. */
interface Preparation {
  /** Info hashes in hexadecimal: opentracker as Debian builds it serves no others. */
  readonly infoHashes: () => string;
  /** Peers of the floor's announce responses. */
  readonly peersPerAnnounce: number;
}

export interface Contestant {
  /** As the tables call it. */
  readonly name: string;
  /** Checks of the load tester that its answers cannot pass. */
  readonly unchecked: readonly ("content" | "requester" | "exact")[];
  /** The command line, once the directory is ready for it. */
  readonly start: (directory: string, preparation: Preparation) => string[];
}

/** The socket workers and request workers of an aquatic-udp, and its sockets' backend. */
export function aquatic(
  socketWorkers: number,
  requestWorkers: number,
  backend = "mmsg",
): Contestant {
  const workers =
    requestWorkers === 0 ? `${socketWorkers}` : `${socketWorkers} + ${requestWorkers}`;
  return {
    name: `aquatic-udp, ${workers}${backend === "mmsg" ? "" : `, '${backend}'`}`,
    unchecked: [],
    start(directory) {
      return startAquatic(
        directory,
        socketWorkers,
        requestWorkers,
        `socket_backend = '${backend}'`,
      );
    },
  };
}

/** An aquatic-udp whose peers expire so soon that they are cleaned while the load is on. */
export const cleaningAquatic: Contestant = {
  name: "aquatic-udp, 1, cleaning",
  unchecked: ["exact", "content"],
  start(directory) {
    return startAquatic(directory, 1, 0, "[cleaning]\ninterval = 5\nmax_peer_age = 20");
  },
};

/** The command line of an aquatic-udp with more lines of configuration, for `[network]` on. */
function startAquatic(
  directory: string,
  socketWorkers: number,
  requestWorkers: number,
  more: string,
): string[] {
  const config = join(directory, "aquatic-udp.toml");
  writeFileSync(
    config,
    `socket_workers = ${socketWorkers}
     request_workers = ${requestWorkers}
     [statistics]
     interval = 0
     [network]
     address = '${ADDRESS}:${PORT}'
     ${more}`,
  );
  return [process.execPath, "run", join(REPOSITORY, "src/udp.ts"), "-c", config];
}

/** Debian's opentracker, with so many threads for its UDP socket; 0: in its event loop. */
export function opentracker(workers: number): Contestant {
  return {
    name: workers === 0 ? "opentracker" : `opentracker, ${workers} worker${workers > 1 ? "s" : ""}`,
    // Who asks is among the peers it hands out.
    unchecked: ["requester", "exact"],
    start(directory, { infoHashes }) {
      const config = join(directory, "opentracker.conf");
      writeFileSync(join(directory, "whitelist"), infoHashes());
      chmodSync(directory, 0o755);
      writeFileSync(
        config,
        [
          `listen.udp.workers ${workers}`,
          `listen.udp ${ADDRESS}:${PORT}`,
          // It shuts itself into the directory, and refuses to stay root.
          "access.whitelist whitelist",
          `tracker.rootdir ${directory}`,
          "tracker.user nobody",
          "",
        ].join("\n"),
      );
      return ["opentracker", "-f", config];
    },
  };
}

/** The bare loop of bench/floor/udp.c: canned responses of the same sizes. */
export const floor: Contestant = {
  name: "floor",
  unchecked: ["content"],
  start(directory, { peersPerAnnounce }) {
    const binary = join(directory, "floor");
    const source = join(REPOSITORY, "bench/floor/udp.c");
    const { exitCode, stderr } = Bun.spawnSync(["cc", "-O2", "-o", binary, source]);
    if (exitCode !== 0) throw new Error(`cc: ${stderr.toString()}`);
    return [binary, ADDRESS, String(PORT), String(Math.round(peersPerAnnounce))];
  },
};
