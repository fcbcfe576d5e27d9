// One message in, deliveries out: what the tracker does about whatever a client sends. Knows the
// table, and connections by name, but no socket. Each socket worker has one; nothing a client sends
// makes it throw.

import { COUNTER, type Counters } from "../app/counters.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../swarm/layout.ts";
import { PEER_HELD, type Table, TABLE_FULL } from "../swarm/table.ts";
import { type ConnectionName, type Connections, slotOf } from "./connections.ts";
import { type Deliveries, KIND } from "./deliveries.ts";
import { copyId, ID_WORDS, readId } from "./id.ts";
import type { Memberships } from "./memberships.ts";
import {
  type Announce,
  isSeeder,
  type Offer,
  readAnswer,
  readMessage,
  readOffers,
  type Scrape,
  writeAnnounceResponse,
  writeAnswer,
  writeError,
  writeOffer,
  writeOfferHead,
  writeScrapeEntry,
  writeScrapeResponse,
} from "./message.ts";
import { OFFER, type PendingOffers } from "./pending-offers.ts";

/** What became of a message. */
export const OUTCOME = {
  /** Done, answered with an error, or passed over. */
  handled: 0,
  /** Nothing that could be answered. */
  junk: 1,
  /**
   * Another connection holds the peer: see `holder`. Whoever finds out that it is dead closes it,
   * and has the message handled again.
   */
  held: 2,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** Where a message comes from. */
export interface Sender {
  readonly name: ConnectionName;
  readonly generation: number;
}

export interface HandlerSettings {
  readonly maxScrapeTorrents: number;
  readonly maxOffers: number;
  /** Seconds. */
  readonly announceInterval: number;
}

export const REFUSAL = {
  action: "Unknown action",
  full: "Tracker is full",
  infoHash: "info_hash must be 20 characters of U+0000 to U+00FF",
  noInfoHash: "A scrape needs an info_hash",
  offerId: "offer_id must be 20 characters of U+0000 to U+00FF",
  peerHeld: "Another connection uses this peer_id",
  peerId: "peer_id must be 20 characters of U+0000 to U+00FF",
  sdp: "answer.sdp must be a string",
  toPeerId: "to_peer_id must be 20 characters of U+0000 to U+00FF",
  tooMany: "Too many peers on one connection",
} as const;

/** An announce whose info hash and peer id are ids. */
type NamedFields = Announce["fields"] & { readonly info_hash: string; readonly peer_id: string };

// A peer as the table hands it out, in halves of words: peer id, connection, generation.
const PEER_HALVES = 13;
const CONNECTION_HALF = ID_WORDS * 2;

/** Peers asked of the table for each offer, so that some may be passed over. */
const CANDIDATES = 2;

export class Handler {
  /** Who holds the peer of the last message that was `held`. */
  readonly holder = { name: 0, generation: 0 };
  readonly #request = new Int32Array(ANNOUNCE.words);
  readonly #offer = new Int32Array(OFFER.words);
  readonly #handedOut: Uint16Array;

  constructor(
    private readonly settings: HandlerSettings,
    private readonly table: Table,
    private readonly connections: Connections,
    private readonly memberships: Memberships,
    private readonly pendingOffers: PendingOffers,
    private readonly counters: Counters,
    private readonly deliveries: Deliveries,
  ) {
    this.#handedOut = new Uint16Array(settings.maxOffers * CANDIDATES * PEER_HALVES);
  }

  /** Handles what `from` sent at second `now`. */
  handle(from: Sender, text: string, now: number): Outcome {
    const message = readMessage(text);
    if (message === undefined) return OUTCOME.junk;
    if (message.action === "scrape") return this.#scrape(from, message);
    const { fields } = message;
    if (message.action === "unknown") {
      return this.#respond(from, writeError(message.name, fields.info_hash, REFUSAL.action));
    }
    if (!readId(fields.info_hash, this.#request, ANNOUNCE.infoHash)) {
      return this.#refuse(from, fields, REFUSAL.infoHash);
    }
    if (!readId(fields.peer_id, this.#request, ANNOUNCE.peer)) {
      return this.#refuse(from, fields, REFUSAL.peerId);
    }
    const named = fields as NamedFields;
    if (named.answer !== undefined && named.answer !== null) {
      return this.#passAnswer(from, named, text, now);
    }
    return this.#announce(from, named, text, now);
  }

  /** Tells `from` that the peer of its message is another's. */
  refuseHeld(from: Sender, text: string): void {
    const message = readMessage(text);
    if (message?.action === "announce") this.#refuse(from, message.fields, REFUSAL.peerHeld);
  }

  /** Removes all peers of a connection that is closing, but those that another has taken over. */
  removePeers(from: Sender): void {
    const request = this.#request;
    while (this.memberships.removeAny(slotOf(from.name), request, ANNOUNCE.infoHash)) {
      this.#stop(from, request);
    }
  }

  // Info hash and peer id have been read into the request.
  #announce(from: Sender, fields: NamedFields, text: string, now: number): Outcome {
    const { table, settings } = this;
    const request = this.#request;
    const slot = slotOf(from.name);
    const isStopped = fields.event === "stopped";
    if (!isStopped && !this.memberships.hasRoom(slot, request, ANNOUNCE.infoHash)) {
      return this.#refuse(from, fields, REFUSAL.tooMany);
    }
    const offers = isStopped ? [] : readOffers(fields, text, settings.maxOffers);
    const flags = (isSeeder(fields) ? FLAG_SEEDER : 0) | (isStopped ? FLAG_STOPPED : 0);
    this.#hold(from, flags, offers.length * CANDIDATES);
    let peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    if (peers === PEER_HELD) {
      if (!this.#mayTakeOver(from)) {
        this.holder.name = table.connection;
        this.holder.generation = table.generation;
        return OUTCOME.held;
      }
      request[ANNOUNCE.flags] = flags | FLAG_TAKE_OVER;
      peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    }
    if (peers === TABLE_FULL) {
      this.counters.add(COUNTER.tableFull, 1);
      return this.#refuse(from, fields, REFUSAL.full);
    }
    if (isStopped) this.memberships.remove(slot, request, ANNOUNCE.infoHash);
    else if (table.isNewcomer) this.memberships.add(slot, request, ANNOUNCE.infoHash);
    const { announceInterval } = settings;
    const { info_hash: infoHash, peer_id: peerId } = fields;
    this.#respond(
      from,
      writeAnnounceResponse(infoHash, table.seeders, table.leechers, announceInterval),
    );
    if (peers > 0) this.#passOffers(offers, peers, writeOfferHead(infoHash, peerId), now);
    return OUTCOME.handled;
  }

  // To as many of the peers handed out as there are offers, but not to those that cannot take one.
  #passOffers(offers: readonly Offer[], peers: number, head: string, now: number): void {
    const offer = this.#offer;
    const request = this.#request;
    const handedOut = this.#handedOut;
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.offerer);
    let peer = -1;
    for (const { sdp, id } of offers) {
      readId(id, offer, OFFER.id);
      let name: number;
      let generation: number;
      do {
        if (++peer === peers) return;
        const at = peer * PEER_HALVES + CONNECTION_HALF;
        name = handedOut[at] | (handedOut[at + 1] << 16);
        generation = handedOut[at + 2];
      } while (!this.connections.takesOffers(name, generation));
      for (let i = 0; i < ID_WORDS; i++) {
        const half = peer * PEER_HALVES + i * 2;
        offer[OFFER.answerer + i] = handedOut[half] | (handedOut[half + 1] << 16);
      }
      this.pendingOffers.add(offer, now);
      this.counters.add(COUNTER.offers, 1);
      this.deliveries.deliver(name, generation, KIND.offer, writeOffer(head, sdp, id));
    }
  }

  #passAnswer(from: Sender, fields: NamedFields, text: string, now: number): Outcome {
    const offer = this.#offer;
    const request = this.#request;
    const sdp = readAnswer(fields, text);
    const id = fields.offer_id;
    if (sdp === undefined) return this.#refuse(from, fields, REFUSAL.sdp);
    if (!readId(id, offer, OFFER.id)) return this.#refuse(from, fields, REFUSAL.offerId);
    if (!readId(fields.to_peer_id, offer, OFFER.offerer)) {
      return this.#refuse(from, fields, REFUSAL.toPeerId);
    }
    if (!this.#isHeldBy(from)) return this.#lose();
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.answerer);
    if (!this.pendingOffers.take(offer, now)) return this.#lose();
    copyId(offer, OFFER.offerer, request, ANNOUNCE.peer);
    this.table.hashAnnounce(request, 0);
    if (!this.table.findPeer(request, 0)) return this.#lose();
    const { connection, generation } = this.table;
    if (!this.connections.isOpen(connection, generation)) return this.#lose();
    this.counters.add(COUNTER.answers, 1);
    const { info_hash: infoHash, peer_id: peerId } = fields;
    const relayed = writeAnswer(infoHash, peerId, sdp, id);
    this.deliveries.deliver(connection, generation, KIND.answer, relayed);
    return OUTCOME.handled;
  }

  #scrape(from: Sender, { infoHashes }: Scrape): Outcome {
    const { table } = this;
    const request = this.#request;
    const entries: string[] = [];
    const most = Math.min(infoHashes.length, this.settings.maxScrapeTorrents);
    for (let i = 0; i < most; i++) {
      const infoHash = infoHashes[i];
      if (!readId(infoHash, request, ANNOUNCE.infoHash)) {
        const reason = infoHash === undefined ? REFUSAL.noInfoHash : REFUSAL.infoHash;
        return this.#respond(from, writeError("scrape", infoHash, reason));
      }
      table.scrape(request, ANNOUNCE.infoHash);
      entries.push(writeScrapeEntry(infoHash, table.seeders, table.leechers));
    }
    if (entries.length === 0) {
      return this.#respond(from, writeError("scrape", undefined, REFUSAL.noInfoHash));
    }
    return this.#respond(from, writeScrapeResponse(entries));
  }

  // Completes the request, whose info hash and peer id are there.
  #hold(from: Sender, flags: number, wanted: number): void {
    const request = this.#request;
    request[ANNOUNCE.flags] = flags;
    request[ANNOUNCE.wanted] = wanted;
    request[ANNOUNCE.peer + ID_WORDS] = from.name;
    request[ANNOUNCE.peer + ID_WORDS + 1] = from.generation;
    this.table.hashAnnounce(request, 0);
  }

  #stop(from: Sender, request: Int32Array): void {
    this.#hold(from, FLAG_STOPPED, 0);
    this.table.announce(request, 0, 0, this.#handedOut, 0);
  }

  #isHeldBy(from: Sender): boolean {
    const { table } = this;
    table.hashAnnounce(this.#request, 0);
    return (
      table.findPeer(this.#request, 0) &&
      table.connection === from.name &&
      table.generation === from.generation
    );
  }

  // From the connection that the table has just named.
  #mayTakeOver(from: Sender): boolean {
    const { connection, generation } = this.table;
    return (
      !this.connections.isOpen(connection, generation) ||
      this.connections.isSameAddress(connection, from.name)
    );
  }

  #respond(from: Sender, text: string): Outcome {
    this.counters.add(COUNTER.responses, 1);
    this.deliveries.deliver(from.name, from.generation, KIND.response, text);
    return OUTCOME.handled;
  }

  #refuse(from: Sender, fields: Announce["fields"], reason: string): Outcome {
    return this.#respond(from, writeError("announce", fields.info_hash, reason));
  }

  // An answer that nobody waits for.
  #lose(): Outcome {
    this.counters.add(COUNTER.lostAnswers, 1);
    return OUTCOME.handled;
  }
}
