// What the tracker does with one datagram: bytes in, bytes out. Knows no socket and no worker. A
// socket worker has requests read here; it or a request worker has them answered here.

import { INFO_HASH_WORDS } from "../swarm/layout.ts";
import { Prefetch } from "../swarm/prefetch.ts";
import { type Table, TABLE_FULL } from "../swarm/table.ts";
import { TOKEN } from "../memory/token-buckets.ts";
import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import type { ConnectionIds } from "./connection-id.ts";
import { type Exchange, OUTCOME, type Outcome } from "./exchange.ts";
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES,
  announceResponseBytes,
  ERRORS,
  hasProtocolId,
  HEADER_BYTES,
  maxRequestBytes,
  maxRequestWords,
  maxFittingPeers,
  maxFittingTorrents,
  maxResponseBytes,
  PACKET,
  peersHalf,
  readAnnounce,
  readScrape,
  scrapeResponseBytes,
  scrapeWords,
  writeAnnounceHead,
  writeError,
  writeScrapeCounts,
  writeScrapeHead,
} from "./packet.ts";
import type { RequestLimit } from "./request-limit.ts";
import { ANNOUNCE_REQUEST, REQUEST, SOURCE } from "./request.ts";

/**
 * Most announces to prefetch for at once, and most datagrams that a backend takes for it. Larger
 * batches save nothing more, and fall out of the processor's cache.
 */
export const MAX_BATCH = 64;

/** What the answers depend on, beside the tables. */
export interface HandlerSettings {
  readonly maxScrapeTorrents: number;
  readonly maxResponsePeers: number;
  /** Seconds. */
  readonly announceInterval: number;
}

/** Reads and answers requests for one worker. */
export class Handler {
  /** Bytes of a datagram that `read` looks at. */
  readonly maxRequestBytes: number;
  /** Words of the longest request record that `read` writes. */
  readonly maxRequestWords: number;
  /** Bytes that the memory for a response must have. */
  readonly maxResponseBytes: number;
  readonly #maxPeersIpv4: number;
  readonly #maxPeersIpv6: number;
  readonly #maxTorrentsIpv4: number;
  readonly #maxTorrentsIpv6: number;
  readonly #prefetchIpv4: Prefetch;
  readonly #prefetchIpv6: Prefetch;

