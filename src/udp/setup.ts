// What the main thread of the UDP tracker passes to its workers, and what the workers make of it.

import { allocateClientSamples, ClientSampler } from "../app/client-samples.ts";
import { allocateCounters, Counters } from "../app/counters.ts";
import { allocateLiveConfig, LiveConfigReader } from "../app/live-config.ts";
import { Pulse } from "../app/pulse.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import { StartupError } from "../app/startup-error.ts";
import { isClustered } from "../cluster/config.ts";
import { Bytes } from "../memory/bytes.ts";
import { ringDoorbell } from "../memory/doorbell.ts";
import { TOKEN_BUCKET_WORDS } from "../memory/token-buckets.ts";
import { AccessList, allocateAccessList, MAX_LISTED } from "../swarm/access-list.ts";
import { createTable, Table, type TableMemory } from "../swarm/table.ts";
import type { ByFamily } from "./address-family.ts";
import { allocateChanges, ChangeWriter } from "./changes.ts";
import { allocateChannels } from "./channel.ts";
import { type UdpConfig, udpSchema } from "./config.ts";
import { CONNECTION_KEY_WORDS, ConnectionIds } from "./connection-id.ts";
import { allocateControl, doorbellWord } from "../app/control.ts";
import { Handler, type HandlerSettings } from "./handler.ts";
import { RequestLimit } from "./request-limit.ts";
import { MAX_SKEW_SECONDS } from "./shared-keys.ts";
import type { BackendName } from "./socket/backend.ts";
import { openWakeEvent, signalWakeEvent } from "../app/wake-event.ts";

/** Memory and settings that all workers share. */
export interface Setup {
  readonly config: UdpConfig;
  readonly tables: ByFamily<TableMemory>;
  readonly control: SharedArrayBuffer;
  /** See swarm/access-list.ts. */
  readonly accessList: SharedArrayBuffer;
  /** See client-samples.ts. */
  readonly clientSamples: SharedArrayBuffer;
  /** The settings that may change, see live-config.ts. */
  readonly liveConfig: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly channels: SharedArrayBuffer;
  readonly backend: BackendName;
  /** With 'mmsg', an eventfd for each socket worker, see wake-event.ts. */
  readonly wakeEvents: readonly number[];
  /** In a cluster, a ring for each worker that answers announces: see changes.ts. */
  readonly changes: SharedArrayBuffer;
  /** See connection-id.ts. The main thread renews them. */
  readonly connectionKeys: SharedArrayBuffer;
  /** The tokens of each address, and the two random words of the hash that finds them. */
  readonly requestTokens: SharedArrayBuffer;
  readonly requestKey: Int32Array;
}

/** Reserves the memory of a tracker. Throws a StartupError if the limits are too high. */
export function allocateSetup(config: UdpConfig, backend: BackendName): Setup {
  const { limits, request_workers, socket_workers } = config;
  const isInCluster = isClustered(config.cluster);
  const workers = socket_workers + request_workers + (isInCluster ? 1 : 0);
  const tableLimits = {
    maxTorrents: limits.max_torrents,
    maxPeers: limits.max_peers,
    maxPeersPerAddress: limits.max_peers_per_ip,
  };
  const create = (addressBytes: 4 | 16) => createTable(addressBytes, tableLimits, randomWords());
  return {
    config,
    tables: explainRangeError("limits", () => ({ 4: create(4), 16: create(16) })),
    control: allocateControl(workers),
    accessList: allocateAccessList(MAX_LISTED),
    clientSamples: allocateClientSamples(workers),
    liveConfig: allocateLiveConfig(udpSchema),
    counters: allocateCounters(workers),
    channels: explainRangeError("request_workers", () => {
      return allocateChannels(socket_workers, request_workers);
    }),
    backend,
    wakeEvents: Array.from({ length: backend === "mmsg" ? socket_workers : 0 }, openWakeEvent),
    changes: allocateChanges(isInCluster ? countAnswering(config) : 0),
    connectionKeys: new SharedArrayBuffer(CONNECTION_KEY_WORDS * 4),
    requestTokens: new SharedArrayBuffer(TOKEN_BUCKET_WORDS * 4),
    requestKey: randomWords(),
  };
}

/** Returns what `allocate` returns. Turns a RangeError into a StartupError that names the key. */
function explainRangeError<T>(key: string, allocate: () => T): T {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartupError(`${key}: ${error.message}`);
  }
}

function randomWords(): Int32Array {
  return crypto.getRandomValues(new Int32Array(2));
}

/** Workers that answer announces: the request workers, or the socket workers if there are none. */
export function countAnswering({ request_workers, socket_workers }: UdpConfig): number {
  return request_workers || socket_workers;
}

