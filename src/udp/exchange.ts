// One datagram and its response on their way through the handler: where each of them is, and what
// came of it. One object for each worker, used again for every datagram, so that nothing is allocated
// and no function takes eight arguments.

import type { Bytes } from "../memory/bytes.ts";

/** What reading a datagram came to. */
export const OUTCOME = {
  /** It is counted, and gets no response. */
  ignored: 0,
  /** `responseBytes` of response have been written. */
  answered: 1,
  /** An announce or a scrape: its request is complete, and has to be answered. */
  requested: 2,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

export class Exchange {
  /** The datagram, `inputBytes` bytes from `input.words[inputWord]` on. */
  input: Bytes;
  inputWord = 0;
  inputBytes = 0;
  /** The request, which begins with the source (see request.ts), from `request[requestWord]` on. */
  request: Int32Array;
  requestWord = 0;
  /** Words of the request, once it is complete. */
  requestWords = 0;
  /** The response, from `output.words[outputWord]` on. */
  output: Bytes;
  outputWord = 0;
  /** Bytes of it, once it is written. */
  responseBytes = 0;
  /** Seconds since the tracker started. */
  now = 0;

  constructor(input: Bytes, request: Int32Array, output: Bytes) {
    this.input = input;
    this.request = request;
    this.output = output;
  }
}
