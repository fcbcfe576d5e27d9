// aquatic-udp, from its flags to its end: a UDP BitTorrent tracker (BEP 15). The main thread
// allocates the shared memory, starts the workers and drops its privileges. Then it keeps the
// clock, cleans the tables, writes the statistics and waits for a signal.

import { type AddressClaim, claimAddresses } from "./app/address-claim.ts";
import { keepClean, keepClock, keepStatistics, reportFullTable } from "./app/background.ts";
import { runCli } from "./app/cli.ts";
import { log } from "./app/log.ts";
import { listFaults } from "./app/metrics.ts";
import { resolvePrivileges } from "./app/privileges.ts";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "./app/socket-address.ts";
import { WorkerPool } from "./app/worker-pool.ts";
import { ringDoorbell } from "./memory/doorbell.ts";
import { Table } from "./swarm/table.ts";
import { chooseBackend } from "./udp/socket/choose-backend.ts";
import { type UdpConfig, udpSchema } from "./udp/config.ts";
import { CONTROL, doorbellWord, startServing } from "./app/control.ts";
import { StopSignals } from "./app/stop-signals.ts";
import { allocateSetup, type Bound, type Setup } from "./udp/setup.ts";
import { renewConnectionKeys } from "./udp/connection-id.ts";
import { signalWakeEvent } from "./app/wake-event.ts";

await runCli({
  name: "aquatic-udp",
  description: "A multi-threaded UDP BitTorrent tracker",
  schema: udpSchema,
  run: serve,
});

async function serve(config: UdpConfig): Promise<void> {
  const signals = new StopSignals();
  const privileges = resolvePrivileges(config.privileges);
  const wanted = config.network.address.map(parseSocketAddress);
  const setup = allocateSetup(config, chooseBackend(config.network.socket_backend, wanted));
  const control = new Int32Array(setup.control);
  const pool = new WorkerPool();
  const connectionKeys = new Int32Array(setup.connectionKeys);
  const { max_connection_age } = config.cleaning;
  keepClock(control, CONTROL.clock, (second) => {
    renewConnectionKeys(connectionKeys, max_connection_age, second);
  });

  const claim = await claimAddresses(wanted, "udp");
  await startRequestWorkers(pool, setup);
  const addresses = await startSocketWorkers(pool, setup, claim);
  privileges?.drop();
  startServing(control);

  signals.handleBy(() => {
    return pool.stop(() => {
      Atomics.store(control, CONTROL.stop, 1);
      const count = config.socket_workers + config.request_workers;
      for (let worker = 0; worker < count; worker++) ringDoorbell(control, doorbellWord(worker));
      setup.wakeEvents.forEach(signalWakeEvent);
    });
  });
  for (const address of addresses) log(`listening on ${formatSocketAddress(address)}`);

  const tables = Object.values(setup.tables).map((memory) => new Table(memory));
  void keepClean(config.cleaning, tables, control, CONTROL.clock);
  reportFullTable(setup.counters);
  const { interval } = config.statistics;
  const statistics = { faults: listFaults("udp") };
  if (interval > 0) void keepStatistics(interval, tables, setup.counters, statistics);
}

// `new Worker(new URL(…))` must be in this file: in a compiled binary, every module has its URL.

async function startRequestWorkers(pool: WorkerPool, setup: Setup): Promise<void> {
  const { request_workers, socket_workers } = setup.config;
  for (let i = 0; i < request_workers; i++) {
    const worker = new Worker(new URL("./udp/request-worker.ts", import.meta.url));
    await pool.start(`request worker ${i}`, worker, { ...setup, worker: socket_workers + i });
  }
}

// Returns the addresses with the ports that were bound.
async function startSocketWorkers(
  pool: WorkerPool,
  setup: Setup,
  claim: AddressClaim,
): Promise<readonly SocketAddress[]> {
  const { network, socket_workers } = setup.config;
  let { addresses } = claim;
  for (let i = 0; i < socket_workers; i++) {
    const worker = new Worker(new URL("./udp/socket-worker.ts", import.meta.url));
    const start = { ...setup, worker: i, addresses };
    const bound = await pool.start<Bound>(`socket worker ${i}`, worker, start);
    // From here on, the first worker's sockets keep other trackers away.
    claim.release();
    // If the claim could not choose a port, the first worker does, and the others use the same one.
    addresses = addresses.map((address, index) => ({ ...address, port: bound.ports[index] }));
    if (i === 0) reportReceiveBuffer(network.socket_recv_buffer_size, bound.receiveBuffer);
  }
  return addresses;
}

function reportReceiveBuffer(wanted: number, granted: number | undefined): void {
  if (granted === undefined || granted >= wanted) return;
  log(
    `network.socket_recv_buffer_size: the kernel granted ${granted} of ${wanted} bytes; ` +
      "raise net.core.rmem_max to get more",
  );
}
