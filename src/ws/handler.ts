// One message in, deliveries out: what the tracker does about whatever a client sends. Knows the
// table, and connections by name, but no socket. Each socket worker has one; nothing a client sends
// makes it throw.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../swarm/layout.ts";
import { PEER_HELD, type Table, TABLE_FULL } from "../swarm/table.ts";
import { type ConnectionName, type Connections, slotOf } from "./connections.ts";
import { type Deliveries, KIND } from "./deliveries.ts";
import { copyId, ID_WORDS } from "./id.ts";
import type { AddressLimits } from "./address-limits.ts";
import type { Memberships } from "./memberships.ts";
import { KEY } from "./message-keys.ts";
import { ACTION, MessageReader } from "./message-reader.ts";
import {
  writeAnnounceResponse,
  writeAnswer,
  writeError,
  writeOffer,
  writeOfferHead,
  writeScrapeEntry,
  writeScrapeResponse,
} from "./message-writer.ts";
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
  /** What stands for the client's address, see AddressLimits. */
  readonly addressHash: number;
}

export interface HandlerSettings {
  readonly maxScrapeTorrents: number;
  readonly maxOffers: number;
  /** Seconds. */
  readonly announceInterval: number;
}

export const REFUSAL = {
  action: "Unknown action",
  addressFull: "Too many peers of your address",
  rateLimited: "Too many messages from your address",
  full: "Tracker is full",
  infoHash: "info_hash must be 20 characters of U+0000 to U+00FF",
  noInfoHash: "A scrape needs an info_hash",
  offerId: "offer_id must be a string of 1 to 64 characters",
  peerHeld: "Another connection uses this peer_id",
  peerId: "peer_id must be 20 characters of U+0000 to U+00FF",
  sdp: "answer.sdp must be a string",
  toPeerId: "to_peer_id must be 20 characters of U+0000 to U+00FF",
  tooMany: "Too many peers on one connection",
} as const;

// A peer as the table hands it out, in halves of words: peer id, connection, generation.
const PEER_HALVES = 13;
const CONNECTION_HALF = ID_WORDS * 2;

/** Peers asked of the table for each offer, so that some may be passed over. */
const CANDIDATES = 2;

/** Peers of one connection that are looked for in the table at a time, as some may have expired. */
const MOST_CHECKED = 2000;
/** Seconds until they are looked for again, when few had. */
const CHECK_SECONDS = 10;

export class Handler {
  /** Who holds the peer of the last message that was `held`. */
  readonly holder = { name: 0, generation: 0 };
  /** Has read the message that is being handled. */
  readonly #message: MessageReader;
  readonly #request = new Int32Array(ANNOUNCE.words);
  readonly #offer = new Int32Array(OFFER.words);
  readonly #checked = new Int32Array(ANNOUNCE.words);
  readonly #handedOut: Uint16Array;

  constructor(
    private readonly settings: HandlerSettings,
    private readonly table: Table,
    private readonly connections: Connections,
    private readonly memberships: Memberships,
    private readonly limits: AddressLimits,
    private readonly pendingOffers: PendingOffers,
    private readonly counters: Counters,
    private readonly deliveries: Deliveries,
  ) {
    this.#message = new MessageReader({ ...settings, offerKey: pendingOffers.key });
    this.#handedOut = new Uint16Array(settings.maxOffers * CANDIDATES * PEER_HALVES);
  }

