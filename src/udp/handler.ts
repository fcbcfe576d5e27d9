// Handles one datagram: bytes in, bytes out. Knows no socket and no worker. A socket worker reads
// requests here; the same worker or a request worker answers them here.

import type { AccessList } from "../swarm/access-list.ts";
import { ANNOUNCE, INFO_HASH_WORDS } from "../swarm/layout.ts";
import { type Table, TABLE_FULL } from "../swarm/table.ts";
import { TOKEN } from "../memory/token-buckets.ts";
import type { ClientSampler } from "../app/client-samples.ts";
import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import {
  type AddressFamily,
  type ByFamily,
  createAddressFamily,
  limitFamily,
} from "./address-family.ts";
import type { ChangeWriter } from "./changes.ts";
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
  maxFittingTorrents,
  HEADER_BYTES,
  maxRequestBytes,
  maxRequestWords,
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
 * Maximum number of announces to prefetch for at once, and of datagrams that a backend receives at
 * once. Larger batches save nothing more and exceed the processor's cache.
 */
export const MAX_BATCH = 64;

/** Settings that determine the responses. */
export interface HandlerSettings {
  readonly maxScrapeTorrents: number;
  readonly maxResponsePeers: number;
  /** Seconds. */
  readonly announceInterval: number;
}

/** What a handler asks and tells beside its tables. */
export interface HandlerExtras {
  /** Which torrents are served. */
  readonly access: AccessList;
  /** Where announces are sampled, if they are. */
  readonly clients?: ClientSampler;
  /** Where announces are noted that other nodes of a cluster must know, if there is one. */
  readonly changes?: ChangeWriter;
}

/** Reads and answers requests for one worker. */
export class Handler {
  /** Maximum number of bytes of a datagram that `read` looks at. */
  readonly maxRequestBytes: number;
  /** Maximum number of words of a request that `read` writes. */
  readonly maxRequestWords: number;
  /** Bytes of memory that a response needs. */
  readonly maxResponseBytes: number;
  readonly #ipv4: AddressFamily;
  readonly #ipv6: AddressFamily;

  constructor(
    private settings: HandlerSettings,
    private readonly ids: ConnectionIds,
    tables: ByFamily<Table>,
    private readonly limit: RequestLimit | undefined,
    private readonly counters: Counters,
    private readonly extras: HandlerExtras,
  ) {
    this.#ipv4 = createAddressFamily(4, tables[4], MAX_BATCH, settings);
    this.#ipv6 = createAddressFamily(16, tables[16], MAX_BATCH, settings);
    // IPv4 has the shorter header, so its responses have more room.
    this.maxResponseBytes = maxResponseBytes(4);
    const maxTorrents = maxFittingTorrents(4);
    this.maxRequestBytes = maxRequestBytes(maxTorrents);
    this.maxRequestWords = maxRequestWords(maxTorrents);
  }

  /** Changes the settings for all later requests. */
  configure(settings: HandlerSettings): void {
    this.settings = settings;
    limitFamily(this.#ipv4, 4, settings);
    limitFamily(this.#ipv6, 16, settings);
  }

  /**
   * Reads the datagram of an exchange, whose source is in the request already. Writes the response,
   * or completes the request of an announce or a scrape for `answer`.
   */
  read(exchange: Exchange): Outcome {
    const { input, inputWord, inputBytes, request, requestWord } = exchange;
    const source = requestWord + REQUEST.source;
    if (inputBytes < HEADER_BYTES || request[source + SOURCE.port] === 0) return this.#ignore();
    const { words } = input;
    const action = words[inputWord + PACKET.action];
    const address = source + SOURCE.address;
    const family = this.#familyOf(request, source);
    const { networkWords } = family;

    if (action === ACTION_CONNECT) {
      if (!hasProtocolId(input, inputWord)) return this.#ignore();
      const { now, output, outputWord } = exchange;
      output.words[outputWord] = ACTION_CONNECT;
      output.words[outputWord + 1] = words[inputWord + PACKET.transaction];
      this.ids.write(output.words, outputWord + 2, request, address, networkWords, now);
      exchange.responseBytes = 16;
      this.counters.add(family.counters.connects, 1);
      return OUTCOME.answered;
    }

    const isKnown = action === ACTION_ANNOUNCE || action === ACTION_SCRAPE;
    if (!this.ids.isValid(words, inputWord, request, address, networkWords, exchange.now)) {
      if (!isKnown) return this.#ignore();
      this.counters.add(COUNTER.invalidConnection, 1);
      return this.#refuse(exchange, family, ERRORS.connection, inputBytes);
    }

    // From here on, the sender has proved that it receives packets at its address.
    if (this.limit !== undefined) {
      const token = this.limit.take(request, address, networkWords, exchange.now);
      if (token !== TOKEN.taken) {
        this.counters.add(COUNTER.rateLimited, 1);
        if (token === TOKEN.flood) return OUTCOME.ignored;
        return this.#refuse(exchange, family, ERRORS.rateLimited, inputBytes);
      }
    }
    return this.#readRequest(exchange, action, family);
  }

  /**
   * Prefetches what the tables need for `count` announces, whose requests begin at `requestWords`.
   */
  prefetch(requests: Int32Array, requestWords: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const word = requestWords[i];
      this.#familyOf(requests, word + REQUEST.source).prefetch.add(word + REQUEST.announce);
    }
    this.#ipv4.prefetch.run(requests);
    this.#ipv6.prefetch.run(requests);
  }

  /** Writes the response to the request of an exchange and returns its bytes. */
  answer(exchange: Exchange): number {
    const isAnnounce = exchange.request[exchange.requestWord + REQUEST.kind] === ANNOUNCE_REQUEST;
    return isAnnounce ? this.#announce(exchange) : this.#scrape(exchange);
  }

  /** Ends a batch: other nodes can see what has changed. */
  publishChanges(): void {
    this.extras.changes?.publish();
  }

  #readRequest(exchange: Exchange, action: number, family: AddressFamily): Outcome {
    const { inputBytes, request, requestWord } = exchange;
    let problem: Uint8Array = ERRORS.action;
    if (action === ACTION_ANNOUNCE) {
      if (inputBytes < ANNOUNCE_BYTES) problem = ERRORS.announceLength;
      else if (!readAnnounce(exchange, family.maxPeers)) problem = ERRORS.port;
      else if (
        !this.extras.access.allows(request, requestWord + REQUEST.announce + ANNOUNCE.infoHash)
      ) {
        return this.#forbid(exchange, family);
      } else {
        this.extras.clients?.add(exchange.input.words, exchange.inputWord + PACKET.peerId);
        family.table.hashAnnounce(request, requestWord + REQUEST.announce);
        exchange.requestWords = REQUEST.announceWords;
        return OUTCOME.requested;
      }
    } else if (action === ACTION_SCRAPE) {
      if (readScrape(exchange, family.maxTorrents)) {
        if (!this.#allowsAny(request, requestWord)) return this.#forbid(exchange, family);
        exchange.requestWords = scrapeWords(request[requestWord + REQUEST.hashCount]);
        return OUTCOME.requested;
      }
      problem = ERRORS.scrapeLength;
    }
    this.counters.add(COUNTER.malformed, 1);
    return this.#refuse(exchange, family, problem, this.maxResponseBytes);
  }

  #forbid(exchange: Exchange, family: AddressFamily): Outcome {
    this.counters.add(COUNTER.forbidden, 1);
    return this.#refuse(exchange, family, ERRORS.forbidden, this.maxResponseBytes);
  }

