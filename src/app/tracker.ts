// The life of a tracker on its main thread, the same for each protocol: the entries udp.ts and
// ws.ts call it in order and add only what differs. A new tracker claims its addresses, starts its
// workers, drops its privileges, serves, and stops at a signal.

import { Table, type TableMemory } from "../swarm/table.ts";
import { AccessListWriter } from "../swarm/access-list.ts";
import { type AccessListSettings, loadAccessList, reloadAccessList } from "./access-file.ts";
import { type AddressClaim, claimAddresses, type Protocol } from "./address-claim.ts";
import {
  type BackgroundSettings,
  keepClean,
  keepStatistics,
  reportFullTable,
} from "./background.ts";
import type { Clock } from "./clock.ts";
import { Censuses } from "./censuses.ts";
import { CONTROL, startServing } from "./control.ts";
import { checkWorkers } from "./http/health.ts";
import { serveOperatorPages } from "./http/operator-pages.ts";
import type { Subject, TableSubject } from "./http/subject.ts";
import { keepDirectories } from "./kept-directory.ts";
import { createPageReturner } from "./pages.ts";
import { type PrivilegeDrop, type PrivilegeSettings, resolvePrivileges } from "./privileges.ts";
import { ServiceManager } from "./service-manager.ts";
import { formatSocketAddress, parseSocketAddress, type SocketAddress } from "./socket-address.ts";
import type { StatisticsOptions } from "./statistics.ts";
import { StopSignals } from "./stop-signals.ts";
import { hasStatusLine, keepStatusLine, openTerminals, reportStart } from "./terminal/presence.ts";
import type { StartFacts } from "./terminal/start-block.ts";
import { WorkerPool } from "./worker-pool.ts";

/** The part of a configuration that each tracker has. */
export interface TrackerConfig {
  readonly socket_workers: number;
  readonly network: { readonly address: readonly string[] };
  readonly access_list: AccessListSettings;
  readonly statistics: {
    readonly http_address: string;
    readonly http_hosts: readonly string[];
  };
  readonly privileges: PrivilegeSettings;
}

/** Memory that the main thread shares with all workers. */
interface TrackerMemory {
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly accessList: SharedArrayBuffer;
}

/** What a socket worker reports once it has bound its sockets, by address. */
interface Bound {
  readonly ports: readonly number[];
}

/** What differs between the trackers while they serve. */
export interface ServeOptions {
  /** What the log puts in front of an address, such as "wss://". */
  readonly scheme: string;
  readonly memory: TrackerMemory;
  readonly clock: Clock;
  readonly live: BackgroundSettings;
  /** Whether another tracker, which hands over to this one, still serves at all addresses. */
  readonly isShared?: boolean;
  readonly tables: readonly TableMemory[];
  readonly statistics: StatisticsOptions;
  /** What it says about itself on a terminal. */
  readonly facts: StartFacts;
  /** Whether it was started with a configuration file. */
  readonly hasConfig: boolean;
  /** What the operator's pages show of this tracker alone. */
  readonly subject: Pick<
    Subject,
    "tracker" | "program" | "workers" | "clients" | "schema" | "collectMore" | "describeCluster"
  >;
  /** Wakes all workers that sleep, because a control word has changed. */
  readonly wakeWorkers: () => void;
  /** Called at SIGHUP and SIGUSR1; a call waits for the one before. */
  readonly reload: () => void | Promise<void>;
  /** The files that a reload reads. */
  readonly reloaded: readonly string[];
  /** Called before the workers stop. */
  readonly beforeStop?: () => void;
  /** Called once they have stopped. */
  readonly afterStop?: () => Promise<void>;
}

/** One tracker, from its configuration to its end. */
export class Tracker {
  readonly pool = new WorkerPool();
  /** The listening addresses, with the ports that were bound as soon as they are known. */
  addresses: readonly SocketAddress[];
  readonly #signals = new StopSignals();
  readonly #service = new ServiceManager();
  readonly #privileges: PrivilegeDrop | undefined;

  /** Throws a StartupError if the privileges cannot be dropped as configured. */
  constructor(private readonly config: TrackerConfig) {
    openTerminals();
    this.#privileges = resolvePrivileges(config.privileges);
    this.addresses = config.network.address.map(parseSocketAddress);
  }

  /**
   * Keeps other programs from the addresses until the first socket worker has bound them. With
   * `isShared`, another tracker still serves there.
   */
  async claimAddresses(protocol: Protocol, isShared = false): Promise<AddressClaim> {
    if (isShared) return { addresses: this.addresses, release: () => {} };
    const claim = await claimAddresses(this.addresses, protocol);
    this.addresses = claim.addresses;
    return claim;
  }

