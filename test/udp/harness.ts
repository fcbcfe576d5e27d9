// The handler with plain datagrams in and out, for the tests of src/udp and the fuzzer. It uses the
// handler like a socket worker and a request worker, and checks the memory around the responses.

import { allocateCounters, Counters, sumCounter } from "../../src/app/counters.ts";
import type { Counter } from "../../src/app/metrics.ts";
import { Bytes } from "../../src/memory/bytes.ts";
import { TOKEN_BUCKET_WORDS } from "../../src/memory/token-buckets.ts";
import { AccessList, allocateAccessList } from "../../src/swarm/access-list.ts";
import { Random } from "../../src/memory/random.ts";
import type { TableLimits } from "../../src/swarm/layout.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { ChangeWriter } from "../../src/udp/changes.ts";
import { ConnectionIds } from "../../src/udp/connection-id.ts";
import { Exchange, OUTCOME } from "../../src/udp/exchange.ts";
import { Handler, type HandlerSettings } from "../../src/udp/handler.ts";
import { RequestLimit } from "../../src/udp/request-limit.ts";
import { REQUEST, SOURCE } from "../../src/udp/request.ts";
import {
  type AddressBytes,
  type AnnounceRequest,
  buildAnnounce,
  buildConnect,
  buildScrape,
  parseResponse,
  type Response,
} from "../support/bep15.ts";

/** The sender of a datagram. */
export interface Source {
  /** 4 or 16 bytes. */
  readonly address: readonly number[];
  readonly port: number;
}

export interface HarnessOptions extends Partial<HandlerSettings> {
  maxConnectionAge?: number;
  limits?: TableLimits;
  key?: [number, number];
  seed?: number;
  /** Requests per second from one address; unlimited by default. */
  maxRequestsPerSecond?: number;
  /** Where changes go, see changes.ts. */
  changes?: SharedArrayBuffer;
  maxPeerAge?: number;
}

/** The same key for every period. */
export function repeatKey(key: readonly number[]): Int32Array {
  // The age of the keys at the start is the last word.
  return new Int32Array([...[1, 2, 3].flatMap((period) => [period, ...key, 0]), 0]);
}

/** Client number `host` of 10.0.0.0/8, or of 2001:db8::/32, where 256 hosts share a /64. */
export function source(addressBytes: AddressBytes, host = 1, port = 1000): Source {
  const bytes = Array.from({ length: addressBytes }, () => 0);
  bytes.splice(0, addressBytes / 4, ...(addressBytes === 4 ? [10] : [0x20, 1, 0x0d, 0xb8]));
  bytes.splice(-2, 2, host >> 8, host & 0xff);
  if (addressBytes === 16) bytes[7] = host >> 8;
  return { address: bytes, port };
}

/** The address of a client in the format of `parseResponse`. */
export function textOf({ address }: Source): string {
  if (address.length === 4) return address.join(".");
  const host = (address[14] << 8) | address[15];
  const network = address[7] === 0 ? "" : `:0:${address[7].toString(16)}`;
  return `2001:db8${network}::${host.toString(16)}`;
}

// All positions are odd, so that code that ignores one of them fails.
const INPUT_WORD = 3;
const REQUEST_WORD = 5;
const OUTPUT_WORD = 7;
const GUARD = 0xa5;

/** One handler, its tables and its clock. */
export class HandlerHarness {
  /** The clock, in seconds. */
  now = 1000;
  readonly handler: Handler;
  readonly tables: Readonly<Record<AddressBytes, Table>>;
  readonly accessList = allocateAccessList(10);
  readonly #counters: SharedArrayBuffer;
  readonly #input: Bytes;
  readonly #output: Bytes;

