// The trackers that are compared: the command line that starts each, and the settings that it needs
// from the load tester. Some are named by environment variables, and are left out without them.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { CLUSTER_SECRET, startCluster, VALKEY_URL } from "./cluster.ts";
import { ADDRESS, PORT, REPOSITORY } from "./processes.ts";

/** Where a contestant serves its pages. */
const STATISTICS = `${ADDRESS}:3902`;

/** Epochs of 15 seconds: a peer of `regular` announces itself about as often. */
const REGULAR_CLEANING = { max_peer_age: 120 };

/** A configuration: values by key, by section. */
export type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

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
  readonly isOurs?: true;
  readonly isTls?: true;
  /** Settings of the load tester that this one needs. */
  readonly settings?: Settings;
  /** Starts what has to run beside it, on the core of the load. */
  readonly beside?: () => Promise<AsyncDisposable>;
  /** Further figures, read at the end of a run. */
  readonly inspect?: () => Promise<Readonly<Record<string, number>>>;
  /** The command line, once the directory is ready for it. */
  readonly start: (directory: string, preparation: Preparation) => string[];
}

/** A checkout of this repository, and what follows its trackers' names in the tables. */
export interface Build {
  readonly root: string;
  readonly suffix: string;
}

export const THIS_BUILD: Build = { root: REPOSITORY, suffix: "" };

// --- UDP ----------------------------------------------------------------------------------------

/** An aquatic-udp with so many workers and this backend. */
export function aquaticUdp(
  { root, suffix }: Build,
  socketWorkers = 1,
  requestWorkers = 0,
  backend = "mmsg",
): Contestant {
  const workers =
    requestWorkers === 0 ? `${socketWorkers}` : `${socketWorkers} + ${requestWorkers}`;
  const network = { socket_backend: backend };
  return {
    name: `aquatic-udp, ${workers}${backend === "mmsg" ? "" : `, '${backend}'`}${suffix}`,
    isOurs: true,
    start: (directory) =>
      startAquatic(directory, root, "udp", { network }, socketWorkers, requestWorkers),
  };
}

/** An aquatic-udp that answers each batch at once, however small it is. */
export const hastyAquaticUdp: Contestant = {
  name: "aquatic-udp, 1, no wait",
  isOurs: true,
  start(directory) {
    const network = { socket_backend: "mmsg", batch_wait_microseconds: 0 };
    return startAquatic(directory, REPOSITORY, "udp", { network }, 1, 0);
  },
};

/** An aquatic-udp whose peers expire so soon that they are cleaned while the load is on. */
export function cleaningAquaticUdp({ root, suffix }: Build): Contestant {
  const cleaning = { interval: 5, max_peer_age: 20 };
  return {
    name: `aquatic-udp, 1, cleaning${suffix}`,
    isOurs: true,
    settings: { checks: { exact: false, content: false } },
    start: (directory) => startAquatic(directory, root, "udp", { cleaning }, 1, 0),
  };
}

/**
 * An aquatic-udp in a cluster, for which every announce under the load `regular` is news. Another
 * node sends it so many changes a second; 0: it is alone.
 */
export function clusteredAquaticUdp({ root, suffix }: Build, changesPerSecond: number): Contestant {
  const sections = {
    cleaning: REGULAR_CLEANING,
    cluster: { servers: [VALKEY_URL], secret: CLUSTER_SECRET },
    statistics: { interval: 0, http_address: STATISTICS },
  };
  const others = changesPerSecond === 0 ? "alone" : `${changesPerSecond / 1000}k changes/s`;
  return {
    name: `aquatic-udp, 1, cluster, ${others}${suffix}`,
    isOurs: true,
    beside: () => startCluster(changesPerSecond),
    async inspect() {
      const stats = (await (await fetch(`http://${STATISTICS}/stats.json`)).json()) as {
        cluster: { lag: { p50: number | null; p99: number | null }; lost: number };
      };
      const { lag, lost } = stats.cluster;
      return { lagP50: (lag.p50 ?? 0) * 1e3, lagP99: (lag.p99 ?? 0) * 1e3, lost };
    },
    start: (directory) => startAquatic(directory, root, "udp", sections, 1, 0),
  };
}

/** The same without a cluster. */
export function regularAquaticUdp({ root, suffix }: Build): Contestant {
  const cleaning = REGULAR_CLEANING;
  return {
    name: `aquatic-udp, 1, no cluster${suffix}`,
    isOurs: true,
    start: (directory) => startAquatic(directory, root, "udp", { cleaning }, 1, 0),
  };
}

/**
 * An aquatic-udp with everything that an operator can switch on, and that is asked all the time.
 */
export function operatedAquaticUdp({ root, suffix }: Build): Contestant {
  return {
    name: `aquatic-udp, 1, all on${suffix}`,
    isOurs: true,
    beside: async () => keepAsking(STATISTICS),
    start(directory) {
      const sections = { ...operate(directory), persistence: { path: directory, interval: 300 } };
      return startAquatic(directory, root, "udp", sections, 1, 0);
    },
  };
}

