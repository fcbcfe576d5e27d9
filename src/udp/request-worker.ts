// A request worker: takes requests from the rings of all socket workers, writes the responses to
// the rings back, and sleeps if there are no requests. It never leaves this loop and runs no
// events.

import { serveWorker } from "../app/worker-thread.ts";
import { readClock } from "../memory/clock.ts";
import { sleepAtDoorbell } from "../memory/doorbell.ts";
import { RequestEnd } from "./channel.ts";
import { CONTROL, doorbellWord } from "../app/control.ts";
import { Exchange } from "./exchange.ts";
import { RESPONSE, SOURCE } from "./request.ts";
import { channelForRequestWorker, type RequestWorkerSetup, viewSetup } from "./setup.ts";

/**
 * Maximum number of requests from one socket worker before it sees the responses, if it is awake.
 */
const MAX_AT_ONCE = 64;

/** Time for a socket worker to make room for more responses. */
const NAP_MILLISECONDS = 1;

/** Upper bound on sleep, in case a wake-up is missed. */
const MAX_SLEEP_MILLISECONDS = 1000;

serveWorker<RequestWorkerSetup, void>(async (setup) => {
  const { config, worker } = setup;
  const { channels, control, handler } = viewSetup(setup, worker);
  const requestWorker = worker - config.socket_workers;
  const ends = Array.from({ length: config.socket_workers }, (_, socketWorker) => {
    return new RequestEnd(channels, channelForRequestWorker(setup, socketWorker, requestWorker));
  });
  const { channel_recv_timeout_microseconds, max_requests_per_iter } = config.handlers;
  const gatherMilliseconds = channel_recv_timeout_microseconds / 1000;
  const maxUnwoken = Math.ceil(max_requests_per_iter / ends.length);
  const maxAtOnce = Math.min(MAX_AT_ONCE, maxUnwoken);
  const doorbell = doorbellWord(worker);
  const exchange = new Exchange(channels, channels.words, channels);
  const responseWords = RESPONSE.datagram + Math.ceil(handler.maxResponseBytes / 4);

  /** Answers up to `max` requests of one end and returns their number. */
  function answerRequests(end: RequestEnd, max: number): number {
    const { requests, responses } = end;
    exchange.now = readClock(control, CONTROL.clock);
    let count = 0;
    for (
      let requestWord = requests.peek();
      requestWord >= 0 && count < max;
      requestWord = requests.peek()
    ) {
      const responseWord = responses.reserve(responseWords);
      // Requests wait in their ring until there is room. If that ring is full too, new ones are
      // dropped.
      if (responseWord < 0) break;
      const { words } = channels;
      for (let i = 0; i < SOURCE.words; i++) words[responseWord + i] = words[requestWord + i];
      exchange.requestWord = requestWord;
      exchange.outputWord = responseWord + RESPONSE.datagram;
      const bytes = handler.answer(exchange);
      words[responseWord + RESPONSE.bytes] = bytes;
      end.commit(RESPONSE.datagram + ((bytes + 3) >> 2));
      requests.advance();
      count++;
    }
    if (count > 0) {
      requests.release();
      end.publish(count, performance.now());
    }
    return count;
  }

  const isStopped = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
  const hasWork = (): boolean => isStopped() || ends.some((end) => end.requests.peek() >= 0);

  /** Wakes the socket workers whose responses are due. Returns how long the others can wait. */
  function wakeSockets(maxMilliseconds: number): number {
    const now = performance.now();
    let left = Infinity;
    for (const end of ends) {
      left = Math.min(left, end.wakeWhenDue(maxUnwoken, maxMilliseconds, now));
    }
    return left;
  }

  async function serve(): Promise<void> {
    while (!isStopped()) {
      let taken = 0;
      for (const end of ends) taken += answerRequests(end, maxAtOnce);
      const left = wakeSockets(gatherMilliseconds);
      if (taken > 0) continue;
      if (hasWork()) {
        // The requests wait for room that only the socket workers can make.
        wakeSockets(0);
        sleepAtDoorbell(control, doorbell, NAP_MILLISECONDS, isStopped);
      } else {
        sleepAtDoorbell(control, doorbell, Math.min(left, MAX_SLEEP_MILLISECONDS), hasWork);
      }
    }
  }
  return { ready: undefined, serve };
});
