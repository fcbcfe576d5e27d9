// Looks at responses: is each what its request asks for, and can it be true? One for each load
// worker. Nothing here allocates, and the cost of a peer is a few nanoseconds: the tester must not
// be slower than what it tests.

import { type Bytes, swapWord } from "../../../src/memory/bytes.ts";
import type { Outstanding } from "./outstanding.ts";
import type { Roster } from "../roster.ts";
import { ANNOUNCE, CONNECT, type Fault, FAULTS } from "./tally.ts";

const DAY_SECONDS = 86400;
const HEAD_BYTES = 20;

/** Half-words of the first address of all, 127.1.0.0 in network order, and of ::1. */
const IPV4_NETWORK = 0x017f;
const IPV6_LAST = 0x0100;

/** Results of a check: this, or the index of the fault. */
export const RIGHT = -1;

const fault = (name: Fault): number => FAULTS.indexOf(name);
const WRONG_ACTION = fault("wrong action");
const WRONG_LENGTH = fault("wrong length");
const WRONG_STRIDE = fault("wrong stride");
const TOO_MANY = fault("too many peers");
const INTERVAL = fault("implausible interval");
const COUNTS = fault("implausible counts");
const SELF = fault("requester among the peers");
const DUPLICATE = fault("duplicate peer");
const STRANGER = fault("stranger among the peers");
const TOO_FEW = fault("too few peers");

export interface CheckSettings {
  /** 4 or 16. */
  readonly addressBytes: number;
  /** Look at what a response says, not at its kind and length alone. */
  readonly content: boolean;
  /** Look at the peers of every so many-th announce response; 0: of none. */
  readonly peersSample: number;
  /** The requester must not be among them. */
  readonly refusesRequester: boolean;
}

/** Checks the responses that one worker receives. */
export class AnswerCheck {
  /** Peers that announces ask for. */
  wanted = 0;
  /** Everybody has announced and nobody leaves: counts are exact, lists are full. */
  isExact = false;
  /** Peers in the announce response that was checked last. */
  peers = 0;

  /** For each place in a torrent, the check in which its peer was seen last. */
  readonly #seen: Uint32Array;
  #checks = 0;
  #unsampled = 0;

  constructor(
    private readonly roster: Roster,
    private readonly outstanding: Outstanding,
    private readonly settings: CheckSettings,
  ) {
    this.#seen = new Uint32Array(roster.largestTorrent);
  }

  /**
   * Checks the response of `length` bytes at `input.words[packet]` to the request in the slot.
   * Returns RIGHT or the index of the first fault found.
   */
  check(input: Bytes, packet: number, length: number, slot: number): number {
    const kind = this.outstanding.kind[slot];
    if (swapWord(input.words[packet]) !== kind) return WRONG_ACTION;
    if (kind === CONNECT) return length === 16 ? RIGHT : WRONG_LENGTH;
    if (kind === ANNOUNCE) return this.#checkAnnounce(input, packet, length, slot);
    return this.#checkScrape(input.words, packet, length, slot);
  }

  #checkAnnounce(input: Bytes, packet: number, length: number, slot: number): number {
    const { roster, settings } = this;
    const { words } = input;
    this.peers = 0;
    if (length < HEAD_BYTES) return WRONG_LENGTH;
    const stride = settings.addressBytes + 2;
    const peers = Math.floor((length - HEAD_BYTES) / stride);
    if (peers * stride !== length - HEAD_BYTES) return WRONG_STRIDE;
    if (peers > this.wanted) return TOO_MANY;
    this.peers = peers;
    if (!settings.content) return RIGHT;
    const interval = swapWord(words[packet + 2]);
    if (interval < 1 || interval > DAY_SECONDS) return INTERVAL;

    const peer = this.outstanding.subject[slot];
    const torrent = roster.torrentOf(peer);
    const isSeeder = roster.isSeeder(peer);
    const leechers = swapWord(words[packet + 3]);
    const seeders = swapWord(words[packet + 4]);
    if (!this.#canBe(torrent, seeders, leechers)) return COUNTS;
    if ((isSeeder ? seeders : leechers) < 1) return COUNTS;
    // A tracker has no need to hand seeders to a seeder.
    const others = isSeeder ? leechers : leechers + seeders - 1;
    if (this.isExact && peers < Math.min(this.wanted, others)) return TOO_FEW;

    if (settings.peersSample === 0 || ++this.#unsampled < settings.peersSample) return RIGHT;
    this.#unsampled = 0;
    return this.#checkPeers(input, packet * 2 + HEAD_BYTES / 2, peers, torrent, peer);
  }

  #checkPeers(input: Bytes, start: number, peers: number, torrent: number, self: number): number {
    const { halves } = input;
    const { roster } = this;
    const seen = this.#seen;
    const { addressBytes, refusesRequester } = this.settings;
    const addressHalves = addressBytes >>> 1;
    const first = roster.starts[torrent];
    const check = this.#nextCheck();
    roster.selectTorrent(torrent);
    let at = start;
    for (let i = 0; i < peers; i++) {
      const address = addressHalves === 2 ? ipv4Number(halves, at) : ipv6Number(halves, at);
      const port = halves[at + addressHalves];
      const peer = roster.findPeer(address, ((port & 0xff) << 8) | (port >>> 8));
      if (peer < 0) return STRANGER;
      if (peer === self && refusesRequester) return SELF;
      if (seen[peer - first] === check) return DUPLICATE;
      seen[peer - first] = check;
      at += addressHalves + 1;
    }
    return RIGHT;
  }

  #checkScrape(words: Int32Array, packet: number, length: number, slot: number): number {
    const { torrents, torrentsPerScrape } = this.outstanding;
    if (length !== 8 + 12 * torrentsPerScrape) return WRONG_LENGTH;
    if (!this.settings.content) return RIGHT;
    for (let i = 0; i < torrentsPerScrape; i++) {
      const seeders = swapWord(words[packet + 2 + i * 3]);
      const leechers = swapWord(words[packet + 4 + i * 3]);
      const torrent = torrents[slot * torrentsPerScrape + i];
      if (!this.#canBe(torrent, seeders, leechers)) return COUNTS;
    }
    return RIGHT;
  }

  #canBe(torrent: number, seeders: number, leechers: number): boolean {
    const { starts, seeders: mostSeeders } = this.roster;
    const most = mostSeeders[torrent];
    const mostLeechers = starts[torrent + 1] - starts[torrent] - most;
    if (this.isExact) return seeders === most && leechers === mostLeechers;
    return seeders >= 0 && leechers >= 0 && seeders <= most && leechers <= mostLeechers;
  }

  #nextCheck(): number {
    this.#checks++;
    if (this.#checks === 2 ** 32) {
      this.#seen.fill(0);
      this.#checks = 1;
    }
    return this.#checks;
  }
}

/** The number of a client address: of 127.1.0.1, the first, 0. Negative for one of no client. */
function ipv4Number(halves: Uint16Array, at: number): number {
  if (halves[at] !== IPV4_NETWORK) return -1;
  const low = halves[at + 1];
  return (((low & 0xff) << 8) | (low >>> 8)) - 1;
}

function ipv6Number(halves: Uint16Array, at: number): number {
  for (let i = 0; i < 7; i++) if (halves[at + i] !== 0) return -1;
  return halves[at + 7] === IPV6_LAST ? 0 : -1;
}
