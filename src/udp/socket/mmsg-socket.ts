// One socket of the mmsg backend with its queued responses. Datagrams are answered where they were
// received, and responses are sent in batches from where they were written.

import { ptr } from "bun:ffi";
import type { Counters } from "../../app/counters.ts";
import { COUNTER, LATENCY_BOUNDS } from "../../app/metrics.ts";
import { isWildcard, type SocketAddress } from "../../app/socket-address.ts";
import { Bytes } from "../../memory/bytes.ts";
import { ANSWER_LATER, type Dispatcher } from "../dispatcher.ts";
import { Exchange } from "../exchange.ts";
import {
  allowSplitPackets,
  closeLinuxSocket,
  openLinuxSocket,
  readLocalPort,
} from "./linux-socket.ts";
import { MessageBatch } from "./message-batch.ts";
import { forgetInterface, PACKET_INFO_BYTES } from "./packet-info.ts";
import { PollSet } from "./poll-set.ts";
import { RESPONSE, SOURCE } from "../request.ts";
import { AF_INET, NAME, NAME_BYTES } from "./name.ts";
import { EAGAIN, EINTR, EMSGSIZE } from "./system-calls.ts";

/** The latency of one batch among so many is measured. */
const SAMPLED_BATCHES = 16;

/** Memory for the responses of one batch. */
const OUTPUT_BYTES = 1 << 19;

/** Time for the kernel to make room for the responses of one batch. After that, some are lost. */
const WAIT_FOR_ROOM_MILLISECONDS = 10;

/** The last of the three words of ::ffff:0:0/96. */
const MAPPED = 0xffff0000 | 0;

const NAME_WORDS = NAME_BYTES / 4;
const CONTROL_WORDS = PACKET_INFO_BYTES / 4;
/**
 * The words of SOURCE that belong to this backend: the socket, the client's name, and the address
 * on which the request arrived.
 */
const REPLY = {
  socket: SOURCE.reply,
  name: SOURCE.reply + 1,
  control: SOURCE.reply + 1 + NAME_WORDS,
} as const;

/** Index of the socket that must send the response at `words[responseWord]`. */
export function socketOfResponse(words: Int32Array, responseWord: number): number {
  return words[responseWord + RESPONSE.source + REPLY.socket];
}

/** One bound socket. */
export class MmsgSocket {
  readonly fd: number;
  readonly #outgoing: MessageBatch;
  readonly #output: Bytes;
  readonly #outputAddress: number;
  readonly #exchange: Exchange;
  readonly #room: PollSet;
  /** Slots of a batch whose announces are answered once all are read. */
  readonly #later: Int32Array;
  /** At a wildcard address, a response must state the address that it is sent from. */
  readonly #isWildcard: boolean;
  #batch = 0;
  #outputUsed = 0;
  #queued = 0;
  #queuedBytes = 0;

  /** Binds the address. Throws a SocketError. */
  constructor(
    private readonly index: number,
    address: SocketAddress,
    isDualStack: boolean,
    private readonly dispatcher: Dispatcher,
    private readonly counters: Counters,
  ) {
    this.#isWildcard = isWildcard(address);
    const options = { reusePort: true, isDualStack, packetInfo: this.#isWildcard };
    this.fd = openLinuxSocket(address, options);
    allowSplitPackets(this.fd, false);
    const { slots } = dispatcher;
    this.#later = new Int32Array(slots);
    this.#outgoing = new MessageBatch({ slots, payloadBytes: 0, controlBytes: PACKET_INFO_BYTES });
    const { maxResponseBytes } = dispatcher.handler;
    this.#output = Bytes.allocate(Math.max(OUTPUT_BYTES, maxResponseBytes * 2));
    this.#outputAddress = ptr(this.#output.bytes);
    this.#exchange = new Exchange(this.#output, dispatcher.requests.words, this.#output);
    this.#room = new PollSet([this.fd]);
    this.#room.watch(0, "room");
  }

  get port(): number {
    return readLocalPort(this.fd);
  }

  close(): void {
    closeLinuxSocket(this.fd);
  }

  /** Receives one batch of datagrams at second `now`, answers them, and returns their number. */
  receive(input: MessageBatch, now: number): number {
    const { dispatcher } = this;
    const exchange = this.#exchange;
    const count = input.receive(this.fd);
    if (count <= 0) return 0;
    const start = this.#beginSample();
    exchange.input = input.memory;
    exchange.now = now;
    const later = this.#later;
    let laterCount = 0;
    for (let slot = 0; slot < count; slot++) {
      this.#readSource(input, slot);
      exchange.inputWord = input.payload(slot);
      exchange.inputBytes = input.length(slot);
      exchange.outputWord = this.#makeRoom();
      const bytes = dispatcher.read(slot, exchange);
      if (bytes > 0) this.#queueReply(input, slot, bytes);
      else if (bytes === ANSWER_LATER) later[laterCount++] = slot;
    }
    dispatcher.prefetch(later, laterCount);
    for (let i = 0; i < laterCount; i++) {
      exchange.outputWord = this.#makeRoom();
      const bytes = dispatcher.answer(later[i], exchange);
      this.#queueReply(input, later[i], bytes);
    }
    this.counters.add(COUNTER.batches, 1);
    this.send();
    if (start > 0) {
      const seconds = (performance.now() - start) / 1000;
      this.counters.observe(COUNTER.latency, LATENCY_BOUNDS, seconds);
    }
    return count;
  }

  // Returns the time for one batch in SAMPLED_BATCHES, otherwise 0. If request workers answer, a
  // batch ends before they do.
  #beginSample(): number {
    this.#batch = (this.#batch + 1) % SAMPLED_BATCHES;
    return this.#batch === 1 && !this.dispatcher.isRelaying ? performance.now() : 0;
  }