  constructor(
    private readonly settings: HandlerSettings,
    private readonly ids: ConnectionIds,
    private readonly ipv4: Table,
    private readonly ipv6: Table,
    private readonly limit: RequestLimit | undefined,
    private readonly counters: Counters,
  ) {
    const { maxResponsePeers, maxScrapeTorrents } = settings;
    this.maxResponseBytes = maxResponseBytes(4);
    this.#maxPeersIpv4 = Math.min(maxResponsePeers, maxFittingPeers(4));
    this.#maxPeersIpv6 = Math.min(maxResponsePeers, maxFittingPeers(16));
    this.#maxTorrentsIpv4 = Math.min(maxScrapeTorrents, maxFittingTorrents(4));
    this.#maxTorrentsIpv6 = Math.min(maxScrapeTorrents, maxFittingTorrents(16));
    this.maxRequestBytes = maxRequestBytes(this.#maxTorrentsIpv4);
    this.maxRequestWords = maxRequestWords(this.#maxTorrentsIpv4);
    this.#prefetchIpv4 = new Prefetch(ipv4, MAX_BATCH);
    this.#prefetchIpv6 = new Prefetch(ipv6, MAX_BATCH);
  }

  /**
   * Reads the datagram of an exchange, whose source is in the request already. Writes the response, or
   * completes the request of an announce or a scrape, which `answer` is for.
   */
  read(exchange: Exchange): Outcome {
    const { input, inputWord, inputBytes, request, requestWord } = exchange;
    const source = requestWord + REQUEST.source;
    if (inputBytes < HEADER_BYTES || request[source + SOURCE.port] === 0) return this.#ignore();
    const { words } = input;
    const action = words[inputWord + PACKET.action];
    const address = source + SOURCE.address;
    const isIpv4 = request[source + SOURCE.addressBytes] === 4;
    // A host in an IPv6 network changes its address within the /64, and uses one id for all.
    const idWords = isIpv4 ? 1 : 2;

    if (action === ACTION_CONNECT) {
      if (!hasProtocolId(input, inputWord)) return this.#ignore();
      const { now, output, outputWord } = exchange;
      output.words[outputWord] = ACTION_CONNECT;
      output.words[outputWord + 1] = words[inputWord + PACKET.transaction];
      this.ids.write(output.words, outputWord + 2, request, address, idWords, now);
      exchange.responseBytes = 16;
      return OUTCOME.answered;
    }

    const isKnown = action === ACTION_ANNOUNCE || action === ACTION_SCRAPE;
    if (!this.ids.isValid(words, inputWord, request, address, idWords, exchange.now)) {
      if (!isKnown) return this.#ignore();
      this.counters.add(COUNTER.invalidConnection, 1);
      return this.#refuse(exchange, ERRORS.connection, inputBytes);
    }

    // From here on the sender has shown that it receives what is sent to its address.
    if (this.limit !== undefined) {
      const token = this.limit.take(request, address, idWords, exchange.now);
      if (token !== TOKEN.taken) {
        this.counters.add(COUNTER.rateLimited, 1);
        if (token === TOKEN.flood) return OUTCOME.ignored;
        return this.#refuse(exchange, ERRORS.rateLimited, inputBytes);
      }
    }
    return this.#readRequest(exchange, action, isIpv4);
  }

  /**
   * Prefetches from the tables what the `count` announces will need whose requests begin at the words
   * in `places`.
   */
  prefetch(requests: Int32Array, requestWords: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const word = requestWords[i];
      const isIpv4 = requests[word + SOURCE.addressBytes] === 4;
      (isIpv4 ? this.#prefetchIpv4 : this.#prefetchIpv6).add(word + REQUEST.announce);
    }
    this.#prefetchIpv4.run(requests);
    this.#prefetchIpv6.run(requests);
  }

  /** Writes the response to the request of an exchange, and returns its bytes. */
  answer(exchange: Exchange): number {
    const isAnnounce = exchange.request[exchange.requestWord + REQUEST.kind] === ANNOUNCE_REQUEST;
    return isAnnounce ? this.#announce(exchange) : this.#scrape(exchange);
  }

  #readRequest(exchange: Exchange, action: number, isIpv4: boolean): Outcome {
    const { inputBytes, request, requestWord } = exchange;
    let problem: Uint8Array = ERRORS.action;
    if (action === ACTION_ANNOUNCE) {
      const maxPeers = isIpv4 ? this.#maxPeersIpv4 : this.#maxPeersIpv6;
      if (inputBytes < ANNOUNCE_BYTES) problem = ERRORS.announceLength;
      else if (!readAnnounce(exchange, maxPeers)) problem = ERRORS.port;
      else {
        this.#tableOf(exchange).hashAnnounce(request, requestWord + REQUEST.announce);
        exchange.requestWords = REQUEST.announceWords;
        return OUTCOME.requested;
      }
    } else if (action === ACTION_SCRAPE) {
      const maxTorrents = isIpv4 ? this.#maxTorrentsIpv4 : this.#maxTorrentsIpv6;
      if (readScrape(exchange, maxTorrents)) {
        exchange.requestWords = scrapeWords(request[requestWord + REQUEST.hashCount]);
        return OUTCOME.requested;
      }
      problem = ERRORS.scrapeLength;
    }
    this.counters.add(COUNTER.malformed, 1);
    return this.#refuse(exchange, problem, this.maxResponseBytes);
  }

  #ignore(): Outcome {
    this.counters.add(COUNTER.malformed, 1);
    return OUTCOME.ignored;
  }

  // With an error of no more than so many bytes.
  #refuse(exchange: Exchange, message: Uint8Array, maxBytes: number): Outcome {
    const { input, inputWord, output, outputWord } = exchange;
    const transaction = input.words[inputWord + PACKET.transaction];
    exchange.responseBytes = writeError(output, outputWord, transaction, message, maxBytes);
    return OUTCOME.answered;
  }

  #tableOf({ request, requestWord }: Exchange): Table {
    return request[requestWord + SOURCE.addressBytes] === 4 ? this.ipv4 : this.ipv6;
  }

  #announce(exchange: Exchange): number {
    const { request, requestWord, output, outputWord } = exchange;
    const table = this.#tableOf(exchange);
    const tick = exchange.now & 0xffff;
    const announce = requestWord + REQUEST.announce;
    const transaction = request[requestWord + REQUEST.transaction];
    const peers = table.announce(request, announce, tick, output.halves, peersHalf(outputWord));
    if (peers < 0) {
      const isTableFull = peers === TABLE_FULL;
      this.counters.add(isTableFull ? COUNTER.tableFull : COUNTER.addressFull, 1);
      const message = isTableFull ? ERRORS.full : ERRORS.addressFull;
      return writeError(output, outputWord, transaction, message, this.maxResponseBytes);
    }
    const { announceInterval } = this.settings;
    const { leechers, seeders } = table.result;
    writeAnnounceHead(output, outputWord, transaction, announceInterval, leechers, seeders);
    return announceResponseBytes(peers, request[requestWord + SOURCE.addressBytes]);
  }

  #scrape(exchange: Exchange): number {
    const { request, requestWord, output, outputWord } = exchange;
    const table = this.#tableOf(exchange);
    const count = request[requestWord + REQUEST.hashCount];
    writeScrapeHead(output, outputWord, request[requestWord + REQUEST.transaction]);
    for (let i = 0; i < count; i++) {
      table.scrape(request, requestWord + REQUEST.hashes + i * INFO_HASH_WORDS);
      writeScrapeCounts(output, outputWord, i, table.result.seeders, table.result.leechers);
    }
    return scrapeResponseBytes(count);
  }
}
