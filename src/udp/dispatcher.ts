// Decides who answers a datagram: the socket worker that received it, or a request worker over a
// channel. One for each socket worker, called by its socket backend.

import { COUNTER, type Counters } from "../app/counters.ts";
import { Bytes } from "../memory/bytes.ts";
import type { SocketEnd } from "./channel.ts";
import type { Handler } from "./handler.ts";
import { REQUEST } from "./request.ts";

/** Sends datagrams the way they have to go. */
export class Dispatcher {
  /** Where the backend writes the source of a datagram before `receive`: see SOURCE. */
  readonly request: Bytes;

  constructor(
    readonly handler: Handler,
    /** Channels to the request workers; none when the socket workers answer by themselves. */
    private readonly channels: readonly SocketEnd[],
    private readonly counters: Counters,
  ) {
    this.request = Bytes.allocate(handler.mostRequestWords * 4);
  }

  /** Whether responses come back by way of `takeResponses`. */
  get isRelaying(): boolean {
    return this.channels.length > 0;
  }

  /**
   * Takes the datagram of `length` bytes at `input.words[packet]`, received at second `now`.
   * Returns the bytes of the response written to `output.words[response]`, to be sent to the
   * source; 0 when there is none, or none yet.
   */
  receive(
    input: Bytes,
    packet: number,
    length: number,
    output: Bytes,
    response: number,
    now: number,
  ): number {
    const { handler } = this;
    const request = this.request.words;
    this.counters.add(COUNTER.requests, 1);
    this.counters.add(COUNTER.bytesIn, length);
    const result = handler.read(input, packet, length, request, 0, output, response, now);
    if (result >= 0) return result;
    if (this.channels.length === 0) return handler.answer(request, 0, output, response, now);
    this.#relay(request, -result);
    return 0;
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
  #relay(request: Int32Array, length: number): void {
    const hash = request[REQUEST.routing] >>> 0;
    if (!this.channels[hash % this.channels.length].send(request, length)) {
      this.counters.add(COUNTER.queueFull, 1);
    }
  }
}
