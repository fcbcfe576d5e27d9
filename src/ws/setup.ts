// What the main thread of the WebTorrent tracker passes to its workers, and what the workers make
// of it.

import { allocateClientSamples, ClientSampler } from "../app/client-samples.ts";
import { allocateControl, doorbellWord } from "../app/control.ts";
import { allocateCounters, Counters } from "../app/counters.ts";
import { allocateLiveConfig } from "../app/live-config.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import { StartupError } from "../app/startup-error.ts";
import { openWakeEvent, wakeWorker } from "../app/wake-event.ts";
import { AccessList, allocateAccessList, MAX_LISTED } from "../swarm/access-list.ts";
import { isClustered } from "../cluster/config.ts";
import { deriveKey } from "../cluster/keys.ts";
import { createTable, Table, type TableMemory } from "../swarm/table.ts";
import {
  AddressLimits,
  type AddressLimitsMemory,
  allocateAddressLimits,
} from "./address-limits.ts";
import { allocateChannels, type ChannelMemory, type ChannelReceiver, Channels } from "./channel.ts";
import { ChangeSender } from "./changes.ts";
import { Clients } from "./clients.ts";
import { Collector } from "./collector.ts";
import { type WsConfig, wsSchema } from "./config.ts";
import {
  allocateConnections,
  allocateNodes,
  Connections,
  NO_LINK,
  OwnConnections,
} from "./connections.ts";
import { Delivery } from "./delivery.ts";
import { Handler } from "./handler.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Incoming } from "./incoming.ts";
import { Latency } from "./latency.ts";
import { Memberships } from "./memberships.ts";
import { Draft } from "./message/draft.ts";
import { Inbox } from "./message/inbox.ts";
import { Outgoing } from "./outgoing.ts";
import {
  allocatePendingOffers,
  PendingOffers,
  type PendingOffersMemory,
} from "./pending-offers.ts";
import type { BackendName } from "./socket/backend.ts";
import type { Certificate } from "./socket/tls.ts";
import { Takeovers } from "./takeovers.ts";
import { TrackerClock } from "./tracker-clock.ts";

/** Bytes of a peer ID, by which the table knows a peer. */
const PEER_ID_BYTES = 20;

/** Seconds after which a client that reads nothing is closed. */
const MAX_STALL_SECONDS = 30;

/** Memory and settings that all workers share. */
export interface Setup {
  readonly config: WsConfig;
  readonly table: TableMemory;
  readonly control: SharedArrayBuffer;
  /** See swarm/access-list.ts. */
  readonly accessList: SharedArrayBuffer;
  /** See client-samples.ts. */
  readonly clientSamples: SharedArrayBuffer;
  /** The settings that may change, see live-config.ts. */
  readonly liveConfig: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly connections: readonly SharedArrayBuffer[];
  /** The number of the link thread, after those of socket workers; NO_LINK without a cluster. */
  readonly linkWorker: number;
  readonly pendingOffers: PendingOffersMemory;
  readonly addressLimits: AddressLimitsMemory;
  readonly channels: ChannelMemory;
  readonly certificate: Certificate | undefined;
  readonly backend: BackendName;
  /**
   * By worker, with the backend 'epoll': an event that wakes it, see wake-event.ts. Else negative.
   */
  readonly wakeEvents: readonly number[];
}

