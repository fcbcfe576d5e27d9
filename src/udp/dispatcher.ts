// Decides who answers a datagram: the socket worker that received it, or a request worker over a
// channel. One for each socket worker, called by its socket backend.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { Bytes } from "../memory/bytes.ts";
import type { SocketEnd } from "./channel.ts";
import { type Exchange, OUTCOME } from "./exchange.ts";
import type { Handler } from "./handler.ts";
import { ANNOUNCE_REQUEST, REQUEST } from "./request.ts";

/** What `read` returns for an announce that this worker is to answer once all others are read. */
export const ANSWER_LATER = -1;

/** Sends datagrams the way they have to go. */
export class Dispatcher {
  /** The requests of a batch, for the backend to write their sources to: see `place` and SOURCE. */
  readonly requests: Bytes;
  readonly #requestWords: Int32Array;

  constructor(
    readonly handler: Handler,
    /** Most datagrams of a batch. */
    readonly slots: number,
    /** Channels to the request workers; none when the socket workers answer by themselves. */
    private readonly channels: readonly SocketEnd[],
    private readonly counters: Counters,
  ) {
    this.requests = Bytes.allocate(slots * handler.maxRequestWords * 4);
    this.#requestWords = new Int32Array(slots);
  }

  /** Whether responses come back by way of `takeResponses`. */
  get isRelaying(): boolean {
    return this.channels.length > 0;
  }

  /** The word of `requests` at which the request in a slot begins. */
  requestWord(slot: number): number {
    return slot * this.handler.maxRequestWords;
  }

  /**
   * Takes the datagram of `exchange`, from the source that is in its slot already. Returns the bytes
   * of the response that was written, to be sent to the source; 0 when there is none, or none yet; or
   * ANSWER_LATER.
   */
  read(slot: number, exchange: Exchange): number {
    exchange.requestWord = this.requestWord(slot);
    this.counters.add(COUNTER.requests, 1);
    this.counters.add(COUNTER.bytesIn, exchange.inputBytes);
    const outcome = this.handler.read(exchange);
    if (outcome === OUTCOME.answered) return exchange.responseBytes;
    if (outcome === OUTCOME.ignored) return 0;
    if (this.isRelaying) {
      this.#relay(exchange);
      return 0;
    }
    const kind = exchange.request[exchange.requestWord + REQUEST.kind];
    return kind === ANNOUNCE_REQUEST ? ANSWER_LATER : this.handler.answer(exchange);
  }

  /** Prefetches for the first `count` of these slots, all to be answered later. */
  prefetch(slots: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#requestWords[i] = this.requestWord(slots[i]);
    this.handler.prefetch(this.requests.words, this.#requestWords, count);
  }

  /** Answers the request in a slot; returns the bytes that were written. */
  answer(slot: number, exchange: Exchange): number {
    exchange.requestWord = this.requestWord(slot);
    return this.handler.answer(exchange);
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
  takeResponses(queue: (responseWord: number) => void, send: () => void): number {
    let count = 0;
    for (const { responses } of this.channels) {
      const before = count;
      for (let word = responses.peek(); word >= 0; word = responses.peek()) {
        queue(word);
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
  #relay({ request, requestWord, requestWords }: Exchange): void {
    const hash = request[requestWord + REQUEST.routing] >>> 0;
    if (!this.channels[hash % this.channels.length].send(request, requestWord, requestWords)) {
      this.counters.add(COUNTER.queueFull, 1);
    }
  }
}
