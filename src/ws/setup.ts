// What the main thread of the WebTorrent tracker hands to each of its workers, and what they make
// of it.

import { allocateControl, doorbellWord } from "../app/control.ts";
import { allocateCounters, Counters } from "../app/counters.ts";
import { allocateLiveConfig } from "../app/live-config.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import { StartupError } from "../app/startup-error.ts";
import { ringDoorbell } from "../memory/doorbell.ts";
import { createTable, Table, type TableMemory } from "../swarm/table.ts";
import {
  AddressLimits,
  type AddressLimitsMemory,
  allocateAddressLimits,
} from "./address-limits.ts";
import { Clients } from "./clients.ts";
import { type WsConfig, wsSchema } from "./config.ts";
import { allocateConnections, Connections, OwnConnections } from "./connections.ts";
import { KIND } from "./deliveries.ts";
import { Handler } from "./handler.ts";
import { allocateMail, LETTER, Mail } from "./mail.ts";
import { Memberships } from "./memberships.ts";
import { Outgoing } from "./outgoing.ts";
import {
  allocatePendingOffers,
  PendingOffers,
  type PendingOffersMemory,
} from "./pending-offers.ts";
import { Takeovers } from "./takeovers.ts";
import type { Certificate } from "./tls.ts";

/** Bytes of a peer id, by which the table knows a peer. */
const PEER_ID_BYTES = 20;

/** Seconds after which a client that reads nothing is given up. */
const MOST_STALL_SECONDS = 30;

/** Memory and settings that all workers share. */
export interface Setup {
  readonly config: WsConfig;
  readonly table: TableMemory;
  readonly control: SharedArrayBuffer;
  /** The settings that may change, see live-config.ts. */
  readonly liveConfig: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly connections: readonly SharedArrayBuffer[];
  readonly pendingOffers: PendingOffersMemory;
  readonly addressLimits: AddressLimitsMemory;
  readonly mail: SharedArrayBuffer;
  readonly certificate: Certificate | undefined;
}

/** Reserves the memory of a tracker. Throws a StartupError when the limits ask for too much. */
export function allocateSetup(config: WsConfig, certificate: Certificate | undefined): Setup {
  const { limits, socket_workers } = config;
  const tableLimits = { maxTorrents: limits.max_torrents, maxPeers: limits.max_peers };
  try {
    return {
      config,
      table: createTable(PEER_ID_BYTES, tableLimits, randomWords(2)),
      control: allocateControl(socket_workers),
      liveConfig: allocateLiveConfig(wsSchema),
      counters: allocateCounters(socket_workers),
      connections: allocateConnections(socket_workers, limits.max_connections),
      addressLimits: allocateAddressLimits(randomWords(2)),
      pendingOffers: allocatePendingOffers(limits.max_pending_offers, randomWords(4)),
      mail: allocateMail(socket_workers),
      certificate,
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StartupError(`limits: ${error.message}`);
  }
}

function randomWords(count: number): Int32Array {
  return crypto.getRandomValues(new Int32Array(count));
}

/** Wakes all workers that sleep, because a control word has changed. */
export function wakeWorkers({ config, control }: Setup): void {
  const words = new Int32Array(control);
  for (let worker = 0; worker < config.socket_workers; worker++) {
    ringDoorbell(words, doorbellWord(worker));
  }
}

/** What a socket worker is started with. */
export interface SocketWorkerSetup extends Setup {
  readonly worker: number;
  readonly addresses: readonly SocketAddress[];
  /** One for each other worker. */
  readonly ports: readonly (MessagePort | undefined)[];
}

/** What a socket worker answers. */
export interface Bound {
  readonly ports: readonly number[];
}

/** A channel between any two of so many workers: the ports of each, by the other's number. */
export function connectWorkers(workers: number): (MessagePort | undefined)[][] {
  const ports: (MessagePort | undefined)[][] = Array.from({ length: workers }, () =>
    Array.from({ length: workers }, () => undefined),
  );
  for (let a = 0; a < workers; a++) {
    for (let b = a + 1; b < workers; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a][b] = port1;
      ports[b][a] = port2;
    }
  }
  return ports;
}

/** Seconds between two pings of a connection, so that one which is dead does not outlive its age. */
function pingSeconds(cleaning: WsConfig["cleaning"]): number {
  return Math.min(cleaning.ping_interval, Math.floor(cleaning.max_connection_age / 2));
}

/** Makes the clients of one worker, with all that serves them, on the shared memory. */
export function createClients(setup: SocketWorkerSetup): Clients {
  const { config, worker } = setup;
  const { cleaning, handlers, limits, network } = config;
  const counters = new Counters(setup.counters, worker);
  const connections = new OwnConnections(setup.connections[worker]);
  const { compress_responses: compress } = network;
  const pingInterval = pingSeconds(cleaning);
  const maxAge = cleaning.max_connection_age;
  const stallSeconds = Math.min(MOST_STALL_SECONDS, maxAge - pingInterval);
  const outgoing = new Outgoing(
    { mostQueued: limits.max_queued_bytes, compress, stallSeconds },
    connections,
    counters,
  );
  const addressLimits = new AddressLimits(setup.addressLimits, limits);
  const clients = new Clients(
    { worker, pingInterval, maxAge },
    connections,
    outgoing,
    addressLimits,
    new Int32Array(setup.control),
    counters,
  );
  const handler = new Handler(
    {
      maxScrapeTorrents: network.max_scrape_torrents,
      maxOffers: network.max_offers,
      // May change, see live-config.ts.
      get announceInterval() {
        return network.peer_announce_interval;
      },
    },
    new Table(setup.table),
    new Connections(setup.connections),
    new Memberships(limits.max_peers_per_connection, randomWords(2)),
    addressLimits,
    new PendingOffers(setup.pendingOffers),
    counters,
    clients,
  );
  const mailSetup = {
    worker,
    ports: setup.ports,
    underWay: setup.mail,
    mostInBatch: handlers.max_requests_per_iter,
  };
  const mail: Mail = new Mail(mailSetup, (kind, name, generation, text) => {
    switch (kind) {
      case LETTER.probe:
        return takeovers.probe(name, generation, Number(text));
      case LETTER.alive:
        return takeovers.conclude(name, generation, true);
      case LETTER.gone:
        return takeovers.conclude(name, generation, false);
      case KIND.answer:
      case KIND.offer:
      case KIND.response:
        clients.deliver(name, generation, kind, text);
        return clients.flushIfUrgent();
    }
  });
  const takeovers = new Takeovers(worker, clients, mail);
  clients.join(handler, mail, takeovers);
  return clients;
}
