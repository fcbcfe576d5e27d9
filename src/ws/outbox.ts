// The frames that wait for one client that does not read, up to a limit: beyond it the oldest
// offers go first.

import { KIND, type Kind } from "./deliveries.ts";
import { frameBytes } from "./socket/frame.ts";

/** Memory comes in steps of so many bytes, so that little of it is unused. */
const STEP_BYTES = 2 ** 13;

export class Outbox {
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the bytes that have not been sent begin and end. */
  #start = 0;
  #end = 0;
  /** Where frames with offers begin, from the oldest on. */
  readonly #offers: number[] = [];

  /** `maxBytes`: bytes that may wait. */
  constructor(private readonly maxBytes: number) {}

  /** Bytes that wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether so much waits that no offers should be added. */
  get isFull(): boolean {
    return this.length > this.maxBytes / 2;
  }

  /** Whether more waits than may. */
  get isOver(): boolean {
    return this.length > this.maxBytes;
  }

  /** Adds the frame from `start` to before `end` of `bytes`. */
  add(kind: Kind, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.#bytes.length) this.#makeRoom(length);
    if (kind === KIND.offer) this.#offers.push(this.#end);
    bytes.copy(this.#bytes, this.#end, start, end);
    this.#end += length;
  }

  /** Notes that `count` more bytes have been sent. */
  advance(count: number): void {
    this.#start += count;
  }

  /** Writes what waits. Returns how many bytes were sent. */
  send(write: (bytes: Buffer, start: number, end: number) => number): number {
    const sent = write(this.#bytes, this.#start, this.#end);
    this.#start += sent;
    return sent;
  }

  /**
   * Drops the oldest offers, but none of which a part is sent, until no more than half of what may
   * wait does. Returns how many were dropped.
   */
  dropOffers(): number {
    const bytes = this.#bytes;
    const offers = this.#offers.splice(0);
    let excess = this.length - this.maxBytes / 2;
    let dropped = 0;
    // What stays moves down over what is dropped.
    let kept = this.#start;
    let moved = this.#start;
    for (const offer of offers) {
      if (offer < this.#start) continue;
      kept += bytes.copy(bytes, kept, moved, offer);
      moved = offer;
      if (excess > 0) {
        const length = frameBytes(bytes, offer);
        excess -= length;
        moved += length;
        dropped++;
      } else {
        this.#offers.push(kept);
      }
    }
    this.#end = kept + bytes.copy(bytes, kept, moved, this.#end);
    return dropped;
  }

  #makeRoom(length: number): void {
    const needed = this.length + length;
    const isEnough = needed <= this.#bytes.length / 2;
    const size = Math.ceil(needed / STEP_BYTES) * STEP_BYTES;
    const to = isEnough ? this.#bytes : Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(to, 0, this.#start, this.#end);
    const offers = this.#offers.splice(0);
    for (const offer of offers) if (offer >= this.#start) this.#offers.push(offer - this.#start);
    this.#bytes = to;
    this.#end -= this.#start;
    this.#start = 0;
  }
}