/** Wakes all workers that sleep, because a control word has changed. */
export function wakeWorkers({ config, control, wakeEvents }: Setup): void {
  const words = new Int32Array(control);
  const count = config.socket_workers + config.request_workers;
  for (let worker = 0; worker < count; worker++) ringDoorbell(words, doorbellWord(worker));
  wakeEvents.forEach(signalWakeEvent);
}

/** What a socket worker is started with. Socket workers have the lower numbers. */
export interface SocketWorkerSetup extends Setup {
  readonly worker: number;
  readonly addresses: readonly SocketAddress[];
}

/** What a request worker is started with. */
export interface RequestWorkerSetup extends Setup {
  readonly worker: number;
}

/** What the link worker of a cluster is started with. It has the highest number. */
export interface LinkWorkerSetup extends Setup {
  readonly worker: number;
}

/** What a socket worker reports once it has bound its sockets. */
export interface Bound {
  readonly fds: readonly number[];
  readonly ports: readonly number[];
  /** The smallest receive buffer granted, in bytes; undefined if the system's default was kept. */
  readonly receiveBuffer: number | undefined;
}

/** A worker's own views of the shared memory. */
export interface WorkerViews {
  readonly control: Int32Array;
  readonly counters: Counters;
  readonly channels: Bytes;
  readonly handler: Handler;
  /**
   * Takes over a changed configuration, and shows life. Called with the second of the clock before
   * each batch, and at least once a second.
   */
  readonly refresh: (now: number) => void;
}

/** Views the shared memory as worker number `worker`. */
export function viewSetup(setup: Setup, worker: number): WorkerViews {
  const { config, requestKey } = setup;
  const { max_connection_age } = config.cleaning;
  const { max_requests_per_ip_per_second } = config.limits;
  const counters = new Counters(setup.counters, worker);
  const tables = { 4: new Table(setup.tables[4]), 16: new Table(setup.tables[16]) };
  const requestTokens = new Int32Array(setup.requestTokens);
  const limit = new RequestLimit(requestTokens, requestKey, max_requests_per_ip_per_second);
  const maxSkew = isClustered(config.cluster) ? MAX_SKEW_SECONDS : 0;
  const changes = openChanges(setup, worker, counters);
  const handler = new Handler(
    handlerSettings(config),
    new ConnectionIds(new Int32Array(setup.connectionKeys), max_connection_age, maxSkew),
    tables,
    limit,
    counters,
    {
      access: new AccessList(setup.accessList),
      clients: new ClientSampler(setup.clientSamples, worker),
      changes,
    },
  );
  const live = new LiveConfigReader(udpSchema, config, setup, ({ cleaning, limits }) => {
    handler.configure(handlerSettings(config));
    limit.setRate(limits.max_requests_per_ip_per_second);
    for (const table of [tables[4], tables[16]]) table.limitAddresses(limits.max_peers_per_ip);
    changes?.configure(cleaning.max_peer_age);
  });
  const pulse = new Pulse(counters);
  return {
    control: new Int32Array(setup.control),
    counters,
    channels: new Bytes(setup.channels),
    handler,
    refresh(now) {
      live.refresh();
      pulse.beat(now);
    },
  };
}

// Where a worker notes changes; undefined without a cluster, or if it only relays requests.
function openChanges(setup: Setup, worker: number, counters: Counters): ChangeWriter | undefined {
  const { cleaning, cluster, request_workers, socket_workers } = setup.config;
  const index = request_workers === 0 ? worker : worker - socket_workers;
  if (!isClustered(cluster) || index < 0) return undefined;
  return new ChangeWriter(setup.changes, index, counters, cleaning.max_peer_age);
}

function handlerSettings({ network }: UdpConfig): HandlerSettings {
  return {
    maxScrapeTorrents: network.max_scrape_torrents,
    maxResponsePeers: network.max_response_peers,
    announceInterval: network.peer_announce_interval,
  };
}

/** The channel between a socket worker and a request worker, as the socket worker sees it. */
export function channelForSocketWorker(setup: Setup, socketWorker: number, requestWorker: number) {
  const { socket_workers } = setup.config;
  const doorbell = doorbellWord(socket_workers + requestWorker);
  return { ...channelSetup(setup, socketWorker, requestWorker), doorbell, wakeEvent: -1 };
}

/** The same channel as the request worker sees it. */
export function channelForRequestWorker(setup: Setup, socketWorker: number, requestWorker: number) {
  const doorbell = doorbellWord(socketWorker);
  const wakeEvent = setup.wakeEvents[socketWorker] ?? -1;
  return { ...channelSetup(setup, socketWorker, requestWorker), doorbell, wakeEvent };
}

function channelSetup(setup: Setup, socketWorker: number, requestWorker: number) {
  const index = socketWorker * setup.config.request_workers + requestWorker;
  return { index, control: new Int32Array(setup.control) };
}
