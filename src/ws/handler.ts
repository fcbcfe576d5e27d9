// One message in, deliveries out: what the tracker does with a message of a client. The handler
// knows the table, and connections by name, but no sockets. Each socket worker has one. Nothing
// that a client sends makes it throw.

import type { ClientSampler } from "../app/client-samples.ts";
import type { Counters } from "../app/counters.ts";
import { COUNTER, type Counter } from "../app/metrics.ts";
import type { AccessList } from "../swarm/access-list.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED, FLAG_TAKE_OVER } from "../swarm/layout.ts";
import { PEER_HELD, type Table, TABLE_FULL } from "../swarm/table.ts";
import type { Changes } from "./changes.ts";
import { type ConnectionName, type Connections, NO_LINK, slotOf, workerOf } from "./connections.ts";
import { type Deliveries, KIND, ROUTE } from "./deliveries.ts";
import type { AddressLimits } from "./address-limits.ts";
import type { Memberships } from "./memberships.ts";
import type { Draft } from "./message/draft.ts";
import { copyId, ID_WORDS } from "./message/id.ts";
import type { Inbox } from "./message/inbox.ts";
import { KEY } from "./message/keys.ts";
import { ACTION, MessageReader, type Part } from "./message/reader.ts";
import { MOST_OFFERS } from "./message/walk.ts";
import { EMPTY_LITERAL, MessageWriter } from "./message/writer.ts";
import { OFFER, type PendingOffers } from "./pending-offers.ts";
import type { ResponseCounters } from "./response-counters.ts";

