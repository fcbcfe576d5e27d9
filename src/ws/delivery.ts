// Delivers messages to connections, of this worker or of another, and sends all of one turn of the
// event loop at its end.

import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import type { Channels } from "./channel.ts";
import type { Clients } from "./clients.ts";
import { type ConnectionName, NO_LINK, workerOf } from "./connections.ts";
import type { Deliveries, Kind } from "./deliveries.ts";
import type { Latency } from "./latency.ts";
import type { Draft } from "./message/draft.ts";
import type { Outgoing } from "./outgoing.ts";
import type { TrackerClock } from "./tracker-clock.ts";

/** Milliseconds until a question for which another worker has no room is sent again. */
const RETRY_MILLISECONDS = 10;

/** What deliveries work with. */
export interface DeliveryParts {
  readonly clients: Clients;
  readonly outgoing: Outgoing;
  readonly channels: Channels;
  /** Contains the message to be delivered. */
  readonly draft: Draft;
  readonly latency: Latency;
  readonly clock: TrackerClock;
  readonly counters: Counters;
}

export class Delivery implements Deliveries {
  #isFlushDue = false;
  #isRetryDue = false;

  constructor(
    private readonly worker: number,
    private readonly parts: DeliveryParts,
    /** The number of the link thread, whose connections are other nodes. */
    private readonly linkWorker = NO_LINK,
  ) {}

  /** Sends the draft to a connection, unless its generation has ended. See Deliveries. */
  deliver(name: ConnectionName, generation: number, kind: Kind, route?: Int32Array): void {
    const { channels, counters, draft } = this.parts;
    const worker = workerOf(name);
    if (worker === this.worker) {
      return this.deliverHere(name, generation, kind, draft.bytes, 0, draft.length);
    }
    const isTaken =
      worker === this.linkWorker
        ? channels.relayToNode(worker, name, generation, kind, route!, draft)
        : channels.relay(worker, name, generation, kind, draft);
    if (isTaken) return this.scheduleFlush();
    counters.add(COUNTER.queueFull, 1);
  }

  /** Sends the message of `length` bytes at `bytes[start]` to a connection of this worker. */
  deliverHere(
    name: ConnectionName,
    generation: number,
    kind: Kind,
    bytes: Buffer,
    start: number,
    length: number,
  ): void {
    const client = this.parts.clients.find(name, generation);
    if (client === undefined) return;
    this.parts.outgoing.push(client, kind, bytes, start, length);
    this.scheduleFlush();
  }

  /** Flushes at the end of this turn of the event loop. */
  scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.flush();
    });
  }

  /** Whether something waits for a flush, perhaps. */
  get isFlushDue(): boolean {
    return this.#isFlushDue;
  }

  /** Flushes now if what waits cannot wait for the end of the turn. Call this between messages. */
  flushIfUrgent(): void {
    if (this.parts.outgoing.isUrgent) this.flush();
  }

  /** Sends all that waits to be sent. */
  flush(): void {
    const { channels, clock, counters, latency, outgoing } = this.parts;
    if (!channels.flush()) this.#scheduleRetry();
    if (outgoing.flush(clock.now)) counters.add(COUNTER.batches, 1);
    latency.end();
  }

  // There may be no other reason for a flush, and somebody waits for the answer.
  #scheduleRetry(): void {
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    setTimeout(() => {
      this.#isRetryDue = false;
      this.scheduleFlush();
    }, RETRY_MILLISECONDS);
  }
}