  /** Handles what `from` sent at second `now`. */
  handle(from: Sender, text: string, now: number): Outcome {
    const message = this.#message;
    switch (message.read(text)) {
      case ACTION.none:
        return OUTCOME.junk;
      case ACTION.scrape:
        return this.#scrape(from);
      case ACTION.unknown:
        return this.#refuse(from, REFUSAL.action);
      case ACTION.announce:
    }
    if (!message.readId(KEY.info_hash, this.#request, ANNOUNCE.infoHash)) {
      return this.#refuse(from, REFUSAL.infoHash);
    }
    if (!message.readId(KEY.peer_id, this.#request, ANNOUNCE.peer)) {
      return this.#refuse(from, REFUSAL.peerId);
    }
    return message.isAnswer ? this.#passAnswer(from, now) : this.#announce(from, now);
  }

  /** Tells `from` that the peer of its announce is another's. */
  refuseHeld(from: Sender, text: string): void {
    this.#message.read(text);
    this.#refuse(from, REFUSAL.peerHeld);
  }

  /** Tells `from` that its address sends too many messages. */
  refuseRate(from: Sender, text: string): void {
    this.counters.add(COUNTER.rateLimited, 1);
    if (this.#message.read(text) === ACTION.none) return;
    this.#refuse(from, REFUSAL.rateLimited);
  }

  /** Removes all peers of a connection that is closing, but those that another has taken over. */
  removePeers(from: Sender): void {
    const request = this.#request;
    while (this.memberships.removeAny(slotOf(from.name), request, ANNOUNCE.infoHash)) {
      this.limits.removePeer(from.addressHash);
      this.#stop(from, request);
    }
  }

  // Info hash and peer id have been read into the request.
  #announce(from: Sender, now: number): Outcome {
    const { table } = this;
    const message = this.#message;
    const request = this.#request;
    const slot = slotOf(from.name);
    const { isStopped } = message;
    if (!isStopped && !this.memberships.hasRoom(slot, request, ANNOUNCE.infoHash)) {
      if (!this.#forgetExpired(from, now)) return this.#refuse(from, REFUSAL.tooMany);
    }
    const offers = isStopped ? 0 : message.offers;
    const flags = (message.isSeeder ? FLAG_SEEDER : 0) | (isStopped ? FLAG_STOPPED : 0);
    this.#hold(from, flags, offers * CANDIDATES);
    let peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    if (peers === PEER_HELD) {
      const { connection, generation } = table.result;
      // Peer ids are no secret: only of a connection that is known to be dead may a peer be had.
      if (this.connections.isOpen(connection, generation)) {
        this.holder.name = connection;
        this.holder.generation = generation;
        return OUTCOME.held;
      }
      request[ANNOUNCE.flags] = flags | FLAG_TAKE_OVER;
      peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    }
    if (peers === TABLE_FULL) {
      this.counters.add(COUNTER.tableFull, 1);
      return this.#refuse(from, REFUSAL.full);
    }
    if (isStopped) this.#forgetPeer(from, request);
    else if (table.result.isNewcomer && !this.#notePeer(from, request)) {
      this.counters.add(COUNTER.addressFull, 1);
      return this.#refuse(from, REFUSAL.addressFull);
    }
    const infoHash = message.literal(KEY.info_hash);
    const { announceInterval } = this.settings;
    const { leechers, seeders } = table.result;
    this.#respond(from, writeAnnounceResponse(infoHash, seeders, leechers, announceInterval));
    if (peers > 0) {
      this.#passOffers(offers, peers, writeOfferHead(infoHash, message.literal(KEY.peer_id)), now);
    }
    // The announce counts all the same.
    if (message.hasBadOfferId && !isStopped) return this.#refuse(from, REFUSAL.offerId);
    return OUTCOME.handled;
  }

  // To as many of the peers handed out as there are offers, but not to those that cannot take one.
  #passOffers(offers: number, peers: number, head: string, now: number): void {
    const message = this.#message;
    const offer = this.#offer;
    const request = this.#request;
    const handedOut = this.#handedOut;
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.offerer);
    let peer = -1;
    for (let index = 0; index < offers; index++) {
      message.readOfferId(index, offer, OFFER.id);
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
      const text = writeOffer(head, message.offerSdp(index), message.offerId(index));
      this.deliveries.deliver(name, generation, KIND.offer, text);
    }
  }

  #passAnswer(from: Sender, now: number): Outcome {
    const message = this.#message;
    const offer = this.#offer;
    const request = this.#request;
    const sdp = message.answerSdp;
    if (sdp === undefined) return this.#refuse(from, REFUSAL.sdp);
    if (!message.readAnsweredOfferId(offer, OFFER.id)) {
      return this.#refuse(from, REFUSAL.offerId);
    }
    if (!message.readId(KEY.to_peer_id, offer, OFFER.offerer)) {
      return this.#refuse(from, REFUSAL.toPeerId);
    }
    if (!this.#isHeldBy(from, request)) return this.#lose();
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.answerer);
    if (!this.pendingOffers.take(offer, now)) return this.#lose();
    copyId(offer, OFFER.offerer, request, ANNOUNCE.peer);
    this.table.hashAnnounce(request, 0);
    if (!this.table.findPeer(request, 0)) return this.#lose();
    const { connection, generation } = this.table.result;
    if (!this.connections.isOpen(connection, generation)) return this.#lose();
    this.counters.add(COUNTER.answers, 1);
    const relayed = writeAnswer(
      message.literal(KEY.info_hash),
      message.literal(KEY.peer_id),
      sdp,
      message.literal(KEY.offer_id),
    );
    this.deliveries.deliver(connection, generation, KIND.answer, relayed);
    return OUTCOME.handled;
  }

