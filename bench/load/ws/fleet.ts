// All clients of a load worker: opens them, lets them announce and answer, checks what they are
// sent, and counts. Runs on events; `tick` is called by a timer.

import { Random } from "../../../src/memory/random.ts";
import { PART } from "../control.ts";
import { OpenLoop, SILENCE, type Pace } from "../pace.ts";
import { Roster } from "../roster.ts";
import { AnswerChoice } from "./answer-choice.ts";
import { Connection, type Owner, PROGRESS } from "./connection.ts";
import type { FrameFault } from "./frame-reader.ts";
import { handshakeRequest } from "./handshake.ts";
import { infoHashText } from "./ids.ts";
import { Inbound, MESSAGE } from "./inbound.ts";
import { Ledger } from "./ledger.ts";
import { faultIndex, MessageCheck, RIGHT } from "./message-check.ts";
import { makeSdp, Requests } from "./requests.ts";
import { SendBuffer } from "./send-buffer.ts";
import { ANSWER, SentOffers } from "./sent-offers.ts";
import { TABLE, type WorkerSession } from "./session.ts";
import { TALLY } from "./tally.ts";

/** Announces of a connection that may be unanswered, at a rate. */
const MOST_UNANSWERED = 16;

const NOT_JSON = faultIndex("not JSON");
const UNKNOWN_MESSAGE = faultIndex("unknown message");
const BINARY = faultIndex("binary message");
const MALFORMED_ID = faultIndex("malformed id");
const DAMAGED_SDP = faultIndex("damaged SDP");
const ANSWERED_TWICE = faultIndex("answered twice");
const UNEXPECTED = faultIndex("unexpected response");

export class Fleet implements Owner {
  readonly out = new SendBuffer();
  readonly #connections: Connection[] = [];
  readonly #exact: Int32Array;
  readonly #lives: Int32Array;
  readonly #announces: Int32Array;
  readonly #roster: Roster;
  readonly #inbound: Inbound;
  readonly #check: MessageCheck;
  readonly #plain: Requests;
  readonly #deflated: Requests;
  readonly #request: Buffer;
  readonly #random: Random;
  readonly #choice: AnswerChoice;
  readonly #ledger: Ledger;
  readonly #sentOffers: SentOffers;

  /** The time when this turn of the event loop began to be handled. */
  #now = 0;
  #unopened = 0;
  /** Connections in the setup that are neither done nor refused. */
  #opening = 0;
  #settled = 0;
  #concurrency: number;
  #setupBegan = 0;
  #pace: Pace = SILENCE;
  #churn: Pace = SILENCE;
  #isClosedLoop = false;
  #turn = 0;

