// aquatic-udp, from its flags to its end: a UDP BitTorrent tracker (BEP 15). The main thread
// allocates the shared memory, starts the workers and drops its privileges. Then it keeps the
// clock, cleans the tables, writes the statistics and waits for a signal: see app/tracker.ts.

import type { AddressClaim } from "./app/address-claim.ts";
import { runCli, type Start } from "./app/cli.ts";
import { ClientTally } from "./app/client-samples.ts";
import { Clock } from "./app/clock.ts";
import { LiveConfigWriter } from "./app/live-config.ts";
import { log, setLogLevel } from "./app/log.ts";
import { listFaults } from "./app/metrics.ts";
import { reloadConfig } from "./app/reload.ts";
import { limitSocketWorkers } from "./app/reuse-port.ts";
import { Tracker } from "./app/tracker.ts";
import type { WorkerPool } from "./app/worker-pool.ts";
import { checkCluster, isClustered } from "./cluster/config.ts";
import { ClusterObserver } from "./cluster/observer.ts";
import { type UdpConfig, udpSchema } from "./udp/config.ts";
import { checkHealth } from "./udp/health.ts";
import { renewConnectionKeys } from "./udp/connection-id.ts";
import { shareConnectionKeys } from "./udp/shared-keys.ts";
import { allocateSetup, type Bound, type Setup, wakeWorkers } from "./udp/setup.ts";
import { askForNow, Persistence } from "./udp/persistence.ts";
import type { SnapshotAnswer } from "./udp/snapshot-question.ts";
import { collectUdpMetrics, listWorkers } from "./udp/operator-metrics.ts";
import { chooseBackend } from "./udp/socket/choose-backend.ts";
import { listStartFacts } from "./udp/start-facts.ts";

const NAME = "aquatic-udp";

await runCli({
  name: NAME,
  description: "A multi-threaded UDP BitTorrent tracker",
  schema: udpSchema,
  checkHealth,
  check: ({ cluster }) => checkCluster(cluster),
  run: serve,
});

/** Without a limit at the start, peers of an address are not counted. */
const KEEPS_ZERO = ["limits.max_peers_per_ip"];

async function serve(wanted: UdpConfig, { path, reread }: Start<typeof udpSchema>): Promise<void> {
  setLogLevel(wanted.log_level);
  checkCluster(wanted.cluster);
  const config = { ...wanted, socket_workers: limitSocketWorkers(wanted.socket_workers) };
  const tracker = new Tracker(config);
  const backend = chooseBackend(config.network.socket_backend, tracker.addresses);
  const setup = allocateSetup(config, backend);
  const clock = new Clock(setup.control);
  const persistence = await openPersistence(config, setup, clock);
  const isShared = persistence?.ownership.isShared;
  keepTime(setup, clock, persistence);

  const claim = await tracker.claimAddresses("udp", isShared);
  await startRequestWorkers(tracker.pool, setup);
  const fds = await startSocketWorkers(tracker, setup, claim);
  const live = new LiveConfigWriter(udpSchema, config, setup);
  const observer = new ClusterObserver();
  if (isClustered(config.cluster)) await startLinkWorker(tracker.pool, setup, observer);
  const ask = persistence && (await startSnapshotWorker(tracker.pool, setup, clock, persistence));
  await tracker.serve({
    scheme: "",
    memory: setup,
    clock,
    live,
    isShared,
    tables: Object.values(setup.tables),
    subject: {
      tracker: "udp",
      program: NAME,
      workers: listWorkers(config),
      schema: udpSchema,
      clients: new ClientTally(setup.clientSamples),
      collectMore: () => [...collectUdpMetrics(setup, fds), ...observer.collect()],
      describeCluster: observer.describe,
    },
    statistics: { faults: listFaults("udp") },
    facts: listStartFacts(setup),
    hasConfig: path !== undefined,
    wakeWorkers: () => wakeWorkers(setup),
    afterStop: async () => ask && persistence?.finish(ask),
    reloaded: [path ?? "", config.access_list.path],
    reload: () => reloadConfig(live, { reread, keepsZero: KEEPS_ZERO }),
  });
  if (ask === undefined) return;
  void persistence?.keepSnapshots(live, ask);
  await persistence?.ownership.complete();
}

async function openPersistence(
  config: UdpConfig,
  setup: Setup,
  clock: Clock,
): Promise<Persistence | undefined> {
  if (config.persistence.path === "") return undefined;
  const persistence = await Persistence.open(config);
  if (!isClustered(config.cluster)) {
    persistence.restoreKeys(new Int32Array(setup.connectionKeys), clock);
  }
  persistence.restoreSwarms(setup.tables, clock);
  return persistence;
}

function keepTime(
  { config, connectionKeys }: Setup,
  clock: Clock,
  persistence: Persistence | undefined,
): void {
  const keys = new Int32Array(connectionKeys);
  const maxAge = config.cleaning.max_connection_age;
  clock.keep((second) => {
    if (isClustered(config.cluster)) {
      shareConnectionKeys(keys, config.cluster, maxAge, second, clock.wallTimeOf(second));
      return;
    }
    renewConnectionKeys(keys, maxAge, second);
    persistence?.keepKeys(keys, clock);
  });
}

// `new Worker(new URL(…))` must be in this file: in a compiled binary, every module has its URL.

async function startRequestWorkers(pool: WorkerPool, setup: Setup): Promise<void> {
  const { request_workers, socket_workers } = setup.config;
  for (let i = 0; i < request_workers; i++) {
    const worker = new Worker(new URL("./udp/request-worker.ts", import.meta.url));
    await pool.start(`request worker ${i}`, worker, { ...setup, worker: socket_workers + i });
  }
}

async function startLinkWorker(
  pool: WorkerPool,
  setup: Setup,
  observer: ClusterObserver,
): Promise<void> {
  const { request_workers, socket_workers } = setup.config;
  const worker = new Worker(new URL("./udp/link-worker.ts", import.meta.url));
  const start = { ...setup, worker: socket_workers + request_workers };
  await pool.start("link worker", worker, start, observer.take);
}

async function startSnapshotWorker(
  pool: WorkerPool,
  setup: Setup,
  clock: Clock,
  persistence: Persistence,
): Promise<() => Promise<SnapshotAnswer>> {
  const worker = new Worker(new URL("./udp/snapshot-worker.ts", import.meta.url));
  await pool.start("snapshot worker", worker, persistence.workerSetup(setup));
  return () => pool.askOne<SnapshotAnswer>(worker, askForNow(clock));
}

// Returns the descriptors of each worker's sockets.
async function startSocketWorkers(
  tracker: Tracker,
  setup: Setup,
  claim: AddressClaim,
): Promise<readonly (readonly number[])[]> {
  const reports = await tracker.startSocketWorkers(claim, (i, addresses) => {
    const worker = new Worker(new URL("./udp/socket-worker.ts", import.meta.url));
    const start = { ...setup, worker: i, addresses };
    return tracker.pool.start<Bound>(`socket worker ${i}`, worker, start);
  });
  reportReceiveBuffer(setup.config.network.socket_recv_buffer_size, reports[0].receiveBuffer);
  return reports.map(({ fds }) => fds);
}

function reportReceiveBuffer(wanted: number, granted: number | undefined): void {
  if (granted === undefined || granted >= wanted) return;
  log.warn(
    `network.socket_recv_buffer_size: the kernel granted ${granted} of ${wanted} bytes; ` +
      "raise net.core.rmem_max to get more",
  );
}
