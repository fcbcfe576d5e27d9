// Who is in which torrent: all peers that the load tester plays, laid out once by the main thread
// in shared memory. From a peer in an answer, its number is computed back, so that a stranger, the
// requester itself and a duplicate are told without a search.
//
//   peers    0 1 2 3 4 | 5 6 | 7 8 9 | ...       numbered through, torrent after torrent
//   torrent  0         | 1   | 2     | ...       starts[torrent] is the number of its first
//   address  0 1 2 0 1   2 0   1 2 0             number % addresses
//   port     1 1 1 2 2   2 3   3 3 4             1 + floor(number / addresses) % 65535

import { Random } from "../../src/memory/random.ts";

const PORTS = 65535;
const SEEDER = 1 << 31;
export const INFO_HASH_WORDS = 5;

/** Where the Pareto distribution is cut off, as a multiple of its scale. */
const CUT = 101;

export interface RosterShape {
  readonly torrents: number;
  /** At least as many as torrents. */
  readonly peers: number;
  /** 0 for the same number of peers in every torrent. */
  readonly paretoShape: number;
  readonly seederProbability: number;
  /** Distinct client addresses. */
  readonly addresses: number;
  readonly seed: number;
}

/** What a worker needs to view a roster. */
export interface RosterMemory {
  readonly shape: RosterShape;
  /** Torrents plus one numbers. */
  readonly starts: SharedArrayBuffer;
  /** A word for each peer: its torrent, and the highest bit for a seeder. */
  readonly peers: SharedArrayBuffer;
  /** Seeders of each torrent. */
  readonly seeders: SharedArrayBuffer;
  readonly infoHashes: SharedArrayBuffer;
}

/** Lays out the torrents and their peers. */
export function createRoster(shape: RosterShape): RosterMemory {
  const { peers, torrents } = shape;
  const memory: RosterMemory = {
    shape,
    starts: new SharedArrayBuffer((torrents + 1) * 4),
    peers: new SharedArrayBuffer(peers * 4),
    seeders: new SharedArrayBuffer(torrents * 4),
    infoHashes: new SharedArrayBuffer(torrents * INFO_HASH_WORDS * 4),
  };
  const roster = new Roster(memory);
  for (let torrent = 0; torrent <= torrents; torrent++) {
    // One for each, the others by the distribution.
    roster.starts[torrent] = torrent + shareOfFirst(torrent, shape);
  }
  const random = new Random(shape.seed, 0, 0);
  const seedersBelow = shape.seederProbability * 2 ** 32;
  for (let torrent = 0; torrent < torrents; torrent++) {
    for (let peer = roster.starts[torrent]; peer < roster.starts[torrent + 1]; peer++) {
      const isSeeder = random.next() >>> 0 < seedersBelow;
      roster.peers[peer] = isSeeder ? torrent | SEEDER : torrent;
      if (isSeeder) roster.seeders[torrent]++;
    }
  }
  for (let i = 0; i < roster.infoHashes.length; i++) roster.infoHashes[i] = random.next();
  return memory;
}

/** The roster as one thread sees it. */
export class Roster {
  readonly shape: RosterShape;
  readonly starts: Uint32Array;
  readonly peers: Int32Array;
  readonly seeders: Uint32Array;
  readonly infoHashes: Int32Array;
  readonly #addresses: number;
  // Of the torrent that `findPeer` looks in: its first peer and the one after its last, the row of
  // the first, and the port of that row less one.
  #first = 0;
  #end = 0;
  #row = 0;
  #rowPort = 0;

  constructor(memory: RosterMemory) {
    const { shape } = memory;
    this.shape = shape;
    this.#addresses = shape.addresses;
    this.starts = new Uint32Array(memory.starts);
    this.peers = new Int32Array(memory.peers);
    this.seeders = new Uint32Array(memory.seeders);
    this.infoHashes = new Int32Array(memory.infoHashes);
  }

  torrentOf(peer: number): number {
    return this.peers[peer] & ~SEEDER;
  }

  isSeeder(peer: number): boolean {
    return this.peers[peer] < 0;
  }

  port(peer: number): number {
    return 1 + (Math.floor(peer / this.shape.addresses) % PORTS);
  }

  /** How many peers the client address number `address` has. */
  countAt(address: number): number {
    return Math.ceil((this.shape.peers - address) / this.shape.addresses);
  }

  /** The number of peer number `index` among those of `address`. */
  peerAt(address: number, index: number): number {
    return index * this.shape.addresses + address;
  }

  /** Makes `findPeer` look in this torrent. */
  selectTorrent(torrent: number): void {
    this.#first = this.starts[torrent];
    this.#end = this.starts[torrent + 1];
    this.#row = Math.floor(this.#first / this.shape.addresses);
    this.#rowPort = this.#row % PORTS;
  }

  /** The peer of the selected torrent with this address and port; -1 when it has none such. */
  findPeer(address: number, port: number): number {
    const addresses = this.#addresses;
    if (address < 0 || address >= addresses || port === 0) return -1;
    let rows = port - 1 - this.#rowPort;
    if (rows < 0) rows += PORTS;
    let peer = (this.#row + rows) * addresses + address;
    // The first row may begin in the torrent before.
    if (peer < this.#first) peer += PORTS * addresses;
    return peer < this.#end ? peer : -1;
  }

  /** Peers of the largest torrent. */
  get largestTorrent(): number {
    let largest = 0;
    for (let torrent = 0; torrent < this.shape.torrents; torrent++) {
      largest = Math.max(largest, this.starts[torrent + 1] - this.starts[torrent]);
    }
    return largest;
  }

  /** Whether the peers of every torrent have different ports at each address. */
  get hasDistinctPeers(): boolean {
    return this.largestTorrent <= PORTS * this.shape.addresses;
  }

  /** The info hash as 40 hexadecimal digits. */
  infoHashText(torrent: number): string {
    const bytes = new Uint8Array(this.infoHashes.buffer, torrent * 20, 20);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

// How many of the peers that are not the first of their torrent the first `count` torrents have.
function shareOfFirst(count: number, shape: RosterShape): number {
  const { paretoShape, peers, torrents } = shape;
  const others = peers - torrents;
  if (paretoShape === 0) return Math.floor((others * count) / torrents);
  if (count === torrents) return others;
  const position = 1 + ((CUT - 1) * count) / torrents;
  const fraction = (1 - position ** -paretoShape) / (1 - CUT ** -paretoShape);
  return Math.floor(others * fraction);
}