  constructor(private readonly session: WorkerSession) {
    const { config, worker } = session;
    const { network, requests } = config;
    this.#exact = new Int32Array(session.exact);
    this.#lives = new Int32Array(session.lives);
    this.#announces = new Int32Array(session.announces);
    this.#roster = new Roster(session.roster);
    const offerSdp = makeSdp("offer", requests.sdp_bytes);
    const answerSdp = makeSdp("answer", requests.sdp_bytes);
    this.#inbound = new Inbound(offerSdp, answerSdp, config.checks.parse_sample);
    this.#check = new MessageCheck(this.#roster, this.#lives, this.#announces, requests.offers);
    this.#plain = new Requests(config, offerSdp, answerSdp, false);
    this.#deflated = new Requests(config, offerSdp, answerSdp, true);
    this.#request = handshakeRequest(new URL(config.server_url), network.deflate);
    this.#random = new Random(config.seed, worker, 1);
    this.#choice = new AnswerChoice(requests.answer_probability, config.seed);
    this.#ledger = new Ledger(session);
    const { connections } = network;
    for (let number = worker; number < connections; number += config.workers) {
      const torrent = this.#roster.torrentOf(number);
      const isSeeder = this.#roster.isSeeder(number);
      const index = this.#connections.length;
      this.#connections.push(
        new Connection(this, number, index, torrent, isSeeder, infoHashText(torrent)),
      );
    }
    const own = this.#connections.length;
    this.#sentOffers = new SentOffers(own);
    const concurrency = Math.ceil(network.connect_concurrency / config.workers);
    this.#concurrency = concurrency === 0 ? own : concurrency;
  }

  // --- the run ---------------------------------------------------------------------------------

  /** Starts to open the connections. */
  setUp(): void {
    this.#setupBegan = performance.now();
    this.#openMore();
  }

  /** All connections are open and have announced, or were refused. */
  get isSetUp(): boolean {
    return this.#settled === this.#connections.length;
  }

  /** Begins to measure. */
  measure(): void {
    const { config } = this.session;
    const { churn, rate } = config.network;
    const { announce, repeat } = config.requests;
    const now = performance.now();
    this.#ledger.enter(PART.measured);
    if (churn > 0) this.#churn = new OpenLoop(now, churn / config.workers);
    if (!announce || !repeat) return;
    if (rate > 0) {
      this.#pace = new OpenLoop(now, rate / config.workers);
      return;
    }
    this.#isClosedLoop = true;
    this.#now = now;
    for (const connection of this.#connections) {
      if (this.#isReady(connection)) this.#announceTogether(connection);
      connection.flush(this.out);
    }
  }

  /** Announces no more, but answers. */
  finish(): void {
    this.#ledger.enter(PART.after);
    this.#pace = SILENCE;
    this.#churn = SILENCE;
    this.#isClosedLoop = false;
  }

  /** Announces that are not answered yet. */
  get unanswered(): number {
    let count = 0;
    for (const { announces, progress, responses } of this.#connections) {
      if (progress === PROGRESS.open) count += announces - responses;
    }
    return count;
  }

  /** Counts those as lost. */
  giveUp(): void {
    this.#ledger.add(TALLY.lost, this.unanswered);
  }

  /** Does what is due. */
  tick(): void {
    const now = performance.now();
    this.#now = now;
    for (let due = this.#pace.dueBy(now); due > 0; due--) {
      const dueAt = this.#pace.nextDue(now);
      this.#pace.advance();
      this.#announceNext(dueAt);
    }
    for (let due = this.#churn.dueBy(now); due > 0; due--) {
      this.#churn.advance();
      this.#closeOne();
    }
    if (this.#isClosedLoop) this.#stopWaiting(now);
  }

  // --- opening ---------------------------------------------------------------------------------

  #openMore(): void {
    while (this.#opening < this.#concurrency && this.#unopened < this.#connections.length) {
      this.#opening++;
      this.#open(this.#connections[this.#unopened++]);
    }
  }

  #open(connection: Connection): void {
    connection.reset();
    this.#announces[connection.number] = 0;
    const url = new URL(this.session.config.server_url);
    const isTls = url.protocol === "wss:";
    const options = {
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port) || (isTls ? 443 : 80),
      data: connection,
      socket: this.#handlers,
    };
    const tls = { rejectUnauthorized: false };
    Bun.connect<Connection>(isTls ? { ...options, tls } : options).catch((error: unknown) => {
      connection.end(String((error as NodeJS.ErrnoException).code ?? error));
    });
  }

  readonly #handlers: Bun.SocketHandler<Connection> = {
    open: (socket) => {
      if (!this.session.config.server_url.startsWith("wss:")) this.#begin(socket);
    },
    handshake: (socket) => this.#begin(socket),
    data: (socket, chunk) => {
      this.#now = performance.now();
      this.#ledger.add(TALLY.bytesIn, chunk.length);
      socket.data.receive(chunk);
      socket.data.flush(this.out);
    },
    drain: (socket) => socket.data.drain(),
    close: (socket) => socket.data.end("without a close frame", socket),
    error: (socket, error) => socket.data.end(error.message, socket),
    connectError: (socket, error) => socket.data.end(error.message),
  };

  #begin(socket: Bun.Socket<Connection>): void {
    socket.data.begin(socket, this.#request);
  }

  takeOpen(connection: Connection, deflate: boolean): void {
    this.#ledger.count(TALLY.opened);
    if (deflate) this.#ledger.count(TALLY.deflated);
    if (!this.session.config.requests.announce) return this.#settle(connection);
    this.#noteAnnounce(connection, this.#now);
    const { isSeeder, number, torrent } = connection;
    const requests = this.#requestsOf(connection);
    requests.appendFirst(this.out, torrent, isSeeder, number, this.#lives[number]);
  }

  takeEnd(connection: Connection, reason: string): void {
    const { progress } = connection;
    connection.progress = PROGRESS.closed;
    if (progress === PROGRESS.closing) {
      this.#lives[connection.number]++;
      this.#ledger.count(TALLY.churned);
      if (this.#ledger.part === PART.measured) this.#open(connection);
      return;
    }
    Atomics.store(this.#exact, 0, 0);
    const isRefused = progress === PROGRESS.connecting;
    this.#ledger.count(isRefused ? TALLY.refused : TALLY.closed);
    const table = isRefused ? TABLE.refusals : TABLE.closes;
    this.#ledger.countText(table, reason);
    this.#settle(connection);
  }

  // The connection is done with the setup, one way or the other.
  #settle(connection: Connection): void {
    if (this.#ledger.part !== PART.setup || connection.isSettled) return;
    connection.isSettled = true;
    this.#opening--;
    this.#settled++;
    if (!this.isSetUp) return this.#openMore();
    const bursts = new Float64Array(this.session.bursts);
    bursts[this.session.worker] = performance.now() - this.#setupBegan;
  }

  // --- announcing ------------------------------------------------------------------------------

  #announceAgain(connection: Connection, dueAt: number): void {
    const { announces, isSeeder, number, torrent } = connection;
    this.#noteAnnounce(connection, dueAt);
    this.#ledger.add(TALLY.offersSent, this.session.config.requests.offers);
    const life = this.#lives[number];
    const requests = this.#requestsOf(connection);
    requests.appendNext(this.out, torrent, isSeeder, number, life, announces);
  }

  // As many as a connection sends at once.
  #announceTogether(connection: Connection): void {
    const { announces } = connection;
    for (let count = this.session.config.requests.announces_at_once; count > 0; count--) {
      this.#announceAgain(connection, this.#now);
    }
    connection.awaitedFrom = announces;
  }

  #noteAnnounce(connection: Connection, dueAt: number): void {
    this.#sentOffers.note(connection.index, connection.announces, dueAt);
    connection.awaitedFrom = connection.announces;
    connection.announces++;
    connection.answers = 0;
    connection.expectedAnswers = -1;
    connection.waitsSince = 0;
    this.#ledger.count(TALLY.announces);
    // Before it is sent: other workers look whether offers can be.
    Atomics.store(this.#announces, connection.number, connection.announces);
  }

  // The next connection in turn, at a rate.
  #announceNext(dueAt: number): void {
    const { length } = this.#connections;
    for (let tries = 0; tries < length; tries++) {
      const connection = this.#connections[this.#turn];
      this.#turn = this.#turn + 1 === length ? 0 : this.#turn + 1;
      if (!this.#isReady(connection)) continue;
      if (connection.announces - connection.responses >= MOST_UNANSWERED) break;
      this.#announceAgain(connection, dueAt);
      return connection.flush(this.out);
    }
    this.#ledger.count(TALLY.notSent);
  }

  // Its first announce, if it makes any, has been answered.
  #isReady({ progress, responses }: Connection): boolean {
    const isSilent = !this.session.config.requests.announce;
    return progress === PROGRESS.open && (responses > 0 || isSilent);
  }

  #goOn(connection: Connection): void {
    const { answers, expectedAnswers } = connection;
    if (!this.#isClosedLoop || expectedAnswers < 0 || connection.progress !== PROGRESS.open) return;
    if (answers >= expectedAnswers) this.#announceTogether(connection);
    else if (connection.waitsSince === 0) connection.waitsSince = this.#now;
  }

  #stopWaiting(now: number): void {
    const before = now - this.session.config.network.answer_timeout_milliseconds;
    for (const connection of this.#connections) {
      if (connection.waitsSince === 0 || connection.waitsSince > before) continue;
      if (connection.progress !== PROGRESS.open) continue;
      this.#ledger.count(TALLY.answerTimeouts);
      this.#announceTogether(connection);
      connection.flush(this.out);
    }
  }

  // Any one that is there, or the next.
  #closeOne(): void {
    const { length } = this.#connections;
    const first = this.#random.below(length);
    for (let tries = 0; tries < length; tries++) {
      const connection = this.#connections[(first + tries) % length];
      if (this.#isReady(connection)) return connection.close();
    }
  }

  // --- what comes in ---------------------------------------------------------------------------

  takeText(connection: Connection, bytes: Buffer, start: number, end: number): void {
    switch (this.#inbound.read(bytes, start, end)) {
      case MESSAGE.offer:
        return this.#takeOffer(connection);
      case MESSAGE.answer:
        return this.#takeAnswer(connection);
      case MESSAGE.response:
        return this.#takeResponse(connection);
      case MESSAGE.failure:
        this.#ledger.count(TALLY.failures);
        this.#ledger.countText(TABLE.failures, this.#inbound.reason);
        return this.#takeReply(connection, 0);
      case MESSAGE.notJson:
        return this.#ledger.countFault(NOT_JSON);
      case MESSAGE.malformedId:
        return this.#ledger.countFault(MALFORMED_ID);
      case MESSAGE.damagedSdp:
        return this.#ledger.countFault(DAMAGED_SDP);
      default:
        return this.#ledger.countFault(UNKNOWN_MESSAGE);
    }
  }

  takeBinary(): void {
    this.#ledger.countFault(BINARY);
  }

  takeFault(_connection: Connection, fault: FrameFault): void {
    this.#ledger.countFault(faultIndex(fault));
  }

  countOut(bytes: number): void {
    this.#ledger.add(TALLY.bytesOut, bytes);
  }

  #takeOffer(connection: Connection): void {
    const inbound = this.#inbound;
    const check = this.#check;
    const fault = check.checkOffer(inbound, connection.number);
    if (fault !== RIGHT) return this.#ledger.countFault(fault);
    this.#ledger.count(TALLY.offers);
    if (connection.isSeeder && this.#roster.isSeeder(check.offer.connection)) {
      this.#ledger.count(TALLY.offersBetweenSeeders);
    }
    if (connection.progress !== PROGRESS.open) return;
    if (!this.#choice.isAnswered(check.offer)) return;
    this.#ledger.count(TALLY.answersSent);
    this.#requestsOf(connection).appendAnswer(
      this.out,
      connection.torrent,
      connection.number,
      this.#lives[connection.number],
      inbound.bytes,
      inbound.peerIdAt,
      inbound.offerIdAt,
    );
  }

  #takeAnswer(connection: Connection): void {
    const check = this.#check;
    const fault = check.checkAnswer(this.#inbound, connection.number);
    if (fault !== RIGHT) return this.#ledger.countFault(fault);
    const { announce, index } = check.offer;
    const { announces, index: own } = connection;
    const answer = this.#sentOffers.answer(own, announce, index, announces);
    if (answer === ANSWER.second) return this.#ledger.countFault(ANSWERED_TWICE);
    if (answer === ANSWER.late) return this.#ledger.count(TALLY.lateAnswers);
    this.#ledger.count(TALLY.answers);
    this.#ledger.record(TALLY.answerLatency, this.#now - this.#sentOffers.sentAt(own, announce));
    if (announce < connection.awaitedFrom) return;
    connection.answers++;
    this.#goOn(connection);
  }

  #takeResponse(connection: Connection): void {
    const check = this.#check;
    const isExact = this.#ledger.part !== PART.setup && Atomics.load(this.#exact, 0) === 1;
    const fault = check.checkResponse(
      this.#inbound,
      connection.number,
      connection.infoHash,
      isExact,
    );
    if (fault !== RIGHT) this.#ledger.countFault(fault);
    else if (connection.responses < connection.announces) {
      const { index, responses } = connection;
      this.#ledger.count(TALLY.responses);
      this.#ledger.record(
        TALLY.responseLatency,
        this.#now - this.#sentOffers.sentAt(index, responses),
      );
    }
    // A tracker has no need to pass offers of seeders to seeders.
    const takers = check.incomplete + (connection.isSeeder ? 0 : check.complete - 1);
    this.#takeReply(connection, fault === RIGHT ? takers : 0);
  }

  // The answer, of whatever kind, to an announce whose offers go to `takers` peers at most.
  #takeReply(connection: Connection, takers: number): void {
    if (connection.responses === connection.announces) return this.#ledger.countFault(UNEXPECTED);
    connection.responses++;
    if (connection.responses === 1) this.#settle(connection);
    if (connection.responses < connection.announces) return;
    connection.expectedAnswers = this.#countAnswers(connection, takers);
    this.#goOn(connection);
  }

  // How many answers the offers of the awaited announces will get.
  #countAnswers({ announces, awaitedFrom, number }: Connection, takers: number): number {
    const offers = Math.min(this.session.config.requests.offers, takers);
    const life = this.#lives[number];
    let count = 0;
    // The first announce of all has no offers.
    for (let announce = Math.max(1, awaitedFrom); announce < announces; announce++) {
      const first = { connection: number, life, announce, index: 0 };
      count += this.#choice.countAnswered(first, offers);
    }
    return count;
  }

  #requestsOf({ deflate }: Connection): Requests {
    return deflate ? this.#deflated : this.#plain;
  }
}