/** The same for WebTorrent. */
export function operatedAquaticWs({ root, suffix }: Build): Contestant {
  return {
    name: `aquatic-ws, all on${suffix}`,
    isOurs: true,
    beside: async () => keepAsking(STATISTICS),
    start: (directory) => startAquatic(directory, root, "ws", operate(directory), 1),
  };
}

/** An aquatic-ws that is the only node of its cluster. */
export function clusteredAquaticWs({ root, suffix }: Build): Contestant {
  return {
    name: `aquatic-ws, cluster, alone${suffix}`,
    isOurs: true,
    beside: () => startCluster(0),
    start(directory) {
      const cluster = { servers: [VALKEY_URL], secret: CLUSTER_SECRET };
      return startAquatic(directory, root, "ws", { cluster }, 1);
    },
  };
}

const DENIED_TORRENTS = 100_000;
const ASK_MILLISECONDS = 5000;

function operate(directory: string): Settings {
  const path = join(directory, "denied");
  const random = crypto.getRandomValues(Buffer.alloc(20 * 1000)).toString("hex");
  const hashes = Array.from({ length: DENIED_TORRENTS }, (_, i) => {
    const start = (i % 1000) * 40;
    return random.slice(start, start + 32) + i.toString(16).padStart(8, "0");
  });
  writeFileSync(path, hashes.join("\n"));
  return {
    access_list: { mode: "deny", path },
    statistics: { interval: 5, http_address: STATISTICS },
  };
}

/** Asks for the metrics and the state, as Prometheus and the live page do. */
function keepAsking(address: string): AsyncDisposable {
  const timer = setInterval(() => {
    for (const page of ["metrics", "stats.json"]) {
      // Before the tracker serves, and after it has stopped, nobody answers.
      fetch(`http://${address}/${page}`).then(
        (response) => response.text(),
        () => "",
      );
    }
  }, ASK_MILLISECONDS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
    },
  };
}

/** opentracker, with so many threads for its UDP socket; 0: in its event loop. */
function opentracker(workers: number, binary = "opentracker"): Contestant {
  const name = binary === "opentracker" ? binary : "opentracker by path";
  return {
    name: workers === 0 ? name : `${name}, ${workers} worker${workers > 1 ? "s" : ""}`,
    // The announcing peer is in its own peer list.
    settings: { checks: { requester: false, exact: false } },
    start(directory, { infoHashes }) {
      const lines = [
        `listen.udp.workers ${workers}`,
        `listen.udp ${ADDRESS}:${PORT}`,
        // It shuts itself into the directory, and refuses to stay root.
        "access.whitelist whitelist",
        `tracker.rootdir ${directory}`,
        "tracker.user nobody",
        "",
      ];
      writeFileSync(join(directory, "whitelist"), infoHashes());
      chmodSync(directory, 0o755);
      writeFileSync(join(directory, "opentracker.conf"), lines.join("\n"));
      return [binary, "-f", join(directory, "opentracker.conf")];
    },
  };
}

const aquaticUdpRust: Contestant = {
  name: "aquatic_udp (Rust)",
  // It does not count the announcing peer.
  settings: { checks: { content: false } },
  start(directory) {
    const network = { address_ipv4: `${ADDRESS}:${PORT}`, use_ipv6: false };
    return startWithToml(directory, process.env.AQUATIC_UDP_RUST!, { socket_workers: 1, network });
  },
};

/** The bare loop of bench/floor/udp.c: canned responses of the same sizes. */
export const floorUdp: Contestant = {
  name: "floor",
  // It keeps nothing.
  settings: { setup: { prefill: false }, checks: { content: false } },
  start(directory, { peersPerAnnounce }) {
    return [compileFloor("udp", directory), ADDRESS, String(PORT), String(peersPerAnnounce)];
  },
};

/** The opentrackers that there are: Debian's package, and the program that OPENTRACKER names. */
const opentrackers = [
  ...(Bun.which("opentracker") ? ["opentracker"] : []),
  ...(process.env.OPENTRACKER ? [process.env.OPENTRACKER] : []),
];

const otherRust = process.env.AQUATIC_UDP_RUST ? [aquaticUdpRust] : [];

/** The others for UDP that there are: opentracker's event loop first. */
export const othersUdp: readonly Contestant[] = [
  ...opentrackers.map((binary) => opentracker(0, binary)),
  ...otherRust,
];

/** The same, with opentracker's fastest set-up for one core. */
export const fastOthersUdp: readonly Contestant[] = [
  ...opentrackers.map((binary) => opentracker(1, binary)),
  ...otherRust,
];

// --- WebTorrent ---------------------------------------------------------------------------------

interface WsVariant {
  readonly workers?: number;
  readonly isTls?: true;
  readonly network?: Readonly<Record<string, unknown>>;
  /** The share of its clients that compress. */
  readonly deflateShare?: number;
}

