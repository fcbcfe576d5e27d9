// What the tracker does with one datagram: bytes in, bytes out. Knows no socket and no worker. A
// socket worker has requests read here; it or a request worker has them answered here.

import type { Bytes } from "../memory/bytes.ts";
import { INFO_HASH_WORDS } from "../swarm/layout.ts";
import { Prefetch } from "../swarm/prefetch.ts";
import { type Table, TABLE_FULL } from "../swarm/table.ts";
import { TOKEN } from "../memory/token-buckets.ts";
import type { Counters } from "../app/counters.ts";
import { COUNTER } from "../app/metrics.ts";
import type { ConnectionIds } from "./connection-id.ts";
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES,
  announceResponseBytes,
  ERRORS,
  hasProtocolId,
  HEADER_BYTES,
  mostRequestBytes,
  mostRequestWords,
  maxFittingPeers,
  maxFittingTorrents,
  maxResponseBytes,
  PACKET,
  peersOffset,
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
export const MOST_IN_BATCH = 64;

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
  readonly mostRequestBytes: number;
  /** Words of the longest request record that `read` writes. */
  readonly mostRequestWords: number;
  /** Bytes that the memory for a response must have. */
  readonly mostResponseBytes: number;
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
    this.mostResponseBytes = maxResponseBytes(4);
    this.#maxPeersIpv4 = Math.min(maxResponsePeers, maxFittingPeers(4));
    this.#maxPeersIpv6 = Math.min(maxResponsePeers, maxFittingPeers(16));
    this.#maxTorrentsIpv4 = Math.min(maxScrapeTorrents, maxFittingTorrents(4));
    this.#maxTorrentsIpv6 = Math.min(maxScrapeTorrents, maxFittingTorrents(16));
    this.mostRequestBytes = mostRequestBytes(this.#maxTorrentsIpv4);
    this.mostRequestWords = mostRequestWords(this.#maxTorrentsIpv4);
    this.#prefetchIpv4 = new Prefetch(ipv4, MOST_IN_BATCH);
    this.#prefetchIpv6 = new Prefetch(ipv6, MOST_IN_BATCH);
  }

  /**
   * Reads the datagram of `length` bytes at `input.words[packet]`, from the source that is already
   * in the request at `request[at]`, received at second `now`. When it is an announce or a scrape
   * to be answered, completes the request and returns minus the words of it. Otherwise returns the
   * bytes of the response it wrote to `output.words[response]`, 0 when there is to be none.
   */
  read(
    input: Bytes,
    packet: number,
    length: number,
    request: Int32Array,
    at: number,
    output: Bytes,
    response: number,
    now: number,
  ): number {
    const source = at + REQUEST.source;
    if (length < HEADER_BYTES || request[source + SOURCE.port] === 0) {
      return this.#ignore();
    }
    const { words } = input;
    const action = words[packet + PACKET.action];
    const transaction = words[packet + PACKET.transaction];
    const address = source + SOURCE.address;
    const isIpv4 = request[source + SOURCE.addressBytes] === 4;
    // A host in an IPv6 network changes its address within the /64, and uses one id for all.
    const idWords = isIpv4 ? 1 : 2;

    if (action === ACTION_CONNECT) {
      if (!hasProtocolId(input, packet)) return this.#ignore();
      output.words[response] = ACTION_CONNECT;
      output.words[response + 1] = transaction;
      this.ids.write(output.words, response + 2, request, address, idWords, now);
      return 16;
    }

    const isKnown = action === ACTION_ANNOUNCE || action === ACTION_SCRAPE;
    if (!this.ids.isValid(words, packet, request, address, idWords, now)) {
      if (!isKnown) return this.#ignore();
      this.counters.add(COUNTER.invalidConnection, 1);
      return writeError(output, response, transaction, ERRORS.connection, length);
    }

    // From here on the sender has shown that it receives what is sent to its address.
    if (this.limit !== undefined) {
      const token = this.limit.take(request, address, idWords, now);
      if (token !== TOKEN.taken) {
        this.counters.add(COUNTER.rateLimited, 1);
        if (token === TOKEN.flood) return 0;
        return writeError(output, response, transaction, ERRORS.rateLimited, length);
      }
    }
    let problem: Uint8Array = ERRORS.action;
    if (action === ACTION_ANNOUNCE) {
      const maxPeers = isIpv4 ? this.#maxPeersIpv4 : this.#maxPeersIpv6;
      if (length < ANNOUNCE_BYTES) problem = ERRORS.announceLength;
      else if (!readAnnounce(input, packet, maxPeers, request, at)) problem = ERRORS.port;
      else return this.#completeAnnounce(request, at);
    } else if (action === ACTION_SCRAPE) {
      const maxTorrents = isIpv4 ? this.#maxTorrentsIpv4 : this.#maxTorrentsIpv6;
      if (readScrape(input, packet, length, maxTorrents, request, at)) {
        return -scrapeWords(request[at + REQUEST.hashCount]);
      }
      problem = ERRORS.scrapeLength;
    }
    this.counters.add(COUNTER.malformed, 1);
    return writeError(output, response, transaction, problem, this.mostResponseBytes);
  }

  /**
   * Prefetches from the tables what the `count` announces will need that stand in `requests` from
   * the offsets in `places` on.
   */
  prefetch(requests: Int32Array, places: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const at = places[i];
      const isIpv4 = requests[at + SOURCE.addressBytes] === 4;
      (isIpv4 ? this.#prefetchIpv4 : this.#prefetchIpv6).add(at + REQUEST.announce);
    }
    this.#prefetchIpv4.run(requests);
    this.#prefetchIpv6.run(requests);
  }

  /** Answers the request at `request[at]`; returns the bytes written to `output.words[response]`. */
  answer(request: Int32Array, at: number, output: Bytes, response: number, now: number): number {
    const table = this.#tableOf(request, at);
    return request[at + REQUEST.kind] === ANNOUNCE_REQUEST
      ? this.#announce(table, request, at, output, response, now)
      : this.#scrape(table, request, at, output, response);
  }

  #tableOf(request: Int32Array, at: number): Table {
    return request[at + SOURCE.addressBytes] === 4 ? this.ipv4 : this.ipv6;
  }

  #completeAnnounce(request: Int32Array, at: number): number {
    this.#tableOf(request, at).hashAnnounce(request, at + REQUEST.announce);
    return -REQUEST.announceWords;
  }

  #ignore(): number {
    this.counters.add(COUNTER.malformed, 1);
    return 0;
  }

  #announce(
    table: Table,
    request: Int32Array,
    at: number,
    output: Bytes,
    response: number,
    now: number,
  ): number {
    const transaction = request[at + REQUEST.transaction];
    const announce = at + REQUEST.announce;
    const start = peersOffset(response);
    const peers = table.announce(request, announce, now & 0xffff, output.halves, start);
    if (peers < 0) {
      const isTableFull = peers === TABLE_FULL;
      this.counters.add(isTableFull ? COUNTER.tableFull : COUNTER.addressFull, 1);
      const message = isTableFull ? ERRORS.full : ERRORS.addressFull;
      return writeError(output, response, transaction, message, this.mostResponseBytes);
    }
    const { announceInterval } = this.settings;
    const { leechers, seeders } = table;
    writeAnnounceHead(output, response, transaction, announceInterval, leechers, seeders);
    return announceResponseBytes(peers, request[at + SOURCE.addressBytes]);
  }

  #scrape(table: Table, request: Int32Array, at: number, output: Bytes, response: number): number {
    const count = request[at + REQUEST.hashCount];
    writeScrapeHead(output, response, request[at + REQUEST.transaction]);
    for (let i = 0; i < count; i++) {
      table.scrape(request, at + REQUEST.hashes + i * INFO_HASH_WORDS);
      writeScrapeCounts(output, response, i, table.seeders, table.leechers);
    }
    return scrapeResponseBytes(count);
  }
}
