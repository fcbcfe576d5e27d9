// Decides which worker answers a datagram: the socket worker that received it, or a request worker
// at the other end of a channel. Each socket worker has one; its socket backend calls it.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import { Bytes } from "../memory/bytes.ts";
import type { SocketEnd } from "./channel.ts";
import { type Exchange, OUTCOME } from "./exchange.ts";
import type { Handler } from "./handler.ts";
import { ANNOUNCE_REQUEST, REQUEST } from "./request.ts";

/** Returned by `read` for an announce that this worker answers once the whole batch is read. */
export const ANSWER_LATER = -1;

/** Routes datagrams to the handler or to a request worker. */
export class Dispatcher {
  /** The requests of a batch. The backend writes their sources: see `requestWord` and SOURCE. */
  readonly requests: Bytes;
  readonly #requestWords: Int32Array;

  constructor(
    readonly handler: Handler,
    /** Maximum number of datagrams in a batch. */
    readonly slots: number,
    /** Channels to the request workers; none if the socket workers answer requests themselves. */
    private readonly channels: readonly SocketEnd[],
    private readonly counters: Counters,
  ) {
    this.requests = Bytes.allocate(slots * handler.maxRequestWords * 4);
    this.#requestWords = new Int32Array(slots);
  }

  /** Whether responses come back through `takeResponses`. */
  get isRelaying(): boolean {
    return this.channels.length > 0;
  }

  /** The word of `requests` at which the request in a slot begins. */
  requestWord(slot: number): number {
    return slot * this.handler.maxRequestWords;
  }

  /**
   * Processes the datagram of `exchange`, whose source is in its slot already. Returns the bytes of
   * the response to send; 0 if there is none, or none yet; or ANSWER_LATER.
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

  /** Prefetches for the first `count` of these slots, which `answer` handles next. */
  prefetch(slots: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.#requestWords[i] = this.requestWord(slots[i]);
    this.handler.prefetch(this.requests.words, this.#requestWords, count);
  }

  /** Answers the request in a slot and returns the bytes of the response. */
  answer(slot: number, exchange: Exchange): number {
    exchange.requestWord = this.requestWord(slot);
    return this.handler.answer(exchange);
  }

  /**
   * Ends a batch of datagrams: makes the requests visible to the request workers, and wakes them if
   * they sleep; and makes changes visible to the link worker.
   */
  flush(): void {
    this.handler.publishChanges();
    for (const channel of this.channels) channel.flush();
  }

  /** Whether a request worker has returned a response. */
  readonly hasResponses = (): boolean => {
    return this.channels.some((channel) => channel.responses.peek() >= 0);
  };

  /**
   * Calls `queue` with the word of each response returned so far (see RESPONSE), then `send`. The
   * responses stay valid until `send` returns. Returns their number.
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

  // The requests for one torrent go to the same worker, which then has it in its cache.
  #relay({ request, requestWord, requestWords }: Exchange): void {
    const hash = request[requestWord + REQUEST.routing] >>> 0;
    if (!this.channels[hash % this.channels.length].send(request, requestWord, requestWords)) {
      this.counters.add(COUNTER.queueFull, 1);
    }
  }
}