  constructor(options: HarnessOptions = {}) {
    const { limits = { maxTorrents: 1000, maxPeers: 10_000 }, seed = 1 } = options;
    const { key = [0x03020100, 0x07060504], maxConnectionAge = 300 } = options;
    const { maxRequestsPerSecond } = options;
    const tokenKey = new Int32Array([seed, 9]);
    const { announceInterval = 900, maxResponsePeers = 50, maxScrapeTorrents = 5 } = options;
    const openTable = (addressBytes: AddressBytes): Table => {
      const tableKey = new Int32Array([seed, addressBytes]);
      return new Table(createTable(addressBytes, limits, tableKey), new Random(seed, 0, 0));
    };
    this.tables = { 4: openTable(4), 16: openTable(16) };
    this.#counters = allocateCounters(2);
    const { changes, maxPeerAge = 1200 } = options;
    const counters = new Counters(this.#counters, 1);
    this.handler = new Handler(
      { announceInterval, maxResponsePeers, maxScrapeTorrents },
      new ConnectionIds(repeatKey(key), maxConnectionAge),
      this.tables,
      maxRequestsPerSecond === undefined
        ? undefined
        : new RequestLimit(new Int32Array(TOKEN_BUCKET_WORDS), tokenKey, maxRequestsPerSecond),
      counters,
      {
        access: new AccessList(this.accessList),
        changes: changes && new ChangeWriter(changes, 0, counters, maxPeerAge),
      },
    );
    const { maxRequestBytes, maxResponseBytes } = this.handler;
    this.#input = Bytes.allocate(INPUT_WORD * 4 + maxRequestBytes);
    this.#output = Bytes.allocate(OUTPUT_WORD * 4 + maxResponseBytes + 32);
  }

  /** Sends a datagram and returns the bytes of the response, none if there is no response. */
  send(datagram: Uint8Array, from: Source): Buffer {
    const { handler } = this;
    const { maxRequestBytes, maxRequestWords, maxResponseBytes } = handler;
    const input = this.#input;
    const output = this.#output;
    const start = OUTPUT_WORD * 4;
    // The handler must neither read nor send what earlier datagrams left behind.
    input.bytes.fill(GUARD);
    output.bytes.fill(GUARD);
    const length = Math.min(datagram.length, maxRequestBytes);
    input.bytes.set(datagram.subarray(0, length), INPUT_WORD * 4);

    const request = new Int32Array(REQUEST_WORD + maxRequestWords).fill(-1);
    writeSource(request.subarray(REQUEST_WORD + REQUEST.source), from);
    const exchange = new Exchange(input, request, output);
    exchange.inputWord = INPUT_WORD;
    exchange.inputBytes = length;
    exchange.requestWord = REQUEST_WORD;
    exchange.outputWord = OUTPUT_WORD;
    exchange.now = this.now;
    const outcome = handler.read(exchange);
    let bytes = outcome === OUTCOME.answered ? exchange.responseBytes : 0;
    if (outcome === OUTCOME.requested) {
      // Only these words go over the ring to a request worker.
      exchange.request = request.slice(0, REQUEST_WORD + exchange.requestWords);
      bytes = handler.answer(exchange);
    }
    const writable = outcome === OUTCOME.requested ? maxResponseBytes : Math.max(bytes, 16);
    checkGuard(output.bytes.subarray(0, start));
    checkGuard(output.bytes.subarray(start + writable));
    return Buffer.from(output.bytes.subarray(start, start + bytes));
  }

  /** The same, but returns the parsed response, or undefined if there is none. */
  ask(datagram: Uint8Array, from: Source): Response | undefined {
    const answer = this.send(datagram, from);
    if (answer.length === 0) return undefined;
    return parseResponse(answer, from.address.length === 4 ? 4 : 16);
  }

  /** Returns a connection id for the client. */
  connect(from: Source): bigint {
    const response = this.ask(buildConnect(), from);
    if (response?.kind !== "connect") throw new Error("no connection id");
    return response.connectionId;
  }

  /** Announces with a new connection id. */
  announce(from: Source, request: Omit<AnnounceRequest, "connectionId">) {
    return this.ask(buildAnnounce({ connectionId: this.connect(from), ...request }), from);
  }

  /** Announces with the connection id of an earlier connect. */
  announceWith(from: Source, request: AnnounceRequest) {
    return this.ask(buildAnnounce(request), from);
  }

  /** Scrapes with a new connection id. */
  scrape(from: Source, infoHashes: Uint8Array[]) {
    return this.ask(buildScrape({ connectionId: this.connect(from), infoHashes }), from);
  }

  count(counter: Counter): number {
    return sumCounter(this.#counters, counter);
  }
}

function writeSource(words: Int32Array, { address, port }: Source): void {
  words[SOURCE.port] = port;
  words[SOURCE.addressBytes] = address.length;
  new Uint8Array(words.buffer, words.byteOffset + SOURCE.address * 4, 16).set(address);
}

function checkGuard(bytes: Uint8Array): void {
  const offset = bytes.findIndex((byte) => byte !== GUARD);
  if (offset >= 0) throw new Error(`byte ${offset} outside the response was written`);
}