/** Reserves the memory of a tracker. Throws a StartupError if the limits are too high. */
export function allocateSetup(
  config: WsConfig,
  certificate: Certificate | undefined,
  backend: BackendName,
): Setup {
  const { cluster, limits, socket_workers } = config;
  const hasLink = isClustered(cluster);
  const workers = socket_workers + (hasLink ? 1 : 0);
  const tableLimits = { maxTorrents: limits.max_torrents, maxPeers: limits.max_peers };
  try {
    return {
      config,
      table: createTable(PEER_ID_BYTES, tableLimits, randomWords(2)),
      control: allocateControl(workers),
      accessList: allocateAccessList(MAX_LISTED),
      clientSamples: allocateClientSamples(socket_workers),
      liveConfig: allocateLiveConfig(wsSchema),
      counters: allocateCounters(workers),
      connections: [
        ...allocateConnections(socket_workers, limits.max_connections),
        ...(hasLink ? [allocateNodes()] : []),
      ],
      linkWorker: hasLink ? socket_workers : NO_LINK,
      addressLimits: allocateAddressLimits(randomWords(2)),
      pendingOffers: allocatePendingOffers(
        limits.max_pending_offers,
        hasLink ? sharedOfferKey(cluster) : randomWords(4),
      ),
      channels: allocateChannels(workers, config.network.max_message_size),
      certificate,
      backend,
      wakeEvents: Array.from({ length: workers }, (_, worker) =>
        backend === "epoll" && worker < socket_workers ? openWakeEvent() : -1,
      ),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartupError(`limits: ${error.message}`);
  }
}

function randomWords(count: number): Int32Array {
  return crypto.getRandomValues(new Int32Array(count));
}

// An offer must be the same offer to all nodes.
function sharedOfferKey({ name, secret }: WsConfig["cluster"]): Int32Array {
  const bytes = deriveKey(secret, name, "pending offers", 16);
  return Int32Array.from({ length: 4 }, (_, i) => bytes.readInt32LE(i * 4));
}

/** Wakes all workers that sleep, because a control word has changed. */
export function wakeWorkers({ control, wakeEvents }: Setup): void {
  const words = new Int32Array(control);
  for (const [worker, event] of wakeEvents.entries())
    wakeWorker(words, doorbellWord(worker), event);
}

/** What a socket worker is started with. */
export interface SocketWorkerSetup extends Setup {
  readonly worker: number;
  readonly addresses: readonly SocketAddress[];
}

/** What a socket worker reports once it is bound. */
export interface Bound {
  readonly ports: readonly number[];
}

/** A socket worker without its listeners. */
export interface SocketWorker {
  /** Where the backend puts each message, and what it reports to. */
  readonly inbox: Inbox;
  readonly incoming: Incoming;
  /** What has to be done about every second. */
  readonly heartbeat: Heartbeat;
  readonly delivery: Delivery;
  readonly channels: Channels;
  /** Takes what comes from other workers. */
  receiveFromWorkers(): void;
}

/** Creates one worker on the shared memory. */
export function createSocketWorker(setup: SocketWorkerSetup): SocketWorker {
  const { config, linkWorker, wakeEvents, worker } = setup;
  const { cleaning, handlers, limits, network } = config;
  const control = new Int32Array(setup.control);
  const counters = new Counters(setup.counters, worker);
  const clock = new TrackerClock(control);
  const connections = new OwnConnections(setup.connections[worker]);
  const addressLimits = new AddressLimits(setup.addressLimits, limits);
  const inbox = new Inbox(network.max_message_size);
  const draft = new Draft();
  const clients = new Clients(worker, connections, addressLimits, counters);
  const outgoing = createOutgoing(config, connections, counters);
  const maxGathered = handlers.max_requests_per_iter;
  const channels = new Channels(setup.channels, { worker, maxGathered, wakeEvents }, control);
  const latency = new Latency(counters);
  const sending = { clients, outgoing, channels, draft, latency, clock, counters };
  const delivery = new Delivery(worker, sending, linkWorker);
  const handler = createHandler(setup, {
    limits: addressLimits,
    counters,
    inbox,
    draft,
    delivery,
    changes: createChanges(setup, channels, counters),
  });
  const parts = { inbox, clients, handler, channels, outgoing, delivery, clock };
  const takeovers = new Takeovers(worker, parts, linkWorker);
  const pingInterval = pingSeconds(cleaning);
  const heartbeat = new Heartbeat(
    { pingInterval, maxAge: cleaning.max_connection_age },
    clients,
    outgoing,
    clock,
  );
  const collector = new Collector();
  const incoming = new Incoming({
    ...parts,
    takeovers,
    heartbeat,
    limits: addressLimits,
    latency,
    collector,
    counters,
  });
  const receiver = createReceiver(delivery, takeovers);
  const receiveFromWorkers = (): void => channels.receive(receiver);
  return { inbox, incoming, heartbeat, delivery, channels, receiveFromWorkers };
}

function createReceiver(delivery: Delivery, takeovers: Takeovers): ChannelReceiver {
  return {
    relay(name, generation, kind, bytes, start, length) {
      delivery.deliverHere(name, generation, kind, bytes, start, length);
      delivery.flushIfUrgent();
    },
    probe: takeovers.probe.bind(takeovers),
    conclude: takeovers.conclude.bind(takeovers),
    concludeNode: takeovers.concludeNode.bind(takeovers),
  };
}

function createChanges(
  { config, linkWorker }: Setup,
  channels: Channels,
  counters: Counters,
): ChangeSender | undefined {
  if (linkWorker === NO_LINK) return undefined;
  return new ChangeSender(linkWorker, config.cleaning, channels, counters);
}

/** What a worker makes before its handler. */
interface HandlerNeeds {
  readonly limits: AddressLimits;
  readonly counters: Counters;
  readonly inbox: Inbox;
  readonly draft: Draft;
  readonly delivery: Delivery;
  readonly changes: ChangeSender | undefined;
}

function createHandler(setup: SocketWorkerSetup, needs: HandlerNeeds): Handler {
  const { limits, network } = setup.config;
  const { delivery, ...parts } = needs;
  return new Handler(
    {
      access: new AccessList(setup.accessList),
      linkWorker: setup.linkWorker,
      // These may change, see live-config.ts.
      get maxScrapeTorrents() {
        return network.max_scrape_torrents;
      },
      get maxOffers() {
        return network.max_offers;
      },
      get announceInterval() {
        return network.peer_announce_interval;
      },
    },
    {
      ...parts,
      table: new Table(setup.table),
      connections: new Connections(setup.connections),
      memberships: new Memberships(limits.max_peers_per_connection, randomWords(2)),
      pendingOffers: new PendingOffers(setup.pendingOffers),
      clients: new ClientSampler(setup.clientSamples, setup.worker),
      deliveries: delivery,
    },
  );
}

function createOutgoing(
  { cleaning, limits }: WsConfig,
  connections: OwnConnections,
  counters: Counters,
): Outgoing {
  const stallSeconds = cleaning.max_connection_age - pingSeconds(cleaning);
  const settings = {
    maxQueued: limits.max_queued_bytes,
    stallSeconds: Math.min(MAX_STALL_SECONDS, stallSeconds),
  };
  return new Outgoing(settings, connections, counters);
}

/** Seconds between two pings of a connection: a dead one must not outlive its age. */
function pingSeconds(cleaning: WsConfig["cleaning"]): number {
  return Math.min(cleaning.ping_interval, Math.floor(cleaning.max_connection_age / 2));
}
