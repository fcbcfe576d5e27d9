// One datagram and its response on their way through the handler: their positions, and the result.
// Each worker has one object and fills it for every datagram, so that nothing is allocated and no
// function takes eight arguments; see swarm/table-result.ts.

import type { Bytes } from "../memory/bytes.ts";

/** Results of reading a datagram. */
export const OUTCOME = {
  /** The datagram is counted and gets no response. */
  ignored: 0,
  /** The response is written, `responseBytes` long. */
  answered: 1,
  /** An announce or a scrape, whose request is complete and must be answered. */
  requested: 2,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

export class Exchange {
  /** The datagram: `inputBytes` bytes from `input.words[inputWord]` on. */
  input: Bytes;
  inputWord = 0;
  inputBytes = 0;
  /** The request, from `request[requestWord]` on. It begins with the source, see request.ts. */
  request: Int32Array;
  requestWord = 0;
  /** Words of the request once it is complete. */
  requestWords = 0;
  /** The response, from `output.words[outputWord]` on. */
  output: Bytes;
  outputWord = 0;
  /** Bytes of the response once it is written. */
  responseBytes = 0;
  /** Seconds since the tracker started. */
  now = 0;

  constructor(input: Bytes, request: Int32Array, output: Bytes) {
    this.input = input;
    this.request = request;
    this.output = output;
  }
}