  // Whether one of the torrents of a scrape is served. The others have no peers.
  #allowsAny(request: Int32Array, requestWord: number): boolean {
    const count = request[requestWord + REQUEST.hashCount];
    for (let i = 0; i < count; i++) {
      if (this.extras.access.allows(request, requestWord + REQUEST.hashes + i * INFO_HASH_WORDS))
        return true;
    }
    return false;
  }

  #ignore(): Outcome {
    this.counters.add(COUNTER.malformed, 1);
    return OUTCOME.ignored;
  }

  // Answers with an error of at most `maxBytes` bytes.
  #refuse(
    exchange: Exchange,
    family: AddressFamily,
    message: Uint8Array,
    maxBytes: number,
  ): Outcome {
    this.counters.add(family.counters.errors, 1);
    const { input, inputWord, output, outputWord } = exchange;
    const transaction = input.words[inputWord + PACKET.transaction];
    exchange.responseBytes = writeError(output, outputWord, transaction, message, maxBytes);
    return OUTCOME.answered;
  }

  #familyOf(request: Int32Array, sourceWord: number): AddressFamily {
    return request[sourceWord + SOURCE.addressBytes] === 4 ? this.#ipv4 : this.#ipv6;
  }

  #announce(exchange: Exchange): number {
    const { request, requestWord, output, outputWord } = exchange;
    const { counters, table } = this.#familyOf(request, requestWord + REQUEST.source);
    const tick = exchange.now & 0xffff;
    const announce = requestWord + REQUEST.announce;
    const transaction = request[requestWord + REQUEST.transaction];
    const peers = table.announce(request, announce, tick, output.halves, peersHalf(outputWord));
    if (peers < 0) {
      const isTableFull = peers === TABLE_FULL;
      this.counters.add(isTableFull ? COUNTER.tableFull : COUNTER.addressFull, 1);
      this.counters.add(counters.errors, 1);
      const message = isTableFull ? ERRORS.full : ERRORS.addressFull;
      return writeError(output, outputWord, transaction, message, this.maxResponseBytes);
    }
    this.counters.add(counters.announces, 1);
    const { changes } = this.extras;
    if (changes !== undefined) {
      changes.add(request, announce, table.blocks.stride, table.result, exchange.now);
    }
    const { announceInterval } = this.settings;
    const { leechers, seeders } = table.result;
    writeAnnounceHead(output, outputWord, transaction, announceInterval, leechers, seeders);
    return announceResponseBytes(peers, request[requestWord + SOURCE.addressBytes]);
  }

  #scrape(exchange: Exchange): number {
    const { request, requestWord, output, outputWord } = exchange;
    const { counters, table } = this.#familyOf(request, requestWord + REQUEST.source);
    this.counters.add(counters.scrapes, 1);
    const count = request[requestWord + REQUEST.hashCount];
    writeScrapeHead(output, outputWord, request[requestWord + REQUEST.transaction]);
    for (let i = 0; i < count; i++) {
      table.scrape(request, requestWord + REQUEST.hashes + i * INFO_HASH_WORDS);
      writeScrapeCounts(output, outputWord, i, table.result.seeders, table.result.leechers);
    }
    return scrapeResponseBytes(count);
  }
}
