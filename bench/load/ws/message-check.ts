// Looks at what a tracker sends to a connection: is it for that one, and can it be true? One for
// each load worker. Ids tell whose they are, so nothing has to be looked up but what is shared.

import type { Roster } from "../roster.ts";
import type { Connection } from "./connection.ts";
import { type Ids, type OfferName, readPeerId } from "./ids.ts";
import { type Inbound, MESSAGE } from "./inbound.ts";
import type { WorkerSession } from "./session.ts";
import { type Fault, FAULTS } from "./tally.ts";

const DAY_SECONDS = 86400;

/** Results of a check: this, or the index of the fault. */
export const RIGHT = -1;

export const faultIndex = (name: Fault): number => FAULTS.indexOf(name);
const MALFORMED_ID = faultIndex("malformed id");
const DAMAGED_SDP = faultIndex("damaged SDP");
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
  readonly #lives: Int32Array;
  readonly #announces: Int32Array;
  readonly #offers: number;
  readonly #torrents: number;
  readonly #torrentsEach: number;

  constructor(
    { announces, config, lives }: WorkerSession,
    private readonly roster: Roster,
    private readonly ids: Ids,
  ) {
    this.#lives = new Int32Array(lives);
    this.#announces = new Int32Array(announces);
    this.#offers = config.requests.offers;
    this.#torrents = config.requests.number_of_torrents;
    this.#torrentsEach = config.requests.torrents_per_connection;
  }

  /** The torrent of a connection's announce: it announces its torrents in turn. */
  torrentOf(connection: Connection, announce: number): number {
    return connection.torrent + this.#torrents * (announce % this.#torrentsEach);
  }

  /** Checks the offer that `inbound` has read, for `connection`. */
  checkOffer(inbound: Inbound, connection: Connection): number {
    const { offer, peer } = this;
    const fault = this.#checkRelayed(inbound, MESSAGE.offer, connection);
    if (fault !== RIGHT) return fault;
    if (offer.connection !== peer.connection || offer.life !== peer.life) return UNKNOWN_OFFER;
    // Announces of its present life have been counted before they were sent.
    const isPresent = offer.life === Atomics.load(this.#lives, offer.connection);
    if (isPresent && offer.announce >= Atomics.load(this.#announces, offer.connection)) {
      return UNKNOWN_OFFER;
    }
    return RIGHT;
  }

  /** Checks the answer that `inbound` has read, for `connection`. */
  checkAnswer(inbound: Inbound, connection: Connection): number {
    const { offer } = this;
    const fault = this.#checkRelayed(inbound, MESSAGE.answer, connection);
    if (fault !== RIGHT) return fault;
    const isOwn = offer.connection === connection.number && offer.life === connection.life;
    return isOwn && offer.announce < connection.announces ? RIGHT : UNKNOWN_OFFER;
  }

  /** Checks the response that `inbound` has read, for the next announce without one. */
  checkResponse(
    { complete, incomplete, infoHash, interval }: Inbound,
    connection: Connection,
    isExact: boolean,
  ): number {
    const { roster } = this;
    const { isSeeder, responses, torrent } = connection;
    const given = this.ids.readInfoHash(infoHash);
    if (given < 0) return MALFORMED_ID;
    if (given !== this.torrentOf(connection, responses)) return FOREIGN;
    if (interval < 1 || interval > DAY_SECONDS) return INTERVAL;
    const seeders = roster.seeders[torrent];
    const leechers = roster.starts[torrent + 1] - roster.starts[torrent] - seeders;
    if (complete < 0 || incomplete < 0) return COUNTS;
    if (complete > seeders || incomplete > leechers) return COUNTS;
    if ((isSeeder ? complete : incomplete) < 1) return COUNTS;
    if (isExact && (complete !== seeders || incomplete !== leechers)) return COUNTS;
    return RIGHT;
  }

  #checkRelayed(inbound: Inbound, kind: number, connection: Connection): number {
    const { offer, peer, roster } = this;
    const given = this.ids.readInfoHash(inbound.infoHash);
    readPeerId(inbound.peerId, peer);
    this.ids.readOfferId(inbound.offerId, offer);
    if ((given | peer.connection | offer.connection) < 0) return MALFORMED_ID;
    if (given !== this.torrentOf(connection, offer.announce)) return FOREIGN;
    if (peer.connection === connection.number) return OWN;
    const isMember =
      peer.connection < roster.shape.peers &&
      roster.torrentOf(peer.connection) === connection.torrent;
    // A peer of an earlier life may have left while its message was on its way.
    if (!isMember || peer.life > Atomics.load(this.#lives, peer.connection)) return STRANGER;
    // The first announce of each torrent has none.
    if (offer.index >= this.#offers || offer.announce < this.#torrentsEach) return UNKNOWN_OFFER;
    return inbound.isSdpIntact(kind, offer.index) ? RIGHT : DAMAGED_SDP;
  }
}
