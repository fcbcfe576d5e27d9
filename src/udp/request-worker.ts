// A request worker: takes requests from the rings of all socket workers, writes the responses to
// the rings back, and sleeps if there are no requests. It never leaves this loop and runs no
// events.

import { MAX_SILENCE_MILLISECONDS } from "../app/pulse.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { readClock } from "../memory/clock.ts";
import { sleepAtDoorbell } from "../memory/doorbell.ts";
import { RequestEnd } from "./channel.ts";
import { CONTROL, doorbellWord } from "../app/control.ts";
import { Exchange } from "./exchange.ts";
import { type Handler, MAX_BATCH } from "./handler.ts";
import { ANNOUNCE_REQUEST, REQUEST, RESPONSE, SOURCE } from "./request.ts";
import { channelForRequestWorker, type RequestWorkerSetup, viewSetup } from "./setup.ts";

/**
 * Maximum number of requests from one socket worker before it sees the responses, if it is awake.
 */
const MAX_AT_ONCE = MAX_BATCH;

/** Time for a socket worker to make room for more responses. */
const NAP_MILLISECONDS = 1;

serveWorker<RequestWorkerSetup, void>(async (setup) => {
  const worker = new RequestWorker(setup);
  return { ready: undefined, serve: () => worker.serve() };
});

class RequestWorker {
  readonly #control: Int32Array;
  readonly #doorbell: number;
  readonly #handler: Handler;
  readonly #refresh: (now: number) => void;
  readonly #ends: readonly RequestEnd[];
  readonly #exchange: Exchange;
  /** Words to reserve for a response. */
  readonly #responseWords: number;
  /** How long responses may wait before their socket worker is woken. */
  readonly #gatherMilliseconds: number;
  /** Maximum number of responses that may wait for that. */
  readonly #maxUnwoken: number;
  /** Where the announces are that are prefetched together. */
  readonly #announces = new Int32Array(MAX_AT_ONCE);

  constructor(setup: RequestWorkerSetup) {
    const { config, worker } = setup;
    const { channels, control, handler, refresh } = viewSetup(setup, worker);
    const { channel_recv_timeout_microseconds, max_requests_per_iter } = config.handlers;
    const requestWorker = worker - config.socket_workers;
    this.#control = control;
    this.#doorbell = doorbellWord(worker);
    this.#handler = handler;
    this.#refresh = refresh;
    this.#ends = Array.from({ length: config.socket_workers }, (_, socketWorker) => {
      return new RequestEnd(channels, channelForRequestWorker(setup, socketWorker, requestWorker));
    });
    this.#exchange = new Exchange(channels, channels.words, channels);
    this.#responseWords = RESPONSE.datagram + Math.ceil(handler.maxResponseBytes / 4);
    this.#gatherMilliseconds = channel_recv_timeout_microseconds / 1000;
    this.#maxUnwoken = Math.ceil(max_requests_per_iter / config.socket_workers);
  }

  async serve(): Promise<void> {
    const control = this.#control;
    const doorbell = this.#doorbell;
    const maxAtOnce = Math.min(MAX_AT_ONCE, this.#maxUnwoken);
    while (!this.#isStopped()) {
      let taken = 0;
      for (const end of this.#ends) taken += this.#answerRequests(end, maxAtOnce);
      const left = this.#wakeSockets(this.#gatherMilliseconds);
      if (taken > 0) continue;
      if (this.#hasWork()) {
        // The requests wait for room that only the socket workers can make.
        this.#wakeSockets(0);
        sleepAtDoorbell(control, doorbell, NAP_MILLISECONDS, this.#isStopped);
      } else {
        const milliseconds = Math.min(left, MAX_SILENCE_MILLISECONDS);
        sleepAtDoorbell(control, doorbell, milliseconds, this.#hasWork);
      }
    }
  }

  // Answers up to `max` requests of one end and returns their number.
  #answerRequests(end: RequestEnd, max: number): number {
    const { requests, responses } = end;
    const handler = this.#handler;
    const exchange = this.#exchange;
    const responseWords = this.#responseWords;
    const words = exchange.request;
    exchange.now = readClock(this.#control, CONTROL.clock);
    this.#refresh(exchange.now);
    this.#prefetch(end, max);
    let count = 0;
    for (let requestWord = requests.peek(); requestWord >= 0 && count < max; count++) {
      const responseWord = responses.reserve(responseWords);
      // Requests wait in their ring until there is room. If that ring is full too, new ones are
      // dropped.
      if (responseWord < 0) break;
      for (let i = 0; i < SOURCE.words; i++) words[responseWord + i] = words[requestWord + i];
      exchange.requestWord = requestWord;
      exchange.outputWord = responseWord + RESPONSE.datagram;
      const bytes = handler.answer(exchange);
      words[responseWord + RESPONSE.bytes] = bytes;
      end.commit(RESPONSE.datagram + ((bytes + 3) >> 2));
      requests.advance();
      requestWord = requests.peek();
    }
    if (count > 0) {
      requests.release();
      handler.publishChanges();
      end.publish(count, performance.now());
    }
    return count;
  }

  // Looks ahead at up to `max` requests and prefetches for the announces among them.
  #prefetch({ requests }: RequestEnd, max: number): void {
    const { words } = requests;
    const start = requests.position;
    let announces = 0;
    for (let i = 0, word = requests.peek(); word >= 0 && i < max; i++, word = requests.peek()) {
      if (words[word + REQUEST.kind] === ANNOUNCE_REQUEST) this.#announces[announces++] = word;
      requests.advance();
    }
    requests.goBack(start);
    this.#handler.prefetch(words, this.#announces, announces);
  }

  // Wakes the socket workers whose responses are due. Returns how long the others can wait.
  #wakeSockets(maxMilliseconds: number): number {
    const now = performance.now();
    let left = Infinity;
    for (const end of this.#ends) {
      left = Math.min(left, end.wakeWhenDue(this.#maxUnwoken, maxMilliseconds, now));
    }
    return left;
  }

  readonly #isStopped = (): boolean => Atomics.load(this.#control, CONTROL.stop) !== 0;

  readonly #hasWork = (): boolean => {
    return this.#isStopped() || this.#ends.some((end) => end.requests.peek() >= 0);
  };
}