  /**
   * Queues a request worker's response at `words[responseWord]`, whose datagram is at `address`.
   */
  queueRelayed(words: Int32Array, responseWord: number, address: number): void {
    const outgoing = this.#outgoing;
    const slot = this.#queued;
    const source = responseWord + RESPONSE.source;
    const own = outgoing.memory.words;
    const name = outgoing.name(slot);
    for (let i = 0; i < NAME_WORDS; i++) own[name + i] = words[source + REPLY.name + i];
    outgoing.setOwnTarget(slot, NAME_BYTES);
    if (this.#isWildcard) {
      const control = outgoing.control(slot);
      for (let i = 0; i < CONTROL_WORDS; i++) own[control + i] = words[source + REPLY.control + i];
    }
    outgoing.setOwnControl(slot, this.#isWildcard ? PACKET_INFO_BYTES : 0);
    this.#queue(address, words[responseWord + RESPONSE.bytes]);
  }

  /** Sends the queued responses. Counts those that the kernel refuses, and still sends the rest. */
  send(): void {
    let next = 0;
    let failed = 0;
    let deadline = 0;
    let isSplitting = false;
    while (next < this.#queued) {
      const sent = this.#outgoing.send(this.fd, next, this.#queued - next);
      if (sent > 0) {
        next += sent;
        continue;
      }
      if (sent === -EINTR) continue;
      if (sent === -EAGAIN) {
        deadline ||= performance.now() + WAIT_FOR_ROOM_MILLISECONDS;
        if (this.#awaitRoom(deadline)) continue;
      }
      if (sent === -EMSGSIZE && !isSplitting) {
        // The path to this client takes shorter packets only. One more call serves the whole batch.
        isSplitting = true;
        allowSplitPackets(this.fd, true);
        continue;
      }
      this.#queuedBytes -= this.#outgoing.payloadLength(next);
      next++;
      failed++;
    }
    if (isSplitting) allowSplitPackets(this.fd, false);
    this.counters.add(COUNTER.responses, next - failed);
    this.counters.add(COUNTER.bytesOut, this.#queuedBytes);
    if (failed > 0) this.counters.add(COUNTER.sendFailed, failed);
    this.#outputUsed = 0;
    this.#queued = 0;
    this.#queuedBytes = 0;
  }

  // Returns false once the deadline, in milliseconds of performance.now(), has passed.
  #awaitRoom(deadline: number): boolean {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    this.#room.wait(left * 1000);
    return true;
  }

  // Returns the word of #output at which the next response begins.
  #makeRoom(): number {
    const { maxResponseBytes } = this.dispatcher.handler;
    if (this.#outputUsed + maxResponseBytes > this.#output.bytes.length) this.send();
    return this.#outputUsed >> 2;
  }

  // Queues the response just written to #output, addressed to the sender of the datagram in a slot.
  #queueReply(input: MessageBatch, slot: number, bytes: number): void {
    const outgoing = this.#outgoing;
    const start = this.#outputUsed;
    this.#outputUsed = (start + bytes + 3) & ~3;
    outgoing.setTarget(this.#queued, input, slot);
    if (this.#isWildcard) outgoing.setControl(this.#queued, input, slot);
    else outgoing.setOwnControl(this.#queued, 0);
    this.#queue(this.#outputAddress + start, bytes);
  }

  #queue(address: number, bytes: number): void {
    this.#outgoing.setPayload(this.#queued, address, bytes);
    this.#queuedBytes += bytes;
    this.#queued++;
    if (this.#queued === this.#outgoing.slots) this.send();
  }

  // Copies the source of the datagram in a slot into the dispatcher's request.
  #readSource(input: MessageBatch, slot: number): void {
    const { dispatcher } = this;
    const source = dispatcher.requests.words;
    const sourceWord = dispatcher.requestWord(slot);
    const { halves, words } = input.memory;
    const name = input.name(slot);
    source[sourceWord + SOURCE.port] = halves[name * 2 + NAME.portHalf];
    const ipv6 = name + NAME.ipv6;
    if (halves[name * 2 + NAME.familyHalf] === AF_INET) {
      source[sourceWord + SOURCE.addressBytes] = 4;
      source[sourceWord + SOURCE.address] = words[name + NAME.ipv4];
    } else if (words[ipv6] === 0 && words[ipv6 + 1] === 0 && words[ipv6 + 2] === MAPPED) {
      source[sourceWord + SOURCE.addressBytes] = 4;
      source[sourceWord + SOURCE.address] = words[ipv6 + 3];
    } else {
      source[sourceWord + SOURCE.addressBytes] = 16;
      for (let i = 0; i < 4; i++) source[sourceWord + SOURCE.address + i] = words[ipv6 + i];
    }
    if (this.#isWildcard) forgetInterface(words, input.control(slot));
    if (dispatcher.isRelaying) this.#noteWayBack(input, slot);
  }

  #noteWayBack(input: MessageBatch, slot: number): void {
    const source = this.dispatcher.requests.words;
    const sourceWord = this.dispatcher.requestWord(slot);
    const { words } = input.memory;
    const name = input.name(slot);
    source[sourceWord + REPLY.socket] = this.index;
    for (let i = 0; i < NAME_WORDS; i++) source[sourceWord + REPLY.name + i] = words[name + i];
    if (!this.#isWildcard) return;
    const control = input.control(slot);
    for (let i = 0; i < CONTROL_WORDS; i++)
      source[sourceWord + REPLY.control + i] = words[control + i];
  }
}
