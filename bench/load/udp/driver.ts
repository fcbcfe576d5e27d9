// The loop of a load worker: sends what a workload has to ask, receives and checks the answers,
// gives up what is not answered. It blocks its thread; what happens outside is seen in shared
// memory.

import { type Bytes, swapWord } from "../../../src/memory/bytes.ts";
import { MessageBatch } from "../../../src/udp/socket/message-batch.ts";
import { PollSet } from "../../../src/udp/socket/poll-set.ts";
import { ECONNREFUSED } from "../../../src/udp/socket/system-calls.ts";
import { recordDuration } from "../histogram.ts";
import { type AnswerCheck, RIGHT } from "./answer-check.ts";
import type { Clients } from "./clients.ts";
import type { LoadConfig } from "./config.ts";
import type { ErrorTable } from "../error-table.ts";
import { LATE, type Outstanding } from "./outstanding.ts";
import type { Pace } from "../pace.ts";
import { ANNOUNCE_BYTES, scrapeBytes } from "./request-writer.ts";
import { CONNECT, ANNOUNCE, FAULTS, TALLY } from "./tally.ts";
import { NOTHING, type Workload } from "./workload.ts";

const ACTION_ERROR = swapWord(3);
const ERROR_HEAD_BYTES = 8;
const UNKNOWN_TRANSACTION = TALLY.invalid + FAULTS.indexOf("unknown transaction");
const WRONG_LENGTH = FAULTS.indexOf("wrong length");

/** Room for error messages, and for a few peers too many. */
const SPARE_BYTES = 512;
/** How often requests are looked through for those to give up. */
const SCAN_MILLISECONDS = 10;
/** Times that a send is tried again after ICMP has said that nobody listens. */
const MOST_REFUSALS = 3;

/** Where a run counts. */
export interface Counts {
  readonly tally: Float64Array;
  readonly at: number;
  readonly errors: ErrorTable;
}

/** Sends and receives for one worker. */
export class Driver {
  readonly #inbox: MessageBatch;
  readonly #outbox: MessageBatch;
  /** Slots of the requests in the outbox. */
  readonly #slots: Int32Array;
  readonly #poll: PollSet;
  readonly #timeout: number;
  #counts!: Counts;
  #workload!: Workload;
  #pace!: Pace;

  constructor(
    config: LoadConfig,
    private readonly clients: Clients,
    private readonly outstanding: Outstanding,
    private readonly check: AnswerCheck,
    addressBytes: number,
  ) {
    const { poll_event_capacity, timeout_milliseconds } = config.network;
    const { peers_wanted, scrape_max_torrents } = config.requests;
    const announceBytes = 20 + peers_wanted * (addressBytes + 2);
    const answerBytes = Math.max(announceBytes, 8 + 12 * scrape_max_torrents) + SPARE_BYTES;
    const requestBytes = Math.max(ANNOUNCE_BYTES + 2, scrapeBytes(scrape_max_torrents));
    const slots = poll_event_capacity;
    this.#inbox = new MessageBatch({ slots, payloadBytes: answerBytes, controlBytes: 0 });
    this.#outbox = new MessageBatch({ slots, payloadBytes: requestBytes, controlBytes: 0 });
    // Connected sockets know where to send to.
    for (let slot = 0; slot < slots; slot++) this.#outbox.setOwnTarget(slot, 0);
    this.#slots = new Int32Array(slots);
    this.#poll = new PollSet(clients.fds);
    this.#timeout = timeout_milliseconds;
  }

