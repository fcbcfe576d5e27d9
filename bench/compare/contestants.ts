// The programs that are compared, and how each is started: pinned to one core, on a port of
// loopback, ready when its port is taken. Called by the runner on this machine only.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const ADDRESS = "127.0.0.1";
export const PORT = 3900;

const REPOSITORY = resolve(import.meta.dir, "../..");

/** The core that every contestant is pinned to. The load has the next. */
const SERVER_CORE = "0";

/** What a contestant is to be ready for. */
export interface Preparation {
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
  readonly start: (directory: string, preparation: Preparation) => string[];
}

/** A running contestant. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
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

/** The bare loop of bench/floor/floor.c: canned responses of the same sizes. */
export const floor: Contestant = {
  name: "floor",
  unchecked: ["content"],
  start(directory, { peersPerAnnounce }) {
    const binary = join(directory, "floor");
    const source = join(REPOSITORY, "bench/floor/floor.c");
    const { exitCode, stderr } = Bun.spawnSync(["cc", "-O2", "-o", binary, source]);
    if (exitCode !== 0) throw new Error(`cc: ${stderr.toString()}`);
    return [binary, ADDRESS, String(PORT), String(Math.round(peersPerAnnounce))];
  },
};

/** Starts a contestant and resolves when it has bound its port. */
export async function startContestant(
  contestant: Contestant,
  preparation: Preparation,
): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-bench-"));
  const argv = contestant.start(directory, preparation);
  const child = Bun.spawn(["taskset", "-c", SERVER_CORE, ...argv], {
    cwd: directory,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), 2000);
    await child.exited;
    clearTimeout(kill);
    rmSync(directory, { recursive: true });
  };
  while (!(await isBound())) {
    if (child.exitCode !== null) {
      await stop();
      throw new Error(`${contestant.name} ended with code ${child.exitCode}: ${argv.join(" ")}`);
    }
    await Bun.sleep(20);
  }
  return { pid: child.pid, [Symbol.asyncDispose]: stop };
}

// The kernel's list of UDP sockets: local addresses are in hexadecimal there.
async function isBound(): Promise<boolean> {
  const port = PORT.toString(16).toUpperCase().padStart(4, "0");
  return (await Bun.file("/proc/net/udp").text()).includes(`:${port} `);
}