  /** Starts the socket workers one by one with `start`, and returns what they report. */
  async startSocketWorkers<Ready extends Bound>(
    claim: AddressClaim,
    start: (worker: number, addresses: readonly SocketAddress[]) => Promise<Ready>,
  ): Promise<Ready[]> {
    const reports: Ready[] = [];
    for (let worker = 0; worker < this.config.socket_workers; worker++) {
      const bound = await start(worker, this.addresses);
      // From here on, the first worker's sockets keep other trackers away.
      claim.release();
      // If the claim could not choose a port, the first worker does, and the others use the same.
      this.addresses = this.addresses.map((address, index) => {
        return { ...address, port: bound.ports[index] };
      });
      reports.push(bound);
    }
    return reports;
  }

  /** Drops the privileges, lets the workers serve, and does the main thread's work from now on. */
  async serve(options: ServeOptions): Promise<void> {
    const { clock, live } = options;
    const { counters } = options.memory;
    const control = new Int32Array(options.memory.control);
    const tables = options.tables.map((memory) => new Table(memory));
    const censuses = new Censuses(tables);
    const cleaning = { passes: 0, seconds: 0, lastSeconds: 0 };
    const accessMemory = options.memory.accessList;
    const access = new AccessListWriter(
      accessMemory,
      createPageReturner(new Int32Array(accessMemory)),
    );
    await loadAccessList(access, this.config.access_list);
    if (this.#privileges !== undefined) keepDirectories(options.reloaded);
    const pagesUrl = await this.#serveOperator(options, { access, tables, censuses, cleaning });
    this.#privileges?.drop();
    startServing(control);
    this.#handleSignals(control, options, access);
    const urls = this.#listUrls(options);
    const { facts, hasConfig } = options;
    reportStart(options.subject.program, facts, { urls, pagesUrl, hasConfig });
    this.#service.notifyReady();
    const health = { clock, counters, workers: options.subject.workers };
    this.#service.keepAlive(() => checkWorkers(health).every(({ isAlive }) => isAlive));
    void keepClean(live, tables, clock, cleaning, access);
    reportFullTable(counters);
    this.#keepStatistics(options, tables, censuses);
  }

  #keepStatistics(
    { live, memory: { counters }, statistics, subject }: ServeOptions,
    tables: readonly Table[],
    censuses: Censuses,
  ): void {
    if (!hasStatusLine()) return void keepStatistics(live, censuses, counters, statistics);
    const hasConnections = subject.tracker === "ws";
    const sources = { counters, tables, faults: statistics.faults, hasConnections };
    keepStatusLine(sources, () => live.config.statistics.interval > 0);
  }

  #listUrls({ scheme }: ServeOptions): string[] {
    return this.addresses.map((address) => scheme + formatSocketAddress(address));
  }

  // Returns the URL of the pages, if they are served.
  async #serveOperator(
    options: ServeOptions,
    views: Pick<Subject, "access" | "censuses" | "cleaning"> & { tables: readonly Table[] },
  ): Promise<string | undefined> {
    const { http_address, http_hosts } = this.config.statistics;
    if (http_address === "") return undefined;
    const address = parseSocketAddress(http_address);
    const subject: Subject = {
      ...options.subject,
      ...views,
      addresses: this.#listUrls(options),
      clock: options.clock,
      counters: options.memory.counters,
      config: this.config,
      tables: options.tables.map((memory, index) => describeTable(memory, views.tables[index])),
    };
    const port = await serveOperatorPages(address, http_hosts, subject, options.isShared);
    return `http://${formatSocketAddress({ ...address, port })}/`;
  }

  #handleSignals(
    control: Int32Array,
    { afterStop, beforeStop, reload, wakeWorkers }: ServeOptions,
    access: AccessListWriter,
  ): void {
    this.#signals.handleBy(async () => {
      this.#service.notifyStopping();
      beforeStop?.();
      await this.pool.stop(() => {
        Atomics.store(control, CONTROL.stop, 1);
        wakeWorkers();
      });
      await afterStop?.();
    });
    let last = Promise.resolve();
    for (const signal of ["SIGHUP", "SIGUSR1"] as const) {
      process.on(signal, () => {
        last = last
          .then(() => this.#service.notifyReloading())
          .then(reload)
          .then(() => reloadAccessList(access, this.config.access_list))
          .then(wakeWorkers)
          .then(() => this.#service.notifyReady());
      });
    }
  }
}

const IP_VERSIONS = { 4: "4", 16: "6", 20: undefined } as const;

function describeTable({ identityBytes, limits }: TableMemory, table: Table): TableSubject {
  const { maxPeers, maxTorrents } = limits;
  return { ipVersion: IP_VERSIONS[identityBytes], table, maxPeers, maxTorrents };
}
