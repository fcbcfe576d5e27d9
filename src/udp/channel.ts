// The way from a socket worker to a request worker and back: a ring of requests, a ring of
// responses, and a doorbell on each side. Every socket worker has a channel to every request
// worker. Nothing here waits: a message that finds no room is dropped and counted.

import type { Bytes } from "../memory/bytes.ts";
import { claimSleeper, ringDoorbell } from "../memory/doorbell.ts";
import { RingReader, ringWords, RingWriter } from "../memory/ring.ts";
import { signalWakeEvent } from "./wake-event.ts";

// Some 1,700 announces and as many answers with 30 peers: what comes in the few milliseconds for
// which the system may leave a worker waiting for a core.
const REQUEST_RING_WORDS = 1 << 16;
const RESPONSE_RING_WORDS = 1 << 17;
const CHANNEL_WORDS = ringWords(REQUEST_RING_WORDS) + ringWords(RESPONSE_RING_WORDS);

/** Shared memory of all channels, zeroed. */
export function allocateChannels(socketWorkers: number, requestWorkers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(socketWorkers * requestWorkers * CHANNEL_WORDS * 4);
}

/** Which channel, and the doorbell at its other end. */
export interface ChannelPlace {
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
    private readonly place: ChannelPlace,
  ) {
    const base = place.index * CHANNEL_WORDS;
    const { words } = channels;
    this.requests = new RingWriter(words, base, REQUEST_RING_WORDS);
    this.responses = new RingReader(
      words,
      base + ringWords(REQUEST_RING_WORDS),
      RESPONSE_RING_WORDS,
    );
  }

  /** Queues the `length` words of the request at `request[from]`; false when there is no room. */
  send(request: Int32Array, from: number, length: number): boolean {
    const { requests } = this;
    const at = requests.reserve(length);
    if (at < 0) return false;
    for (let i = 0; i < length; i++) requests.words[at + i] = request[from + i];
    requests.commit(length);
    this.#hasUnpublished = true;
    return true;
  }

  /** Shows what was queued to the request worker, and wakes it if it sleeps. */
  flush(): void {
    if (!this.#hasUnpublished) return;
    this.#hasUnpublished = false;
    this.requests.publish();
    ringDoorbell(this.place.control, this.place.doorbell);
  }
}

/** A request worker's end of a channel. */
export class RequestEnd {
  readonly requests: RingReader;
  readonly responses: RingWriter;
  #hasUnpublished = false;
  #mayAwait = false;

  constructor(
    channels: Bytes,
    private readonly place: ChannelPlace,
  ) {
    const base = place.index * CHANNEL_WORDS;
    const { words } = channels;
    this.requests = new RingReader(words, base, REQUEST_RING_WORDS);
    this.responses = new RingWriter(
      words,
      base + ringWords(REQUEST_RING_WORDS),
      RESPONSE_RING_WORDS,
    );
  }

  /** Queues the response written to the reserved place; `length` is what it came to, in words. */
  commit(length: number): void {
    this.responses.commit(length);
    this.#hasUnpublished = true;
  }

  /** Shows what was queued to the socket worker, which sees it at once if it is awake. */
  publish(): void {
    if (!this.#hasUnpublished) return;
    this.#hasUnpublished = false;
    this.#mayAwait = true;
    this.responses.publish();
  }

  /** Wakes the socket worker, if it sleeps over what was published since it was woken last. */
  wake(): void {
    if (!this.#mayAwait) return;
    this.#mayAwait = false;
    const { control, doorbell, wakeEvent } = this.place;
    if (wakeEvent < 0) ringDoorbell(control, doorbell);
    else if (claimSleeper(control, doorbell)) signalWakeEvent(wakeEvent);
  }
}
