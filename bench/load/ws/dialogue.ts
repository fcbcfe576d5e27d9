// The messages of a load worker's connections: announces, offers and answers. Writes those that are
// sent, checks every one that comes in, and counts them.

import { PART } from "../control.ts";
import type { Roster } from "../roster.ts";
import { AnswerChoice } from "./answer-choice.ts";
import { type Connection, PROGRESS } from "./connection.ts";
import type { FrameWriter } from "./frame.ts";
import { AsciiIds, RandomIds } from "./ids.ts";
import { Inbound, MESSAGE } from "./inbound.ts";
import type { Ledger } from "./ledger.ts";
import { faultIndex, MessageCheck, RIGHT } from "./message-check.ts";
import { type Peer, Requests } from "./requests.ts";
import { Sdps } from "./sdp.ts";
import { ANSWER, SentOffers } from "./sent-offers.ts";
import { TABLE, type WorkerSession } from "./session.ts";
import { TALLY } from "./tally.ts";

/** Announces of a connection that may be unanswered, at a rate. */
const MOST_UNANSWERED = 16;

const NOT_JSON = faultIndex("not JSON");
const UNKNOWN_MESSAGE = faultIndex("unknown message");
const MALFORMED_ID = faultIndex("malformed id");
const DAMAGED_SDP = faultIndex("damaged SDP");
const ANSWERED_TWICE = faultIndex("answered twice");
const UNEXPECTED = faultIndex("unexpected response");

export class Dialogue {
  /** The time when this turn of the event loop began to be handled. */
  now = 0;
  /** Each connection announces again as soon as its announces and offers are answered. */
  isClosedLoop = false;

  readonly #announces: Int32Array;
  readonly #exact: Int32Array;
  readonly #inbound: Inbound;
  readonly #check: MessageCheck;
  readonly #plain: Requests;
  readonly #deflated: Requests;
  readonly #choice: AnswerChoice;
  readonly #sentOffers: SentOffers;
  readonly #offers: number;
  readonly #torrentsEach: number;

  /** `settle` is called when the first announces of a connection are answered. */
  constructor(
    private readonly session: WorkerSession,
    private readonly ledger: Ledger,
    private readonly roster: Roster,
    connections: number,
    out: FrameWriter,
    private readonly settle: (connection: Connection) => void,
  ) {
    const { config } = session;
    const { answer_probability, offers, sdp_size, torrents_per_connection } = config.requests;
    const ids = config.requests.ids === "ascii" ? new AsciiIds() : new RandomIds(config.seed);
    this.#announces = new Int32Array(session.announces);
    this.#exact = new Int32Array(session.exact);
    this.#inbound = new Inbound(new Sdps("offer", sdp_size), new Sdps("answer", sdp_size));
    this.#check = new MessageCheck(session, roster, ids);
    this.#plain = new Requests(config, ids, out, false);
    this.#deflated = new Requests(config, ids, out, true);
    this.#choice = new AnswerChoice(answer_probability, config.seed);
    this.#sentOffers = new SentOffers(connections);
    this.#offers = offers;
    this.#torrentsEach = torrents_per_connection;
  }

  // --- announcing ------------------------------------------------------------------------------

  /** Its first announces have been answered, if it makes any, and it goes on. */
  isReady({ isStalled, progress, responses }: Connection): boolean {
    const isDone = responses >= this.#torrentsEach || !this.session.config.requests.announce;
    return progress === PROGRESS.open && isDone && !isStalled;
  }

  /** More of its announces are unanswered than a connection should have. */
  isBehind({ announces, responses }: Connection): boolean {
    return announces - responses >= MOST_UNANSWERED;
  }

