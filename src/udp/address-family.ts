// The differences between IPv4 and IPv6, as one record per family, so that the handler has a single
// code path. Each worker creates its own records.

import { networkWords } from "../memory/address.ts";
import { Prefetch } from "../swarm/prefetch.ts";
import type { Table } from "../swarm/table.ts";
import { maxFittingPeers, maxFittingTorrents } from "./packet.ts";

/** A value for each family, by the bytes of its addresses. */
export type ByFamily<T> = Readonly<Record<4 | 16, T>>;

export interface AddressFamily {
  readonly table: Table;
  readonly prefetch: Prefetch;
  /** Words of an address that identify its network, an IPv4 address or an IPv6 /64. */
  readonly networkWords: number;
  /** Maximum number of peers in an announce response. */
  readonly maxPeers: number;
  /** Maximum number of torrents in a scrape response. */
  readonly maxTorrents: number;
}

/** The limits that both families share. A response must also fit a packet, see packet.ts. */
export interface FamilyLimits {
  readonly maxScrapeTorrents: number;
  readonly maxResponsePeers: number;
  /** Maximum number of announces to prefetch for at once. */
  readonly maxBatch: number;
}

/** Creates the record of the family whose peers are in `table`. */
export function createAddressFamily(
  addressBytes: 4 | 16,
  table: Table,
  limits: FamilyLimits,
): AddressFamily {
  return {
    table,
    prefetch: new Prefetch(table, limits.maxBatch),
    networkWords: networkWords(addressBytes),
    maxPeers: Math.min(limits.maxResponsePeers, maxFittingPeers(addressBytes)),
    maxTorrents: Math.min(limits.maxScrapeTorrents, maxFittingTorrents(addressBytes)),
  };
}
