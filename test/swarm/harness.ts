// A table with plain arguments and results for the tests of src/swarm, and the same in slow,
// obvious code to compare it with.

import { Random } from "../../src/memory/random.ts";
import {
  ANNOUNCE,
  FLAG_MERGE,
  FLAG_SEEDER,
  FLAG_STOPPED,
  type IdentityBytes,
} from "../../src/swarm/layout.ts";
import { createTable, Table, TABLE_FULL, type TableMemory } from "../../src/swarm/table.ts";

export interface AnnounceArguments {
  torrent: number;
  peer: number;
  status?: "leecher" | "seeder" | "stopped";
  /** Whether it was made at another node, see FLAG_MERGE. */
  isMerged?: boolean;
  wanted?: number;
  tick?: number;
}

export interface AnnounceResult {
  leechers: number;
  seeders: number;
  /** The numbers of the peers handed out, in their order. */
  peers: number[];
}

const MAX_WANTED = 4000;

/** Peer n has a key of its own. Keys differ in different words. */
function peerKey(peer: number, identityBytes: IdentityBytes): number[] {
  const low = 0x0a000000 + (peer >>> 2);
  const port = 1000 + (peer & 3);
  if (identityBytes === 4) return [low, port];
  if (identityBytes === 16) return [0x20010db8, peer & 1, -7, low, port];
  return [0x2d575730, peer & 1, -7, port, low, 5_000_000 + peer, (peer * 3) & 0xffff];
}

export class TableHarness {
  readonly table: Table;
  readonly memory: TableMemory;
  readonly #request = new Int32Array(ANNOUNCE.words);
  readonly #halves = new Uint16Array(MAX_WANTED * 13);

  constructor(
    readonly identityBytes: IdentityBytes,
    limits = { maxTorrents: 1000, maxPeers: 100_000 },
    memory?: TableMemory,
    seed = 1,
  ) {
    this.memory = memory ?? createTable(identityBytes, limits, new Int32Array([seed, 7]));
    this.table = new Table(this.memory, new Random(seed, 2, 3));
  }

  /** Returns undefined if the table is full. */
  announce(args: AnnounceArguments): AnnounceResult | undefined {
    const { isMerged = false, status = "leecher", wanted = 50, tick = 0 } = args;
    const request = this.#request;
    request[ANNOUNCE.numwant] = wanted;
    request[ANNOUNCE.flags] =
      (status === "seeder" ? FLAG_SEEDER : 0) |
      (status === "stopped" ? FLAG_STOPPED : 0) |
      (isMerged ? FLAG_MERGE : 0);
    request.fill(args.torrent, ANNOUNCE.infoHash, ANNOUNCE.peer);
    request.set(peerKey(args.peer, this.identityBytes), ANNOUNCE.peer);
    this.table.hashAnnounce(request, 0);
    const count = this.table.announce(request, 0, tick & 0xffff, this.#halves, 0);
    if (count === TABLE_FULL) return undefined;
    return {
      leechers: this.table.result.leechers,
      seeders: this.table.result.seeders,
      peers: Array.from({ length: count }, (_, i) => this.#readPeer(i)),
    };
  }

  scrape(torrent: number): { leechers: number; seeders: number } {
    this.#request.fill(torrent, 0, 5);
    this.table.scrape(this.#request, 0);
    return { leechers: this.table.result.leechers, seeders: this.table.result.seeders };
  }

  #readPeer(index: number): number {
    const { identityBytes } = this;
    const words = peerKey(0, identityBytes).length;
    const start = index * (words * 2 - 1);
    const halves = new Uint16Array(words * 2);
    halves.set(this.#halves.subarray(start, start + words * 2 - 1));
    const found = new Int32Array(halves.buffer);
    const [low, port] = identityBytes === 20 ? [found[4], found[3]] : found.subarray(words - 2);
    const peer = (low - 0x0a000000) * 4 + (port - 1000);
    const expected = peerKey(peer, identityBytes);
    if (expected.some((word, i) => word !== found[i])) {
      throw new Error(`not a peer of this test: ${found.join(" ")}`);
    }
    return peer;
  }
}

interface ModelPeer {
  seeder: boolean;
  tick: number;
}

/** The expected behaviour, as a Map of Maps. */
export class TableModel {
  readonly torrents = new Map<number, Map<number, ModelPeer>>();

  announce(args: AnnounceArguments): void {
    const { torrent, peer, status = "leecher", tick = 0 } = args;
    const swarm = this.torrents.get(torrent) ?? new Map<number, ModelPeer>();
    if (status === "stopped") swarm.delete(peer);
    else swarm.set(peer, { seeder: status === "seeder", tick });
    if (swarm.size > 0) this.torrents.set(torrent, swarm);
    else this.torrents.delete(torrent);
  }

  expire(tick: number, maxAge: number): void {
    for (const [torrent, swarm] of this.torrents) {
      for (const [peer, { tick: last }] of swarm) if (tick - last > maxAge) swarm.delete(peer);
      if (swarm.size === 0) this.torrents.delete(torrent);
    }
  }

  counts(torrent: number): { leechers: number; seeders: number } {
    const peers = [...(this.torrents.get(torrent)?.values() ?? [])];
    const seeders = peers.filter((peer) => peer.seeder).length;
    return { leechers: peers.length - seeders, seeders };
  }

  /** The peers that may be handed out to a requester. */
  others(torrent: number, requester: number): Set<number> {
    const swarm = this.torrents.get(torrent) ?? new Map<number, ModelPeer>();
    const asSeeder = swarm.get(requester)?.seeder === true;
    const others = [...swarm].filter(([peer, { seeder }]) => {
      return peer !== requester && !(asSeeder && seeder);
    });
    return new Set(others.map(([peer]) => peer));
  }

  get peerCount(): number {
    return [...this.torrents.values()].reduce((sum, swarm) => sum + swarm.size, 0);
  }
}
