// The way from a socket worker to a request worker and back: a ring of requests, a ring of
// responses, and a doorbell on each side. Every socket worker has a channel to every request
// worker. Nothing here waits: a message that finds no room is dropped and counted.

import type { Bytes } from "../memory/bytes.ts";
import { claimSleeper, ringDoorbell } from "../memory/doorbell.ts";
import { RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import { signalWakeEvent } from "../app/wake-event.ts";

// Some 1,700 announces and as many answers with 30 peers: what comes in the few milliseconds for
// which the system may leave a worker waiting for a core.
const REQUEST_RING_WORDS = 1 << 16;
const RESPONSE_RING_WORDS = 1 << 17;
const CHANNEL_WORDS = ringWords(REQUEST_RING_WORDS) + ringWords(RESPONSE_RING_WORDS);

const MAX_CHANNELS = Math.floor(2 ** 30 / CHANNEL_WORDS);

/**
 * Shared memory of all channels, zeroed: 0.75 MiB each. Throws a RangeError when they need more than
 * the 4 GiB of one shared memory, or than the system grants.
 */
export function allocateChannels(socketWorkers: number, requestWorkers: number): SharedArrayBuffer {
  const channels = socketWorkers * requestWorkers;
  const bytes = channels * CHANNEL_WORDS * 4;
  const explanation =
    `${socketWorkers} socket workers and ${requestWorkers} request workers have ${channels} ` +
    `channels of 0.75 MiB`;
  if (channels > MAX_CHANNELS) {
    throw new RangeError(`${explanation}; there may be ${MAX_CHANNELS}: lower either number`);
  }
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    throw new RangeError(`${explanation}, more than the system grants: lower either number`);
  }
}

/** Which channel, and the doorbell at its other end. */
export interface ChannelSetup {
  /** Index of the channel: the socket worker's times the request workers, plus the latter's. */
  readonly index: number;
  readonly control: Int32Array;
  /** The word in `control` at which the other end sleeps. */
  readonly doorbell: number;
  /** The eventfd in which the other end sleeps; negative when it sleeps at the doorbell itself. */
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

  /** Queues the `length` words of the request at `request[from]`; false when there is no room. */
  send(request: Int32Array, requestWord: number, count: number): boolean {
    const { requests } = this;
    const word = requests.reserve(count);
    if (word < 0) return false;
    for (let i = 0; i < count; i++) requests.words[word + i] = request[requestWord + i];
    requests.commit(count);
    this.#hasUnpublished = true;
    return true;
  }

  /** Shows what was queued to the request worker, and wakes it if it sleeps. */
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
  /** Responses that were published since the socket worker was woken last. */
  #unwoken = 0;
  /** When the first of them was, in milliseconds. */
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

  /** Queues the response written to the reserved place; `length` is what it came to, in words. */
  commit(count: number): void {
    this.responses.commit(count);
  }

  /**
   * Shows the `count` responses that were queued at `now`, in milliseconds, to the socket worker,
   * which sees them at once if it is awake.
   */
  publish(count: number, now: number): void {
    this.responses.publish();
    if (this.#unwoken === 0) this.#unwokenSince = now;
    this.#unwoken += count;
  }

  /**
   * Wakes the socket worker when `max` responses have been published since it was woken last, or the
   * first of them `maxMilliseconds` ago. Returns for how long that can wait: Infinity when there is
   * nothing to wake it for.
   */
  wakeWhenDue(max: number, maxMilliseconds: number, now: number): number {
    if (this.#unwoken === 0) return Infinity;
    const left = this.#unwokenSince + maxMilliseconds - now;
    if (left > 0 && this.#unwoken < max) return left;
    this.#unwoken = 0;
    const { control, doorbell, wakeEvent } = this.setup;
    if (wakeEvent < 0) ringDoorbell(control, doorbell);
    else if (claimSleeper(control, doorbell)) signalWakeEvent(wakeEvent);
    return Infinity;
  }
}
