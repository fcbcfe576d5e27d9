// The connection between a socket worker and a request worker: a ring of requests, a ring of
// responses, and a doorbell on each side. Every socket worker has a channel to every request
// worker. Nothing here waits: a message for which there is no room is dropped and counted.

import type { Bytes } from "../memory/bytes.ts";
import { ringDoorbell } from "../memory/doorbell.ts";
import { ringFill, RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import { wakeWorker } from "../app/wake-event.ts";

// About 1,500 announces, and as many responses with 30 peers: the requests of the few milliseconds
// for which the system may leave a worker without a core.
const REQUEST_RING_WORDS = 1 << 16;
const RESPONSE_RING_WORDS = 1 << 17;
const CHANNEL_WORDS = ringWords(REQUEST_RING_WORDS) + ringWords(RESPONSE_RING_WORDS);

const MAX_CHANNELS = Math.floor(2 ** 30 / CHANNEL_WORDS);

/**
 * Allocates the shared memory of all channels, zeroed: 0.75 MiB each. Throws a RangeError if it
 * exceeds the 4 GiB of one shared buffer or what the system grants.
 */
export function allocateChannels(socketWorkers: number, requestWorkers: number): SharedArrayBuffer {
  const channels = socketWorkers * requestWorkers;
  const bytes = channels * CHANNEL_WORDS * 4;
  const explanation =
    `${socketWorkers} socket workers and ${requestWorkers} request workers have ${channels} ` +
    `channels of 0.75 MiB`;
  if (channels > MAX_CHANNELS) {
    throw new RangeError(
      `${explanation}; at most ${MAX_CHANNELS} are possible; lower either number`,
    );
  }
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    throw new RangeError(`${explanation}, more than the system grants; lower either number`);
  }
}

/** How full the rings of channel number `index` are, from 0 to 1. */
export function channelFill(words: Int32Array, index: number) {
  const requests = index * CHANNEL_WORDS;
  const responses = requests + ringWords(REQUEST_RING_WORDS);
  return {
    requests: Math.min(1, ringFill(words, requests) / REQUEST_RING_WORDS),
    responses: Math.min(1, ringFill(words, responses) / RESPONSE_RING_WORDS),
  };
}

/** A channel as one of its ends sees it. */
export interface ChannelSetup {
  /** Index of the channel: socket worker × number of request workers + request worker. */
  readonly index: number;
  readonly control: Int32Array;
  /** The word in `control` at which the other end sleeps. */
  readonly doorbell: number;
  /** The eventfd that wakes the other end; negative if it sleeps at the doorbell itself. */
  readonly wakeEvent: number;
}

/** A socket worker's end of a channel. */
export class SocketEnd {
  readonly requests: RingWriter;
  readonly responses: RingReader;
  #hasUnpublished = false;

  constructor(
    channels: Bytes,
    private readonly setup: ChannelSetup,
  ) {
    const requestsWord = setup.index * CHANNEL_WORDS;
    const { words } = channels;
    this.requests = new RingWriter(words, requestsWord, REQUEST_RING_WORDS);
    this.responses = new RingReader(
      words,
      requestsWord + ringWords(REQUEST_RING_WORDS),
      RESPONSE_RING_WORDS,
    );
  }

  /** Queues the `count` words at `request[requestWord]`. Returns false if there is no room. */
  send(request: Int32Array, requestWord: number, count: number): boolean {
    const { requests } = this;
    const word = requests.reserve(count);
    if (word < 0) return false;
    for (let i = 0; i < count; i++) requests.words[word + i] = request[requestWord + i];
    requests.commit(count);
    this.#hasUnpublished = true;
    return true;
  }

  /** Makes queued requests visible to the request worker, and wakes it if it sleeps. */
  flush(): void {
    if (!this.#hasUnpublished) return;
    this.#hasUnpublished = false;
    this.requests.publish();
    ringDoorbell(this.setup.control, this.setup.doorbell);
  }
}

/** A request worker's end of a channel. */
export class RequestEnd {
  readonly requests: RingReader;
  readonly responses: RingWriter;
  /** Responses published since the socket worker was last woken. */
  #unwoken = 0;
  /** The time at which the first of them was published, in milliseconds. */
  #unwokenSince = 0;

  constructor(
    channels: Bytes,
    private readonly setup: ChannelSetup,
  ) {
    const requestsWord = setup.index * CHANNEL_WORDS;
    const { words } = channels;
    this.requests = new RingReader(words, requestsWord, REQUEST_RING_WORDS);
    this.responses = new RingWriter(
      words,
      requestsWord + ringWords(REQUEST_RING_WORDS),
      RESPONSE_RING_WORDS,
    );
  }

  /** Queues the response written to the reserved words. `count` is its actual length. */
  commit(count: number): void {
    this.responses.commit(count);
  }

  /**
   * Makes the `count` responses queued at `now`, in milliseconds, visible to the socket worker. It
   * sees them at once if it is awake.
   */
  publish(count: number, now: number): void {
    this.responses.publish();
    if (this.#unwoken === 0) this.#unwokenSince = now;
    this.#unwoken += count;
  }

  /**
   * Wakes the socket worker if `max` responses have been published since it was last woken, or if
   * the first of them is `maxMilliseconds` old. Returns how long the wake-up can wait: Infinity if
   * nothing is pending.
   */
  wakeWhenDue(max: number, maxMilliseconds: number, now: number): number {
    if (this.#unwoken === 0) return Infinity;
    const left = this.#unwokenSince + maxMilliseconds - now;
    if (left > 0 && this.#unwoken < max) return left;
    this.#unwoken = 0;
    const { control, doorbell, wakeEvent } = this.setup;
    wakeWorker(control, doorbell, wakeEvent);
    return Infinity;
  }
}