  /** Asks for what the workload has, as fast as the pace allows, until `isOver`. */
  run(workload: Workload, pace: Pace, counts: Counts, isOver: (now: number) => boolean): void {
    this.#workload = workload;
    this.#pace = pace;
    this.#counts = counts;
    this.check.wanted = workload.wanted;
    const { sockets } = this.clients;
    let first = 0;
    let nextScan = 0;
    for (;;) {
      const now = performance.now();
      if (isOver(now)) return;
      if (now >= nextScan) {
        this.outstanding.loseBefore(now - this.#timeout, this.#lose);
        nextScan = now + SCAN_MILLISECONDS;
      }
      // Who comes first takes what is due: another one each time.
      for (let i = 0; i < sockets; i++) this.#ask((first + i) % sockets, now);
      first++;
      if (this.#poll.wait(pace.microsecondsToNext(now, SCAN_MILLISECONDS * 1000)) <= 0) continue;
      for (let socket = 0; socket < sockets; socket++) {
        if (this.#poll.isReadable(socket)) this.#receive(socket);
      }
    }
  }

  readonly #lose = (slot: number): void => {
    const { at, tally } = this.#counts;
    tally[at + TALLY.lost]++;
    this.#workload.lose(slot);
  };

  #ask(socket: number, now: number): void {
    const outbox = this.#outbox;
    const slots = this.#slots;
    const pace = this.#pace;
    const workload = this.#workload;
    const { at, tally } = this.#counts;
    const room = Math.min(this.outstanding.room(socket), outbox.slots, pace.dueBy(now));
    let count = 0;
    while (count < room) {
      const packet = outbox.payload(count);
      const due = pace.nextDue(now);
      const slot = workload.next(socket, outbox.memory.words, packet, now, due);
      if (slot === NOTHING) break;
      pace.advance();
      outbox.setLength(count, workload.bytes);
      tally[at + TALLY.bytesOut] += workload.bytes;
      tally[at + TALLY.sent + this.outstanding.kind[slot]]++;
      slots[count++] = slot;
    }
    if (count > 0) this.#send(socket, count);
  }

  #send(socket: number, count: number): void {
    const { at, tally } = this.#counts;
    let next = 0;
    let refusals = 0;
    while (next < count) {
      const result = this.#outbox.send(this.clients.fds[socket], next, count - next);
      if (result > 0) {
        next += result;
      } else if (result === -ECONNREFUSED && refusals < MOST_REFUSALS) {
        // About an earlier request; the call tells it in place of sending.
        refusals++;
        tally[at + TALLY.refused]++;
      } else {
        break;
      }
    }
    for (; next < count; next++) {
      const slot = this.#slots[next];
      tally[at + TALLY.notSent]++;
      this.#workload.lose(slot);
      this.outstanding.release(slot);
    }
  }

  #receive(socket: number): void {
    const inbox = this.#inbox;
    const count = inbox.receive(this.clients.fds[socket]);
    if (count === -ECONNREFUSED) this.#counts.tally[this.#counts.at + TALLY.refused]++;
    if (count <= 0) return;
    const now = performance.now();
    for (let i = 0; i < count; i++) {
      const length = inbox.length(i);
      this.#take(socket, inbox.memory, inbox.payload(i), length, inbox.isTruncated(i), now);
    }
    this.#ask(socket, now);
  }

  #take(
    socket: number,
    input: Bytes,
    packet: number,
    length: number,
    isTruncated: boolean,
    now: number,
  ): void {
    const { outstanding } = this;
    const { at, errors, tally } = this.#counts;
    tally[at + TALLY.bytesIn] += length;
    if (length < ERROR_HEAD_BYTES) {
      tally[at + TALLY.invalid + WRONG_LENGTH]++;
      return;
    }
    const slot = outstanding.find(socket, input.words[packet + 1]);
    if (slot < 0) {
      tally[at + (slot === LATE ? TALLY.late : UNKNOWN_TRANSACTION)]++;
      return;
    }
    if (input.words[packet] === ACTION_ERROR) {
      tally[at + TALLY.errors]++;
      errors.count(input.bytes, packet * 4 + ERROR_HEAD_BYTES, length - ERROR_HEAD_BYTES);
    } else {
      const fault = isTruncated ? WRONG_LENGTH : this.check.check(input, packet, length, slot);
      if (fault === RIGHT) this.#count(socket, input.words, packet, slot, now);
      else tally[at + TALLY.invalid + fault]++;
    }
    outstanding.release(slot);
  }

  #count(socket: number, words: Int32Array, packet: number, slot: number, now: number): void {
    const { outstanding } = this;
    const { at, tally } = this.#counts;
    const kind = outstanding.kind[slot];
    tally[at + TALLY.responses + kind]++;
    if (kind === ANNOUNCE) tally[at + TALLY.peers] += this.check.peers;
    if (kind === CONNECT) this.clients.takeConnectionId(socket, words, packet + 2, now);
    const microseconds = Math.max(0, Math.round((now - outstanding.dueAt[slot]) * 1000));
    recordDuration(tally, at + TALLY.latency, microseconds);
  }
}