/** The outcome of a message. */
export const OUTCOME = {
  /** It was handled: carried out, or answered with an error. */
  handled: 0,
  /** It was nothing that could be answered. */
  bad: 1,
  /**
   * Another connection holds the peer: see `holder`. If that connection turns out to be dead, it is
   * closed, and the message is handled again.
   */
  held: 2,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** The connection that a message comes from. */
export interface Sender {
  readonly name: ConnectionName;
  readonly generation: number;
  /** Stands for the client's address, see AddressLimits. */
  readonly addressHash: number;
  /** Where its responses are counted. */
  readonly responses: ResponseCounters;
}

/** May change at any time. */
export interface HandlerSettings {
  readonly maxScrapeTorrents: number;
  readonly maxOffers: number;
  /** Seconds. */
  readonly announceInterval: number;
  /** Which torrents are served; all without it. */
  readonly access?: AccessList;
  /** In a cluster: the number of the link thread, whose connections are other nodes. */
  readonly linkWorker?: number;
}

/** What a handler works with. */
export interface HandlerParts {
  readonly table: Table;
  readonly connections: Connections;
  readonly memberships: Memberships;
  readonly limits: AddressLimits;
  readonly pendingOffers: PendingOffers;
  /** Where announces are sampled, if they are. */
  readonly clients?: ClientSampler;
  readonly counters: Counters;
  /** Contains the message to be handled. */
  readonly inbox: Inbox;
  /** Contains the message to be delivered. */
  readonly draft: Draft;
  readonly deliveries: Deliveries;
  /** In a cluster: what other nodes must know. */
  readonly changes?: Changes;
}

const text = (reason: string): Uint8Array => new Uint8Array(Buffer.from(reason));

/** The errors that clients receive. */
export const ERRORS = {
  action: text("Unknown action"),
  addressFull: text("Too many peers of your address"),
  rateLimited: text("Too many messages from your address"),
  forbidden: text("This tracker does not serve this torrent"),
  full: text("Tracker is full"),
  infoHash: text("info_hash must be 20 characters of U+0000 to U+00FF"),
  noInfoHash: text("A scrape needs an info_hash"),
  offerId: text("offer_id must be a string of 1 to 64 characters"),
  peerHeld: text("Another connection uses this peer_id"),
  peerId: text("peer_id must be 20 characters of U+0000 to U+00FF"),
  sdp: text("answer.sdp must be a string"),
  toPeerId: text("to_peer_id must be 20 characters of U+0000 to U+00FF"),
  tooMany: text("Too many peers on one connection"),
} as const;

const SCRAPE_LITERAL = text('"scrape"');

// A peer as the table hands it out, in halves of words: peer id, connection, generation.
const PEER_HALVES = 13;
const CONNECTION_HALF = ID_WORDS * 2;

/** Peers asked of the table for each offer, so that some may be passed over. */
const CANDIDATES = 2;

/**
 * Maximum number of peers of one connection looked up at a time, to find those that have expired.
 */
const MAX_CHECKED = 2000;
/** Seconds until the next look-up if few had expired. */
const CHECK_SECONDS = 10;

export class Handler {
  /** The connection that holds the peer of the last message with the outcome `held`. */
  readonly holder = { name: 0, generation: 0 };
  /** The node that is known not to hold the peer of the message that is being handled. */
  #gone: Pick<Sender, "name" | "generation"> | undefined;
  /** Has read the message that is being handled. */
  readonly #message: MessageReader;
  readonly #writer: MessageWriter;
  readonly #request = new Int32Array(ANNOUNCE.words);
  /** What identifies an offer, and its route. */
  readonly #offer = new Int32Array(ROUTE.words);
  readonly #checked = new Int32Array(ANNOUNCE.words);
  readonly #handedOut = new Uint16Array(MOST_OFFERS * CANDIDATES * PEER_HALVES);
  readonly #infoHash: Part = { start: 0, end: 0 };
  readonly #peerId: Part = { start: 0, end: 0 };
  readonly #sdp: Part = { start: 0, end: 0 };
  readonly #offerId: Part = { start: 0, end: 0 };

  constructor(
    private readonly settings: HandlerSettings,
    private readonly parts: HandlerParts,
  ) {
    const { draft, inbox, pendingOffers } = parts;
    this.#message = new MessageReader(inbox, settings, pendingOffers.key);
    this.#writer = new MessageWriter(draft, inbox);
  }

  /** Handles the message in the inbox, which `from` sent, at second `now`. */
  handle(from: Sender, now: number): Outcome {
    const message = this.#message;
    switch (message.read()) {
      case ACTION.none:
        return OUTCOME.bad;
      case ACTION.scrape:
        return this.#scrape(from);
      case ACTION.unknown:
        return this.#refuse(from, ERRORS.action);
      case ACTION.announce:
    }
    if (!message.readId(KEY.info_hash, this.#request, ANNOUNCE.infoHash)) {
      return this.#refuse(from, ERRORS.infoHash);
    }
    if (!message.readId(KEY.peer_id, this.#request, ANNOUNCE.peer)) {
      return this.#refuse(from, ERRORS.peerId);
    }
    if (!this.#allows(this.#request)) {
      this.parts.counters.add(COUNTER.forbidden, 1);
      return this.#refuse(from, ERRORS.forbidden);
    }
    if (message.isAnswer) return this.#relayAnswer(from, now);
    this.parts.clients?.add(this.#request, ANNOUNCE.peer);
    return this.#announce(from, now);
  }

  /**
   * Handles the message in the inbox again, which had the outcome `held`. The node that was the
   * holder is known not to hold the peer any more, though the table may still say so.
   */
  handleAfter(gone: Pick<Sender, "name" | "generation">, from: Sender, now: number): Outcome {
    this.#gone = gone;
    const outcome = this.handle(from, now);
    this.#gone = undefined;
    return outcome;
  }

  /**
   * The peer of the message with the outcome `held`: words of ANNOUNCE, valid until the next
   * message.
   */
  get heldPeer(): Int32Array {
    return this.#request;
  }

  /** Tells `from` that another connection holds the peer of the announce in the inbox. */
  refuseHeld(from: Sender): void {
    this.#message.read();
    this.#refuse(from, ERRORS.peerHeld);
  }

  /** Tells `from`, if its message is understood, that its address sends too many. */
  refuseRate(from: Sender): void {
    this.parts.counters.add(COUNTER.rateLimited, 1);
    if (this.#message.read() === ACTION.none) return;
    this.#refuse(from, ERRORS.rateLimited);
  }

  /**
   * Removes all peers of a connection that is closing, except those that another has taken over.
   */
  removePeers(from: Sender): void {
    const request = this.#request;
    const { limits, memberships } = this.parts;
    while (memberships.removeAny(slotOf(from.name), request, ANNOUNCE.infoHash)) {
      limits.removePeer(from.addressHash);
      this.#stop(from, request);
    }
  }

  // The info hash and the peer ID are in the request.
  #announce(from: Sender, now: number): Outcome {
    const { changes, connections, counters, memberships, table } = this.parts;
    const message = this.#message;
    const request = this.#request;
    const slot = slotOf(from.name);
    const { isStopped } = message;
    if (!isStopped && !memberships.hasRoom(slot, request, ANNOUNCE.infoHash)) {
      if (!this.#forgetExpired(from, now)) return this.#refuse(from, ERRORS.tooMany);
    }
    const offers = isStopped ? 0 : message.offers;
    const flags = (message.isSeeder ? FLAG_SEEDER : 0) | (isStopped ? FLAG_STOPPED : 0);
    this.#completeRequest(from, flags, offers * CANDIDATES);
    let peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    if (peers === PEER_HELD) {
      const { connection, generation } = table.result;
      // Peer IDs are no secret, so a peer moves only if its connection is known to be dead.
      const isGone = this.#gone?.name === connection && this.#gone.generation === generation;
      if (connections.isOpen(connection, generation) && !isGone) {
        this.holder.name = connection;
        this.holder.generation = generation;
        return OUTCOME.held;
      }
      request[ANNOUNCE.flags] = flags | FLAG_TAKE_OVER;
      peers = table.announce(request, 0, now & 0xffff, this.#handedOut, 0);
    }
    if (peers === TABLE_FULL) {
      counters.add(COUNTER.tableFull, 1);
      return this.#refuse(from, ERRORS.full);
    }
    if (isStopped) this.#forgetPeer(from, request);
    else if (table.result.isNewcomer && !this.#notePeer(from, request)) {
      counters.add(COUNTER.addressFull, 1);
      return this.#refuse(from, ERRORS.addressFull);
    }
    // Other nodes may not have learnt it yet.
    if (this.#gone !== undefined) request[ANNOUNCE.flags] |= FLAG_TAKE_OVER;
    changes?.note(request, table.result, now);
    message.locate(KEY.info_hash, this.#infoHash);
    const { announceInterval } = this.settings;
    const { leechers, seeders } = table.result;
    this.#writer.writeAnnounceResponse(this.#infoHash, seeders, leechers, announceInterval);
    this.#respond(from, from.responses.announces);
    if (peers > 0) this.#relayOffers(offers, peers, now);
    // The announce counts nevertheless.
    if (message.hasBadOfferId && !isStopped) return this.#refuse(from, ERRORS.offerId);
    return OUTCOME.handled;
  }

  // Sends one offer to each selected peer, and skips peers whose queue is full.
  #relayOffers(offers: number, peers: number, now: number): void {
    const { connections, counters, deliveries, pendingOffers } = this.parts;
    const { linkWorker = NO_LINK } = this.settings;
    const message = this.#message;
    const offer = this.#offer;
    const request = this.#request;
    const handedOut = this.#handedOut;
    message.locate(KEY.peer_id, this.#peerId);
    this.#writer.writeOfferHead(this.#infoHash, this.#peerId);
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.offerer);
    offer[ROUTE.flags] = request[ANNOUNCE.flags] & FLAG_SEEDER;
    // Of a small swarm, the table hands out all peers in their order.
    const first = (request[ANNOUNCE.seed] >>> 0) % peers;
    let tried = 0;
    for (let index = 0; index < offers; index++) {
      let peer: number;
      let name: number;
      let generation: number;
      do {
        if (tried === peers) return;
        peer = (first + tried++) % peers;
        const half = peer * PEER_HALVES + CONNECTION_HALF;
        name = handedOut[half] | (handedOut[half + 1] << 16);
        generation = handedOut[half + 2];
      } while (!connections.takesOffers(name, generation));
      for (let i = 0; i < ID_WORDS; i++) {
        const half = peer * PEER_HALVES + i * 2;
        offer[OFFER.answerer + i] = handedOut[half] | (handedOut[half + 1] << 16);
      }
      message.readOfferId(index, offer, OFFER.id);
      // The node that the answer comes to remembers the offer.
      if (workerOf(name) !== linkWorker) pendingOffers.add(offer, now);
      counters.add(COUNTER.offers, 1);
      message.locateOfferSdp(index, this.#sdp);
      message.locateOfferId(index, this.#offerId);
      this.#writer.writeOffer(this.#sdp, this.#offerId);
      deliveries.deliver(name, generation, KIND.offer, offer);
    }
  }

  #relayAnswer(from: Sender, now: number): Outcome {
    const { connections, counters, deliveries, pendingOffers, table } = this.parts;
    const message = this.#message;
    const offer = this.#offer;
    const request = this.#request;
    if (!message.locateAnswerSdp(this.#sdp)) return this.#refuse(from, ERRORS.sdp);
    if (!message.readAnsweredOfferId(offer, OFFER.id)) return this.#refuse(from, ERRORS.offerId);
    if (!message.readId(KEY.to_peer_id, offer, OFFER.offerer)) {
      return this.#refuse(from, ERRORS.toPeerId);
    }
    if (!this.#isHeldBy(from, request)) return this.#countLostAnswer();
    copyId(request, ANNOUNCE.infoHash, offer, OFFER.infoHash);
    copyId(request, ANNOUNCE.peer, offer, OFFER.answerer);
    if (!pendingOffers.take(offer, now)) return this.#countLostAnswer();
    copyId(offer, OFFER.offerer, request, ANNOUNCE.peer);
    table.hashAnnounce(request, 0);
    if (!table.findPeer(request, 0)) return this.#countLostAnswer();
    const { connection, generation } = table.result;
    if (!connections.isOpen(connection, generation)) return this.#countLostAnswer();
    counters.add(COUNTER.answers, 1);
    message.locate(KEY.info_hash, this.#infoHash);
    message.locate(KEY.peer_id, this.#peerId);
    message.locate(KEY.offer_id, this.#offerId);
    this.#writer.writeAnswer(this.#infoHash, this.#peerId, this.#sdp, this.#offerId);
    deliveries.deliver(connection, generation, KIND.answer, offer);
    return OUTCOME.handled;
  }

  #scrape(from: Sender): Outcome {
    const { table } = this.parts;
    const request = this.#request;
    const message = this.#message;
    const writer = this.#writer;
    const { infoHashes } = message;
    let isAllowed = false;
    if (infoHashes === 0) return this.#refuseScrape(from, undefined, ERRORS.noInfoHash);
    writer.writeScrapeHead();
    for (let i = 0; i < infoHashes; i++) {
      const isString = message.locateInfoHash(i, this.#infoHash);
      if (!message.readInfoHash(i, request, ANNOUNCE.infoHash)) {
        return this.#refuseScrape(from, isString ? this.#infoHash : undefined, ERRORS.infoHash);
      }
      // Torrents that are not served have no peers; only if all of them are, that is an error.
      isAllowed ||= this.#allows(request);
      table.scrape(request, ANNOUNCE.infoHash);
      writer.writeScrapeEntry(i, this.#infoHash, table.result.seeders, table.result.leechers);
    }
    if (!isAllowed) {
      this.parts.counters.add(COUNTER.forbidden, 1);
      message.locateInfoHash(0, this.#infoHash);
      return this.#refuseScrape(from, this.#infoHash, ERRORS.forbidden);
    }
    writer.writeScrapeEnd();
    return this.#respond(from, from.responses.scrapes);
  }

  #allows(request: Int32Array): boolean {
    return this.settings.access?.allows(request, ANNOUNCE.infoHash) !== false;
  }

  // The info hash and the peer ID are in the request.
  #completeRequest(from: Sender, flags: number, numwant: number): void {
    const request = this.#request;
    request[ANNOUNCE.flags] = flags;
    request[ANNOUNCE.numwant] = numwant;
    request[ANNOUNCE.peer + ID_WORDS] = from.name;
    request[ANNOUNCE.peer + ID_WORDS + 1] = from.generation;
    this.parts.table.hashAnnounce(request, 0);
  }

  // Notes that the connection has the peer of the request. Returns false, and removes the peer, if
  // its address has as many as it may.
  #notePeer(from: Sender, request: Int32Array): boolean {
    const { limits, memberships } = this.parts;
    const slot = slotOf(from.name);
    if (!memberships.add(slot, request, ANNOUNCE.infoHash)) return true;
    if (limits.addPeer(from.addressHash)) return true;
    memberships.remove(slot, request, ANNOUNCE.infoHash);
    this.#stop(from, request);
    return false;
  }

  #forgetPeer(from: Sender, request: Int32Array): void {
    const { limits, memberships } = this.parts;
    if (!memberships.remove(slotOf(from.name), request, ANNOUNCE.infoHash)) return;
    limits.removePeer(from.addressHash);
  }

  #stop(from: Sender, request: Int32Array): void {
    this.#completeRequest(from, FLAG_STOPPED, 0);
    const { changes, table } = this.parts;
    table.announce(request, 0, 0, this.#handedOut, 0);
    changes?.note(request, table.result, 0);
  }

  // Whether the table has the peer of the request, and this connection holds it.
  #isHeldBy(from: Sender, request: Int32Array): boolean {
    const { table } = this.parts;
    table.hashAnnounce(request, 0);
    return (
      table.findPeer(request, 0) &&
      table.result.connection === from.name &&
      table.result.generation === from.generation
    );
  }

  // Peers expire in the table only; their connection does not notice. This looks for such peers of
  // a connection that has as many as it may: some at a time, and not again soon if few have
  // expired. Returns whether any has.
  #forgetExpired(from: Sender, now: number): boolean {
    const { memberships } = this.parts;
    const request = this.#checked;
    const slot = slotOf(from.name);
    const checked = memberships.checkedAt(slot);
    if (checked !== 0 && now + 1 - checked < CHECK_SECONDS) return false;
    const count = Math.min(memberships.count(slot), MAX_CHECKED);
    let forgotten = 0;
    for (let i = 0; i < count; i++) {
      memberships.readOldest(slot, request, ANNOUNCE.infoHash);
      if (this.#isHeldBy(from, request)) {
        memberships.renewOldest(slot);
      } else {
        this.#forgetPeer(from, request);
        forgotten++;
      }
    }
    if (forgotten < count / 8) memberships.noteCheck(slot, now + 1);
    return forgotten > 0;
  }

  #respond(from: Sender, counter: Counter): Outcome {
    this.parts.counters.add(COUNTER.responses, 1);
    this.parts.counters.add(counter, 1);
    this.parts.deliveries.deliver(from.name, from.generation, KIND.response);
    return OUTCOME.handled;
  }

  // Refuses any message with an action.
  #refuse(from: Sender, reason: Uint8Array): Outcome {
    const message = this.#message;
    const hasAction = message.locate(KEY.action, this.#offerId);
    const hasInfoHash = message.locate(KEY.info_hash, this.#infoHash);
    const action = hasAction ? this.#offerId : EMPTY_LITERAL;
    this.#writer.writeError(action, hasInfoHash ? this.#infoHash : undefined, reason);
    return this.#respond(from, from.responses.errors);
  }

  #refuseScrape(from: Sender, infoHash: Part | undefined, reason: Uint8Array): Outcome {
    this.#writer.writeError(SCRAPE_LITERAL, infoHash, reason);
    return this.#respond(from, from.responses.errors);
  }

  #countLostAnswer(): Outcome {
    this.parts.counters.add(COUNTER.lostAnswers, 1);
    return OUTCOME.handled;
  }
}
