// aquatic-ws, from its flags to its end: a WebTorrent tracker. The main thread allocates the shared
// memory, starts the workers and drops its privileges. Then it keeps the clock, cleans the table,
// writes the statistics and waits for a signal: see app/tracker.ts.

import type { AddressClaim } from "./app/address-claim.ts";
import { runCli, type Start } from "./app/cli.ts";
import { ClientTally } from "./app/client-samples.ts";
import { Clock } from "./app/clock.ts";
import { readFileLimit } from "./app/file-limit.ts";
import { LiveConfigWriter } from "./app/live-config.ts";
import { log, setLogLevel } from "./app/log.ts";
import { reloadConfig } from "./app/reload.ts";
import { limitSocketWorkers } from "./app/reuse-port.ts";
import { Tracker } from "./app/tracker.ts";
import { checkCluster, isClustered } from "./cluster/config.ts";
import { ClusterObserver } from "./cluster/observer.ts";
import { AcceptGate } from "./ws/socket/accept-gate.ts";
import { listUnusedKeys, type WsConfig, wsSchema } from "./ws/config.ts";
import { checkHealth } from "./ws/health.ts";
import { collectWsMetrics } from "./ws/operator-metrics.ts";
import { chooseBackend } from "./ws/socket/choose-backend.ts";
import { fitConnections } from "./ws/socket/file-budget.ts";
import { reloadCertificate } from "./ws/reload.ts";
import { allocateSetup, type Bound, type Setup, wakeWorkers } from "./ws/setup.ts";
import { listStartFacts } from "./ws/start-facts.ts";
import { wsStatistics } from "./ws/statistics-line.ts";
import { readCertificate } from "./ws/socket/tls.ts";

const NAME = "aquatic-ws";

await runCli({
  name: NAME,
  description: "A multi-threaded WebTorrent tracker",
  schema: wsSchema,
  check({ cluster, network }) {
    checkCluster(cluster);
    readCertificate(network);
  },
  checkHealth,
  run: serve,
});

async function serve(wanted: WsConfig, { path, reread }: Start<typeof wsSchema>): Promise<void> {
  setLogLevel(wanted.log_level);
  checkCluster(wanted.cluster);
  const given = { ...wanted, socket_workers: limitSocketWorkers(wanted.socket_workers) };
  const tracker = new Tracker(given);
  reportUnusedKeys(given);
  const fileLimit = readFileLimit() ?? Number.MAX_SAFE_INTEGER;
  const config = limitConnections(given, fileLimit);
  let certificate = readCertificate(config.network);
  const setup = allocateSetup(config, certificate, chooseBackend(config.network));
  const clock = new Clock(setup.control);
  clock.keep();

  await startSocketWorkers(tracker, setup, await tracker.claimAddresses("tcp"));
  const cluster = new ClusterObserver();
  if (isClustered(config.cluster)) await startLinkWorker(tracker, setup, cluster);
  const gate = new AcceptGate(fileLimit);
  gate.watch();
  const live = new LiveConfigWriter(wsSchema, config, setup);
  await tracker.serve({
    scheme: config.network.use_tls ? "wss://" : "ws://",
    memory: setup,
    clock,
    live,
    tables: [setup.table],
    subject: {
      tracker: "ws",
      program: NAME,
      workers: nameWorkers(config),
      schema: wsSchema,
      clients: new ClientTally(setup.clientSamples),
      collectMore: () => [...collectWsMetrics(config, certificate), ...cluster.collect()],
      describeCluster: cluster.describe,
    },
    statistics: wsStatistics,
    facts: listStartFacts(setup),
    hasConfig: path !== undefined,
    wakeWorkers: () => wakeWorkers(setup),
    beforeStop: () => gate.release(),
    reloaded: [
      path ?? "",
      config.access_list.path,
      config.network.tls_pkcs12_path,
      config.network.tls_certificate_path,
      config.network.tls_private_key_path,
    ],
    async reload() {
      reloadConfig(live, { reread: reread && (() => limitConnections(reread(), fileLimit)) });
      gate.release();
      const next = await reloadCertificate(config, (question) => tracker.pool.ask(question));
      certificate = next ?? certificate;
      gate.watch();
    },
  });
  gate.keep();
  const { max_connections } = config.limits;
  if (max_connections !== given.limits.max_connections) {
    log.warn(
      `limits.max_connections: ${max_connections} fit the ${fileLimit} files that may be open ` +
        "(ulimit -n)",
    );
  }
}

function reportUnusedKeys(config: WsConfig): void {
  for (const name of listUnusedKeys(config)) log.warn(`${name}: has no effect on this tracker`);
}

function nameWorkers({ cluster, socket_workers }: WsConfig): string[] {
  const names = Array.from({ length: socket_workers }, (_, i) => `socket worker ${i}`);
  return isClustered(cluster) ? [...names, "link worker"] : names;
}

function limitConnections(config: WsConfig, fileLimit: number): WsConfig {
  const most = fitConnections(config, fileLimit);
  if (config.limits.max_connections <= most) return config;
  return { ...config, limits: { ...config.limits, max_connections: most } };
}

// `new Worker(new URL(…))` must be in this file: in a compiled binary, every module has its URL.

async function startSocketWorkers(
  tracker: Tracker,
  setup: Setup,
  claim: AddressClaim,
): Promise<void> {
  await tracker.startSocketWorkers(claim, (i, addresses) => {
    const worker = new Worker(new URL("./ws/socket-worker.ts", import.meta.url));
    const start = { ...setup, worker: i, addresses };
    return tracker.pool.start<Bound>(`socket worker ${i}`, worker, start);
  });
}

async function startLinkWorker(
  tracker: Tracker,
  setup: Setup,
  cluster: ClusterObserver,
): Promise<void> {
  const worker = new Worker(new URL("./ws/link-worker.ts", import.meta.url));
  await tracker.pool.start<void>("link worker", worker, setup, cluster.take);
}