  #scrape(from: Sender): Outcome {
    const { table } = this;
    const request = this.#request;
    const message = this.#message;
    const entries: string[] = [];
    for (let i = 0; i < message.infoHashes; i++) {
      const literal = message.infoHash(i);
      if (!message.readInfoHash(i, request, ANNOUNCE.infoHash)) {
        return this.#respond(from, writeError('"scrape"', literal, REFUSAL.infoHash));
      }
      table.scrape(request, ANNOUNCE.infoHash);
      entries.push(writeScrapeEntry(literal, table.result.seeders, table.result.leechers));
    }
    if (entries.length === 0) {
      return this.#respond(from, writeError('"scrape"', '""', REFUSAL.noInfoHash));
    }
    return this.#respond(from, writeScrapeResponse(entries));
  }

  // Completes the request, whose info hash and peer id are there.
  #hold(from: Sender, flags: number, wanted: number): void {
    const request = this.#request;
    request[ANNOUNCE.flags] = flags;
    request[ANNOUNCE.numwant] = wanted;
    request[ANNOUNCE.peer + ID_WORDS] = from.name;
    request[ANNOUNCE.peer + ID_WORDS + 1] = from.generation;
    this.table.hashAnnounce(request, 0);
  }

  // That the connection has the peer of the request, unless its address has as many as it may.
  #notePeer(from: Sender, request: Int32Array): boolean {
    const slot = slotOf(from.name);
    if (!this.memberships.add(slot, request, ANNOUNCE.infoHash)) return true;
    if (this.limits.addPeer(from.addressHash)) return true;
    this.memberships.remove(slot, request, ANNOUNCE.infoHash);
    this.#stop(from, request);
    return false;
  }

  #forgetPeer(from: Sender, request: Int32Array): void {
    if (!this.memberships.remove(slotOf(from.name), request, ANNOUNCE.infoHash)) return;
    this.limits.removePeer(from.addressHash);
  }

  #stop(from: Sender, request: Int32Array): void {
    this.#hold(from, FLAG_STOPPED, 0);
    this.table.announce(request, 0, 0, this.#handedOut, 0);
  }

  // Whether the table has the peer of the request, as one of this connection's.
  #isHeldBy(from: Sender, request: Int32Array): boolean {
    const { table } = this;
    table.hashAnnounce(request, 0);
    return (
      table.findPeer(request, 0) &&
      table.result.connection === from.name &&
      table.result.generation === from.generation
    );
  }

  // Peers expire in the table without a word. Only a connection that has all it may have is looked
  // at, so much at a time, and not again soon when that was of little use. Whether it was of any.
  #forgetExpired(from: Sender, now: number): boolean {
    const { memberships } = this;
    const request = this.#checked;
    const slot = slotOf(from.name);
    const checked = memberships.checkedAt(slot);
    if (checked !== 0 && now + 1 - checked < CHECK_SECONDS) return false;
    const most = Math.min(memberships.count(slot), MOST_CHECKED);
    let forgotten = 0;
    for (let i = 0; i < most; i++) {
      memberships.readOldest(slot, request, ANNOUNCE.infoHash);
      if (this.#isHeldBy(from, request)) {
        memberships.renewOldest(slot);
      } else {
        this.#forgetPeer(from, request);
        forgotten++;
      }
    }
    if (forgotten < most / 8) memberships.noteCheck(slot, now + 1);
    return forgotten > 0;
  }

  #respond(from: Sender, text: string): Outcome {
    this.counters.add(COUNTER.responses, 1);
    this.deliveries.deliver(from.name, from.generation, KIND.response, text);
    return OUTCOME.handled;
  }

  // An announce, or what has an action that is none.
  #refuse(from: Sender, reason: string): Outcome {
    const message = this.#message;
    const error = writeError(message.literal(KEY.action), message.literal(KEY.info_hash), reason);
    return this.#respond(from, error);
  }

  // An answer that nobody waits for.
  #lose(): Outcome {
    this.counters.add(COUNTER.lostAnswers, 1);
    return OUTCOME.handled;
  }
}
