// Decides who answers a datagram: the socket worker that received it, or a request worker over a
// channel. One for each socket worker, called by its socket backend.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { Bytes } from "../memory/bytes.ts";
import type { SocketEnd } from "./channel.ts";
import type { Handler } from "./handler.ts";
import { ANNOUNCE_REQUEST, REQUEST } from "./request.ts";

/** What `read` returns for an announce that this worker is to answer once all others are read. */
export const ANSWER_LATER = -1;

/** Sends datagrams the way they have to go. */
export class Dispatcher {
  /** The requests of a batch, for the backend to write their sources to: see `place` and SOURCE. */
  readonly requests: Bytes;
  readonly #places: Int32Array;

  constructor(
    readonly handler: Handler,
    /** Most datagrams of a batch. */
    readonly slots: number,
    /** Channels to the request workers; none when the socket workers answer by themselves. */
    private readonly channels: readonly SocketEnd[],
    private readonly counters: Counters,
  ) {
    this.requests = Bytes.allocate(slots * handler.mostRequestWords * 4);
    this.#places = new Int32Array(slots);
  }

  /** Whether responses come back by way of `takeResponses`. */
  get isRelaying(): boolean {
    return this.channels.length > 0;
  }

  /** The word of `requests` at which the request in a slot begins. */
  place(slot: number): number {
    return slot * this.handler.mostRequestWords;
  }

  /**
   * Takes the datagram of `length` bytes at `input.words[packet]`, received at second `now`, from
   * the source that is in its slot already. Returns the bytes of the response written to
   * `output.words[response]`, to be sent to the source; 0 when there is none, or none yet; or
   * ANSWER_LATER.
   */
  read(
    slot: number,
    input: Bytes,
    packet: number,
    length: number,
    output: Bytes,
    response: number,
    now: number,
  ): number {
    const { handler } = this;
    const request = this.requests.words;
    const at = this.place(slot);
    this.counters.add(COUNTER.requests, 1);
    this.counters.add(COUNTER.bytesIn, length);
    const result = handler.read(input, packet, length, request, at, output, response, now);
    if (result >= 0) return result;
    if (this.isRelaying) {
      this.#relay(request, at, -result);
      return 0;
    }
    if (request[at + REQUEST.kind] === ANNOUNCE_REQUEST) return ANSWER_LATER;
    return this.answer(slot, output, response, now);
  }

  /** Prefetches for the first `count` of these slots, all to be answered later. */
  prefetch(slots: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#places[i] = this.place(slots[i]);
    this.handler.prefetch(this.requests.words, this.#places, count);
  }

  /** Answers the request in a slot; returns the bytes written to `output.words[response]`. */
  answer(slot: number, output: Bytes, response: number, now: number): number {
    return this.handler.answer(this.requests.words, this.place(slot), output, response, now);
  }

  /** Ends a batch of datagrams: the request workers see them, and are woken if they sleep. */
  flush(): void {
    for (const channel of this.channels) channel.flush();
  }

  /** Whether a request worker has handed back a response. */
  readonly hasResponses = (): boolean => {
    return this.channels.some((channel) => channel.responses.peek() >= 0);
  };

  /**
   * Calls `queue` with the place of each response handed back so far (see RESPONSE), then `send`;
   * until that returns the responses stay where they are. Returns how many there were.
   */
  takeResponses(queue: (at: number) => void, send: () => void): number {
    let count = 0;
    for (const { responses } of this.channels) {
      const before = count;
      for (let at = responses.peek(); at >= 0; at = responses.peek()) {
        queue(at);
        responses.advance();
        count++;
      }
      if (count === before) continue;
      send();
      responses.release();
    }
    return count;
  }

  // One torrent's requests go to one worker, which finds it in its cache.
  #relay(request: Int32Array, at: number, length: number): void {
    const hash = request[at + REQUEST.routing] >>> 0;
    if (!this.channels[hash % this.channels.length].send(request, at, length)) {
      this.counters.add(COUNTER.queueFull, 1);
    }
  }
}
