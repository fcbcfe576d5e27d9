// What a load worker asks for next: during the setup, a connection id for every address and one
// announce of every peer; from then on, the mix that is configured.

import { Random } from "../../../src/memory/random.ts";
import type { Clients } from "./clients.ts";
import type { LoadConfig } from "./config.ts";
import type { Outstanding } from "./outstanding.ts";
import {
  EVENT_NONE,
  EVENT_STARTED,
  scrapeBytes,
  writeAnnounce,
  writeConnect,
  writeScrapeHash,
  writeScrapeHead,
} from "./request-writer.ts";
import type { Roster } from "../roster.ts";
import { ANNOUNCE, CONNECT, SCRAPE } from "./tally.ts";

/** There is nothing that the socket could ask for now. */
export const NOTHING = -1;

/** A source of requests. */
export interface Workload {
  /** Peers that its announces ask for. */
  readonly wanted: number;
  /** Bytes of the request that `next` wrote last. */
  readonly bytes: number;
  /**
   * Takes a slot of the socket, which has one free, and writes a request to `words[at]`, to be sent
   * `now`, due at `due`. Returns the slot, or NOTHING.
   */
  next(socket: number, words: Int32Array, at: number, now: number, due: number): number;
  /** The request in the slot will have no answer. */
  lose(slot: number): void;
}

/** Connects every address and announces every peer once. */
export class SetupWorkload implements Workload {
  // Enough for the tracker to say what it would anyway.
  readonly wanted = 1;
  bytes = 0;
  /** For each socket, the next of its address' peers. */
  readonly #next: number[];
  /** Peers whose announce got lost, for each socket. */
  readonly #lost: number[][];

  constructor(
    config: LoadConfig,
    private readonly clients: Clients,
    private readonly roster: Roster,
    private readonly outstanding: Outstanding,
  ) {
    this.#next = clients.rank.map((rank) => (config.setup.prefill ? rank : Infinity));
    this.#lost = clients.fds.map(() => []);
  }

  next(socket: number, words: Int32Array, at: number, now: number, due: number): number {
    const { clients, outstanding, roster } = this;
    if (!clients.hasConnectionId(socket)) {
      if (!clients.claimRenewal(socket, now, 200)) return NOTHING;
      const slot = outstanding.take(socket, CONNECT, 0, now, due);
      this.bytes = writeConnect(words, at, outstanding.transaction(slot));
      return slot;
    }
    const peer = this.#lost[socket].pop() ?? this.#nextPeer(socket);
    if (peer < 0) return NOTHING;
    const slot = outstanding.take(socket, ANNOUNCE, peer, now, due);
    const transaction = outstanding.transaction(slot);
    clients.writeConnectionId(socket, words, at);
    this.bytes = writeAnnounce(words, at, transaction, roster, peer, EVENT_STARTED, this.wanted);
    return slot;
  }

  lose(slot: number): void {
    const { kind, subject, window } = this.outstanding;
    if (kind[slot] === ANNOUNCE) this.#lost[Math.floor(slot / window)].push(subject[slot]);
  }

  /** Whether every address has its connection id. */
  get isConnected(): boolean {
    return this.clients.fds.every((_, socket) => this.clients.hasConnectionId(socket));
  }

  /** Whether everything has been asked for and answered. */
  get isDone(): boolean {
    if (this.outstanding.count > 0 || !this.isConnected) return false;
    return this.clients.fds.every((_, socket) => this.#isEmpty(socket));
  }

  #isEmpty(socket: number): boolean {
    const count = this.roster.countAt(this.clients.address[socket]);
    return this.#lost[socket].length === 0 && this.#next[socket] >= count;
  }

  #nextPeer(socket: number): number {
    const address = this.clients.address[socket];
    const index = this.#next[socket];
    if (index >= this.roster.countAt(address)) return NOTHING;
    this.#next[socket] += this.clients.socketsPerAddress;
    return this.roster.peerAt(address, index);
  }
}

/** Connects, announces and scrapes in the proportion of their weights. */
export class MixedWorkload implements Workload {
  readonly wanted: number;
  bytes = 0;
  readonly #random: Random;
  readonly #weight: number;
  readonly #connectsBelow: number;
  readonly #announcesBelow: number;
  /** For each socket, how many peers its address has. */
  readonly #peers: number[];
  readonly #timeout: number;

  constructor(
    config: LoadConfig,
    worker: number,
    private readonly clients: Clients,
    private readonly roster: Roster,
    private readonly outstanding: Outstanding,
  ) {
    const { requests } = config;
    this.wanted = requests.peers_wanted;
    this.#random = new Random(config.seed, worker + 1, 0);
    this.#connectsBelow = requests.weight_connect;
    this.#announcesBelow = requests.weight_connect + requests.weight_announce;
    this.#weight = this.#announcesBelow + requests.weight_scrape;
    this.#peers = clients.address.map((address) => roster.countAt(address));
    this.#timeout = config.network.timeout_milliseconds;
  }

  next(socket: number, words: Int32Array, at: number, now: number, due: number): number {
    const { clients, outstanding } = this;
    const draw = this.#random.below(this.#weight);
    if (draw < this.#connectsBelow || clients.claimRenewal(socket, now, this.#timeout)) {
      const slot = outstanding.take(socket, CONNECT, 0, now, due);
      this.bytes = writeConnect(words, at, outstanding.transaction(slot));
      return slot;
    }
    clients.writeConnectionId(socket, words, at);
    if (draw < this.#announcesBelow) return this.#announce(socket, words, at, now, due);
    return this.#scrape(socket, words, at, now, due);
  }

  lose(): void {}

  #announce(socket: number, words: Int32Array, at: number, now: number, due: number): number {
    const { outstanding, roster } = this;
    const index = this.#random.below(this.#peers[socket]);
    const peer = roster.peerAt(this.clients.address[socket], index);
    const slot = outstanding.take(socket, ANNOUNCE, peer, now, due);
    const transaction = outstanding.transaction(slot);
    this.bytes = writeAnnounce(words, at, transaction, roster, peer, EVENT_NONE, this.wanted);
    return slot;
  }

  #scrape(socket: number, words: Int32Array, at: number, now: number, due: number): number {
    const { outstanding, roster } = this;
    const { torrents, torrentsPerScrape } = outstanding;
    const slot = outstanding.take(socket, SCRAPE, 0, now, due);
    writeScrapeHead(words, at, outstanding.transaction(slot));
    for (let i = 0; i < torrentsPerScrape; i++) {
      // As popular torrents are announced more often, they are scraped more often.
      const torrent = roster.torrentOf(this.#random.below(roster.shape.peers));
      torrents[slot * torrentsPerScrape + i] = torrent;
      writeScrapeHash(words, at, i, roster, torrent);
    }
    this.bytes = scrapeBytes(torrentsPerScrape);
    return slot;
  }
}
