// Looks at what a tracker sends to a connection: is it for that one, and can it be true? One for
// each load worker. Ids tell whose they are, so nothing has to be looked up but what is shared.

import type { Roster } from "../roster.ts";
import type { Inbound } from "./inbound.ts";
import { type OfferName, readInfoHash, readOfferId, readPeerId } from "./ids.ts";
import { type Fault, FAULTS } from "./tally.ts";

const DAY_SECONDS = 86400;

/** Results of a check: this, or the index of the fault. */
export const RIGHT = -1;

export const faultIndex = (name: Fault): number => FAULTS.indexOf(name);
const MALFORMED_ID = faultIndex("malformed id");
const FOREIGN = faultIndex("foreign torrent");
const STRANGER = faultIndex("stranger");
const OWN = faultIndex("own offer");
const UNKNOWN_OFFER = faultIndex("unknown offer");
const INTERVAL = faultIndex("implausible interval");
const COUNTS = faultIndex("implausible counts");

const noName = (): OfferName => ({ connection: 0, life: 0, announce: 0, index: 0 });

export class MessageCheck {
  /** The sender of the offer or answer that was checked last. */
  readonly peer = noName();
  /** Its offer id. */
  readonly offer = noName();
  /** Peers of the response that was checked last. */
  complete = 0;
  incomplete = 0;

  constructor(
    private readonly roster: Roster,
    private readonly lives: Int32Array,
    private readonly announces: Int32Array,
    private readonly offers: number,
  ) {}

  /** Checks the offer that `inbound` has read, for `connection`. */
  checkOffer(inbound: Inbound, connection: number): number {
    const { offer, peer } = this;
    const fault = this.#checkRelayed(inbound, connection);
    if (fault !== RIGHT) return fault;
    if (offer.connection !== peer.connection || offer.life !== peer.life) return UNKNOWN_OFFER;
    // Announces of its present life have been counted before they were sent.
    const isPresent = offer.life === Atomics.load(this.lives, offer.connection);
    if (isPresent && offer.announce >= Atomics.load(this.announces, offer.connection)) {
      return UNKNOWN_OFFER;
    }
    return RIGHT;
  }

  /** Checks the answer that `inbound` has read, for `connection`. */
  checkAnswer(inbound: Inbound, connection: number): number {
    const { offer } = this;
    const fault = this.#checkRelayed(inbound, connection);
    if (fault !== RIGHT) return fault;
    const isOwn = offer.connection === connection && offer.life === this.lives[connection];
    return isOwn && offer.announce < this.announces[connection] ? RIGHT : UNKNOWN_OFFER;
  }

  /** Checks the response that `inbound` has read, for `connection`. */
  checkResponse(
    { complete, incomplete, infoHash, interval }: Inbound,
    connection: number,
    expectedInfoHash: string,
    isExact: boolean,
  ): number {
    const { roster } = this;
    const torrent = roster.torrentOf(connection);
    if (infoHash !== expectedInfoHash) return FOREIGN;
    if (!isCount(interval) || interval < 1 || interval > DAY_SECONDS) return INTERVAL;
    if (!isCount(complete) || !isCount(incomplete)) return COUNTS;
    const seeders = roster.seeders[torrent];
    const leechers = roster.starts[torrent + 1] - roster.starts[torrent] - seeders;
    if (complete > seeders || incomplete > leechers) return COUNTS;
    if ((roster.isSeeder(connection) ? complete : incomplete) < 1) return COUNTS;
    if (isExact && (complete !== seeders || incomplete !== leechers)) return COUNTS;
    this.complete = complete;
    this.incomplete = incomplete;
    return RIGHT;
  }

  #checkRelayed({ bytes, infoHashAt, offerIdAt, peerIdAt }: Inbound, connection: number): number {
    const { offer, peer, roster } = this;
    const torrent = roster.torrentOf(connection);
    const given = readInfoHash(bytes, infoHashAt);
    readPeerId(bytes, peerIdAt, peer);
    readOfferId(bytes, offerIdAt, offer);
    if ((given | peer.connection | offer.connection) < 0) return MALFORMED_ID;
    if (given !== torrent) return FOREIGN;
    if (peer.connection === connection) return OWN;
    if (peer.connection >= roster.shape.peers || roster.torrentOf(peer.connection) !== torrent) {
      return STRANGER;
    }
    // A peer of an earlier life may have left while its message was on its way.
    if (peer.life > Atomics.load(this.lives, peer.connection)) return STRANGER;
    // The first announce has none.
    return offer.index < this.offers && offer.announce > 0 ? RIGHT : UNKNOWN_OFFER;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
