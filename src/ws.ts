// aquatic-ws, from its flags to its end: a WebTorrent tracker. The main thread makes the shared
// memory, starts the workers and gives up its privileges; from then on it keeps the clock, cleans
// the table, writes the statistics and waits for a signal.

import { type AddressClaim, claimAddresses } from "./app/address-claim.ts";
import { keepClean, keepClock, keepStatistics, reportFullTable } from "./app/background.ts";
import { runCli } from "./app/cli.ts";
import { CONTROL, doorbellWord, startServing } from "./app/control.ts";
import { readFileLimit } from "./app/file-limit.ts";
import { StopSignals } from "./app/stop-signals.ts";
import { log } from "./app/log.ts";
import { resolvePrivileges } from "./app/privileges.ts";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "./app/socket-address.ts";
import { WorkerPool } from "./app/worker-pool.ts";
import { ringDoorbell } from "./memory/doorbell.ts";
import { Table } from "./swarm/table.ts";
import { AcceptGate } from "./ws/accept-gate.ts";
import { listUnusedKeys, type WsConfig, wsSchema } from "./ws/config.ts";
import { fitConnections } from "./ws/file-budget.ts";
import { allocateSetup, type Bound, connectWorkers, type Setup } from "./ws/setup.ts";
import { reloadCertificate } from "./ws/reload.ts";
import { wsStatistics } from "./ws/statistics.ts";
import { readCertificate } from "./ws/tls.ts";

await runCli({
  name: "aquatic-ws",
  description: "A multi-threaded WebTorrent tracker",
  schema: wsSchema,
  run: serve,
});

async function serve(given: WsConfig): Promise<void> {
  const signals = new StopSignals();
  reportUnusedKeys(given);
  const fileLimit = readFileLimit() ?? Number.MAX_SAFE_INTEGER;
  const config = limitConnections(given, fileLimit);
  const privileges = resolvePrivileges(config.privileges);
  const setup = allocateSetup(config, readCertificate(config.network));
  const control = new Int32Array(setup.control);
  const pool = new WorkerPool();
  keepClock(control, CONTROL.clock);

  const claim = await claimAddresses(config.network.address.map(parseSocketAddress), "tcp");
  const { addresses, threads } = await startSocketWorkers(pool, setup, claim);
  const gate = new AcceptGate(fileLimit);
  gate.watch();
  privileges?.drop();
  startServing(control);

  signals.handleBy(() => {
    gate.release();
    return pool.stop(() => {
      Atomics.store(control, CONTROL.stop, 1);
      threads.forEach((_, worker) => ringDoorbell(control, doorbellWord(worker)));
    });
  });
  // One after the other.
  let reloaded = Promise.resolve();
  const reload = (): void => {
    reloaded = reloaded.then(async () => {
      gate.release();
      await reloadCertificate(config, (question) => pool.ask(question));
      gate.watch();
    });
  };
  process.on("SIGHUP", reload);
  process.on("SIGUSR1", reload);
  const scheme = config.network.use_tls ? "wss" : "ws";
  for (const address of addresses) log(`listening on ${scheme}://${formatSocketAddress(address)}`);
  const { max_connections: most } = config.limits;
  if (most !== given.limits.max_connections) {
    log(`limits.max_connections: ${most} fit the ${fileLimit} files that may be open (ulimit -n)`);
  }

  gate.keep();
  const tables = [new Table(setup.table)];
  void keepClean(config.cleaning, tables, control, CONTROL.clock);
  reportFullTable(setup.counters);
  const { interval } = config.statistics;
  if (interval > 0) void keepStatistics(interval, tables, setup.counters, wsStatistics);
}

function reportUnusedKeys(config: WsConfig): void {
  for (const name of listUnusedKeys(config)) log(`${name}: has no effect on this tracker`);
}

function limitConnections(config: WsConfig, fileLimit: number): WsConfig {
  const most = fitConnections(config, fileLimit);
  if (config.limits.max_connections <= most) return config;
  return { ...config, limits: { ...config.limits, max_connections: most } };
}

// `new Worker(new URL(…))` has to stand here: in a compiled binary, every module's URL is this one's.

// Returns the addresses with the ports that were bound.
async function startSocketWorkers(
  pool: WorkerPool,
  setup: Setup,
  claim: AddressClaim,
): Promise<{ addresses: readonly SocketAddress[]; threads: Worker[] }> {
  const { socket_workers } = setup.config;
  let { addresses } = claim;
  const ports = connectWorkers(socket_workers);
  const threads: Worker[] = [];
  for (let i = 0; i < socket_workers; i++) {
    const worker = new Worker(new URL("./ws/socket-worker.ts", import.meta.url));
    threads.push(worker);
    const start = { ...setup, worker: i, addresses, ports: ports[i] };
    const transfer = ports[i].filter((port) => port !== undefined);
    const bound = await pool.start<Bound>(`socket worker ${i}`, worker, start, transfer);
    // From here on, the first worker's sockets keep other trackers away.
    claim.release();
    // Where a claim could not choose a port, the first worker does, and the others follow.
    addresses = addresses.map((address, index) => ({ ...address, port: bound.ports[index] }));
  }
  return { addresses, threads };
}
