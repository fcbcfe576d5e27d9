// The differences between IPv4 and IPv6, as one record per family, so that the handler has a single
// code path. Each worker creates its own records.

import { COUNTER, type Counter } from "../app/metrics.ts";
import { networkWords } from "../memory/address.ts";
import { Prefetch } from "../swarm/prefetch.ts";
import type { Table } from "../swarm/table.ts";
import { maxFittingPeers, maxFittingTorrents } from "./packet.ts";

/** A value for each family, by the bytes of its addresses. */
export type ByFamily<T> = Readonly<Record<4 | 16, T>>;

/** Counters of the responses of one family, by type. */
interface ResponseCounters {
  readonly connects: Counter;
  readonly announces: Counter;
  readonly scrapes: Counter;
  readonly errors: Counter;
}

const COUNTERS: ByFamily<ResponseCounters> = {
  4: {
    connects: COUNTER.connects4,
    announces: COUNTER.announces4,
    scrapes: COUNTER.scrapes4,
    errors: COUNTER.errors4,
  },
  16: {
    connects: COUNTER.connects6,
    announces: COUNTER.announces6,
    scrapes: COUNTER.scrapes6,
    errors: COUNTER.errors6,
  },
};

export interface AddressFamily {
  readonly table: Table;
  readonly prefetch: Prefetch;
  /** Words of an address that identify its network, an IPv4 address or an IPv6 /64. */
  readonly networkWords: number;
  /** Where responses are counted. */
  readonly counters: ResponseCounters;
  /** Maximum number of peers in an announce response. */
  maxPeers: number;
  /** Maximum number of torrents in a scrape response. */
  maxTorrents: number;
}

/** The limits that both families share. A response must also fit a packet, see packet.ts. */
export interface FamilyLimits {
  readonly maxScrapeTorrents: number;
  readonly maxResponsePeers: number;
}

/**
 * Creates the record of the family whose peers are in `table`, with room to prefetch for `maxBatch`
 * announces at once.
 */
export function createAddressFamily(
  addressBytes: 4 | 16,
  table: Table,
  maxBatch: number,
  limits: FamilyLimits,
): AddressFamily {
  const family = {
    table,
    prefetch: new Prefetch(table, maxBatch),
    networkWords: networkWords(addressBytes),
    counters: COUNTERS[addressBytes],
    maxPeers: 0,
    maxTorrents: 0,
  };
  limitFamily(family, addressBytes, limits);
  return family;
}

/** Changes the limits of a family. */
export function limitFamily(
  family: AddressFamily,
  addressBytes: 4 | 16,
  { maxResponsePeers, maxScrapeTorrents }: FamilyLimits,
): void {
  family.maxPeers = Math.min(maxResponsePeers, maxFittingPeers(addressBytes));
  family.maxTorrents = Math.min(maxScrapeTorrents, maxFittingTorrents(addressBytes));
}