  /** Announces each torrent of a connection, without offers. */
  start(connection: Connection): void {
    const { isSeeder, life, number } = connection;
    const requests = this.#requestsOf(connection);
    connection.peers = Array.from({ length: this.#torrentsEach }, (_, announce) =>
      requests.makePeer(number, life, isSeeder, this.#check.torrentOf(connection, announce)),
    );
    for (const peer of connection.peers) {
      this.#note(connection, this.now);
      requests.appendFirst(peer);
    }
  }

  /** Announces, with offers. */
  announce(connection: Connection, dueAt: number): void {
    const { announces } = connection;
    this.#note(connection, dueAt);
    this.ledger.add(TALLY.offersSent, this.#offers);
    this.#requestsOf(connection).appendNext(this.#peerOf(connection, announces), announces);
  }

  /** Announces as often as a connection does at once. */
  announceTogether(connection: Connection): void {
    const { announces } = connection;
    for (let count = this.session.config.requests.announces_at_once; count > 0; count--) {
      this.announce(connection, this.now);
    }
    connection.awaitedFrom = announces;
  }

  /** Says that the connection is about to leave its torrents. */
  stop(connection: Connection): void {
    const requests = this.#requestsOf(connection);
    for (const peer of connection.peers) requests.appendStopped(peer);
  }

  /** Goes on if the connection has waited long enough for answers. */
  stopWaiting(connection: Connection): void {
    const before = this.now - this.session.config.network.answer_timeout_milliseconds;
    if (connection.waitsSince === 0 || connection.waitsSince > before) return;
    if (connection.progress !== PROGRESS.open) return;
    this.ledger.count(TALLY.answerTimeouts);
    this.announceTogether(connection);
    connection.flush();
  }

  #note(connection: Connection, dueAt: number): void {
    this.#sentOffers.note(connection.index, connection.announces, dueAt);
    connection.awaitedFrom = connection.announces;
    connection.announces++;
    connection.answers = 0;
    connection.expectedAnswers = -1;
    connection.waitsSince = 0;
    this.ledger.count(TALLY.announces);
    // Before it is sent: other workers look whether offers can be.
    Atomics.store(this.#announces, connection.number, connection.announces);
  }

  #goOn(connection: Connection): void {
    const { answers, expectedAnswers } = connection;
    if (!this.isClosedLoop || expectedAnswers < 0 || !this.isReady(connection)) return;
    if (answers >= expectedAnswers) this.announceTogether(connection);
    else if (connection.waitsSince === 0) connection.waitsSince = this.now;
  }

  // The peer that speaks in the torrent of an announce.
  #peerOf({ peers }: Connection, announce: number): Peer {
    return peers[announce % this.#torrentsEach];
  }

  #requestsOf({ deflate }: Connection): Requests {
    return deflate ? this.#deflated : this.#plain;
  }

  // --- what comes in ---------------------------------------------------------------------------

  takeText(connection: Connection, bytes: Buffer, start: number, end: number): void {
    const { ledger } = this;
    switch (this.#inbound.read(bytes, start, end)) {
      case MESSAGE.offer:
        return this.#takeOffer(connection);
      case MESSAGE.answer:
        return this.#takeAnswer(connection);
      case MESSAGE.response:
        return this.#takeResponse(connection);
      case MESSAGE.failure:
        ledger.count(TALLY.failures);
        ledger.countText(TABLE.failures, this.#inbound.reason);
        return this.#takeReply(connection, 0);
      case MESSAGE.notJson:
        return ledger.countFault(NOT_JSON);
      case MESSAGE.malformedId:
        return ledger.countFault(MALFORMED_ID);
      case MESSAGE.damagedSdp:
        return ledger.countFault(DAMAGED_SDP);
      default:
        return ledger.countFault(UNKNOWN_MESSAGE);
    }
  }

  #takeOffer(connection: Connection): void {
    const inbound = this.#inbound;
    const check = this.#check;
    const { ledger } = this;
    const fault = check.checkOffer(inbound, connection);
    if (fault !== RIGHT) return ledger.countFault(fault);
    ledger.count(TALLY.offers);
    if (connection.isSeeder && this.roster.isSeeder(check.offer.connection)) {
      ledger.count(TALLY.offersBetweenSeeders);
    }
    if (connection.progress !== PROGRESS.open) return;
    if (!this.#choice.isAnswered(check.offer)) return;
    ledger.count(TALLY.answersSent);
    const { announce, index } = check.offer;
    const peer = this.#peerOf(connection, announce);
    this.#requestsOf(connection).appendAnswer(peer, inbound.peerId, inbound.offerId, index);
  }

  #takeAnswer(connection: Connection): void {
    const check = this.#check;
    const { ledger } = this;
    const fault = check.checkAnswer(this.#inbound, connection);
    if (fault !== RIGHT) return ledger.countFault(fault);
    const { announce, index } = check.offer;
    const { announces, index: own } = connection;
    const answer = this.#sentOffers.answer(own, announce, index, announces);
    if (answer === ANSWER.second) return ledger.countFault(ANSWERED_TWICE);
    if (answer === ANSWER.late) return ledger.count(TALLY.lateAnswers);
    ledger.count(TALLY.answers);
    ledger.record(TALLY.answerLatency, this.now - this.#sentOffers.sentAt(own, announce));
    if (announce < connection.awaitedFrom) return;
    connection.answers++;
    this.#goOn(connection);
  }

  #takeResponse(connection: Connection): void {
    const { ledger } = this;
    // An answer to `stopped` may still come.
    if (connection.progress !== PROGRESS.open) return;
    const inbound = this.#inbound;
    const isExact = ledger.part !== PART.setup && Atomics.load(this.#exact, 0) === 1;
    const fault = this.#check.checkResponse(inbound, connection, isExact);
    if (fault !== RIGHT) ledger.countFault(fault);
    else if (connection.responses < connection.announces) {
      const { index, responses } = connection;
      ledger.count(TALLY.responses);
      const sentAt = this.#sentOffers.sentAt(index, responses);
      ledger.record(TALLY.responseLatency, this.now - sentAt);
    }
    // A tracker has no need to pass offers of seeders to seeders.
    const takers = inbound.incomplete + (connection.isSeeder ? 0 : inbound.complete - 1);
    this.#takeReply(connection, fault === RIGHT ? takers : 0);
  }

  // The answer, of whatever kind, to an announce whose offers go to `takers` peers at most.
  #takeReply(connection: Connection, takers: number): void {
    if (connection.responses === connection.announces) {
      return this.ledger.countFault(UNEXPECTED);
    }
    connection.responses++;
    if (connection.responses === this.#torrentsEach) this.settle(connection);
    if (connection.responses < connection.announces) return;
    connection.expectedAnswers = this.#countAnswers(connection, takers);
    this.#goOn(connection);
  }

  // How many answers the offers of the awaited announces will get.
  #countAnswers(connection: Connection, takers: number): number {
    const { announces, awaitedFrom, life, number } = connection;
    const offers = Math.min(this.#offers, takers);
    let count = 0;
    // The first announce of each torrent has no offers.
    for (
      let announce = Math.max(this.#torrentsEach, awaitedFrom);
      announce < announces;
      announce++
    ) {
      const first = { connection: number, life, announce, index: 0 };
      count += this.#choice.countAnswered(first, offers);
    }
    return count;
  }
}