/** An aquatic-ws; `variant` is its name. */
export function aquaticWs(
  { root, suffix }: Build,
  variant = "",
  given: WsVariant = {},
): Contestant {
  const { deflateShare = 0, isTls, network, workers = 1 } = given;
  return {
    name: `aquatic-ws${variant === "" ? "" : `, ${variant}`}${suffix}`,
    isOurs: true,
    settings: { network: { deflate_share: deflateShare } },
    ...(isTls ? { isTls } : {}),
    start(directory) {
      const tls = isTls ? makeCertificate(directory) : {};
      const deflate = deflateShare > 0 ? { accept_compressed: true } : {};
      return startAquatic(
        directory,
        root,
        "ws",
        { network: { ...deflate, ...network, ...tls } },
        workers,
      );
    },
  };
}

export const bittorrentTracker: Contestant = {
  name: "bittorrent-tracker",
  start() {
    const script = join(REPOSITORY, "bench/compare/bittorrent-tracker.mjs");
    return ["node", script, ADDRESS, String(PORT)];
  },
};

/** The relay of bench/floor/ws.c. */
export const floorWs: Contestant = {
  name: "floor",
  start: (directory) => [compileFloor("ws", directory), ADDRESS, String(PORT)],
};

const wtTracker: Contestant = {
  name: "wt-tracker",
  start: (directory) => ["node", process.env.WT_TRACKER!, writeWtConfig(directory)],
};

const wtTrackerRust: Contestant = {
  name: "wt-tracker-rust",
  start: (directory) => [process.env.WT_TRACKER_RUST!, writeWtConfig(directory)],
};

const aquaticWsRust: Contestant = {
  name: "aquatic_ws (Rust)",
  start(directory) {
    // Ten long offers are one frame.
    const network = { address: `${ADDRESS}:${PORT}`, websocket_max_frame_size: 65536 };
    const config = { socket_workers: 1, swarm_workers: 1, network };
    return startWithToml(directory, process.env.AQUATIC_WS_RUST!, config);
  },
};

/** The others for WebTorrent that there are, besides bittorrent-tracker. */
export const othersWs: readonly Contestant[] = [
  ...(process.env.WT_TRACKER ? [wtTracker] : []),
  ...(process.env.WT_TRACKER_RUST ? [wtTrackerRust] : []),
  ...(process.env.AQUATIC_WS_RUST ? [aquaticWsRust] : []),
];

// ------------------------------------------------------------------------------------------------

function startAquatic(
  directory: string,
  root: string,
  program: "udp" | "ws",
  { network, ...sections }: Settings,
  socketWorkers: number,
  requestWorkers?: number,
): string[] {
  const entry = join(root, `src/${program}.ts`);
  const config = {
    socket_workers: socketWorkers,
    ...(requestWorkers === undefined ? {} : { request_workers: requestWorkers }),
    statistics: { interval: 0 },
    network: { address: `${ADDRESS}:${PORT}`, ...network },
    limits: switchAddressLimitsOff(entry),
    ...sections,
  };
  return [process.execPath, "run", entry, ...writeToml(directory, config)];
}

/** The load comes from few addresses. A build that has no such limits does not know the keys. */
function switchAddressLimitsOff(entry: string): Record<string, number> {
  const { stdout } = Bun.spawnSync([process.execPath, "run", entry, "-p"]);
  const keys = stdout
    .toString()
    .matchAll(/^(max_\w+_per_ip(?:_per_second)?|max_messages_per_second) =/gm);
  return Object.fromEntries(Array.from(keys, ([, key]) => [key, 0]));
}

function startWithToml(directory: string, binary: string, config: object): string[] {
  return [binary, ...writeToml(directory, config)];
}

function writeToml(directory: string, config: object): string[] {
  const path = join(directory, "tracker.toml");
  writeFileSync(path, stringify(config));
  return ["-c", path];
}

function writeWtConfig(directory: string): string {
  const path = join(directory, "config.json");
  const server = { host: ADDRESS, port: PORT };
  const websockets = { path: "/*", maxPayloadLength: 65536, idleTimeout: 240, compression: 0 };
  const tracker = { maxOffers: 20, announceInterval: 120 };
  writeFileSync(path, JSON.stringify({ servers: [{ server, websockets }], tracker, workers: 1 }));
  return path;
}

function compileFloor(name: "udp" | "ws", directory: string): string {
  const binary = join(directory, "floor");
  const source = join(REPOSITORY, `bench/floor/${name}.c`);
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O2", "-o", binary, source]);
  if (exitCode !== 0) throw new Error(`cc: ${stderr.toString()}`);
  return binary;
}

// Returns the lines of `[network]` that use it.
function makeCertificate(directory: string): Record<string, unknown> {
  const certificate = join(directory, "certificate.pem");
  const key = join(directory, "key.pem");
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", key, "-out", certificate];
  const { exitCode, stderr } = Bun.spawnSync(
    ["openssl", "req", "-x509", ...curve, ...files, "-days", "2", "-subj", "/CN=localhost"],
    { stdin: "ignore" },
  );
  if (exitCode !== 0) throw new Error(`openssl: ${stderr.toString()}`);
  return { use_tls: true, tls_certificate_path: certificate, tls_private_key_path: key };
}
