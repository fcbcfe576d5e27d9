// What the WebTorrent tracker should do, in slow and obvious code, to compare the handler with: a
// swarm is a Map of peers, and a list remembers the offers.

import type { Socket } from "./handler-harness.ts";

export interface ModelPeer {
  socket: Socket;
  isSeeder: boolean;
}

/** An offer that was passed on. */
export interface ModelOffer {
  readonly torrent: string;
  readonly offerer: string;
  readonly id: string;
  readonly since: number;
  /** Who may answer: the peers of one connection, of which one was meant; nobody knows which. */
  readonly candidates: Set<string>;
  /** Whether one of them may have used up its answer unnoticed. */
  isVague: boolean;
}

/** What becomes of an answer: it must be passed on, must not be, or either. */
export type Verdict = "passed" | "lost" | "either";

const OFFER_SECONDS = 60;

export class HandlerModel {
  readonly swarms = new Map<string, Map<string, ModelPeer>>();
  readonly offers: ModelOffer[] = [];

  swarm(torrent: string): Map<string, ModelPeer> {
    const swarm = this.swarms.get(torrent) ?? new Map<string, ModelPeer>();
    this.swarms.set(torrent, swarm);
    return swarm;
  }

  /** The connection that keeps `socket` from announcing the peer, if there is one. */
  holder(torrent: string, peer: string, socket: Socket): Socket | undefined {
    const held = this.swarm(torrent).get(peer)?.socket;
    if (held === undefined || held === socket) return undefined;
    return held;
  }

  put(torrent: string, peer: string, socket: Socket, isSeeder: boolean): void {
    this.swarm(torrent).set(peer, { socket, isSeeder });
  }

  stop(torrent: string, peer: string, socket: Socket): void {
    if (this.swarm(torrent).get(peer)?.socket === socket) this.swarm(torrent).delete(peer);
  }

  close(socket: Socket): void {
    for (const [torrent, swarm] of this.swarms) {
      for (const peer of swarm.keys()) this.stop(torrent, peer, socket);
    }
  }

  counts(torrent: string): { complete: number; incomplete: number } {
    const peers = [...this.swarm(torrent).values()];
    const complete = peers.filter(({ isSeeder }) => isSeeder).length;
    return { complete, incomplete: peers.length - complete };
  }

  /** Peers that may get an offer of `peer`, by their connections. */
  eligible(torrent: string, peer: string): Map<Socket, Set<string>> {
    const swarm = this.swarm(torrent);
    const isSeeder = swarm.get(peer)?.isSeeder === true;
    const eligible = new Map<Socket, Set<string>>();
    for (const [other, { socket, isSeeder: isOtherSeeder }] of swarm) {
      if (other === peer || (isSeeder && isOtherSeeder)) continue;
      eligible.set(socket, (eligible.get(socket) ?? new Set()).add(other));
    }
    return eligible;
  }

  /** What should become of the answer that `peer` sends over `socket` at second `now`. */
  judge(offer: ModelOffer, to: string, peer: string, socket: Socket, now: number): Verdict {
    const swarm = this.swarm(offer.torrent);
    if (swarm.get(peer)?.socket !== socket) return "lost";
    if (to !== offer.offerer || !offer.candidates.has(peer)) return "lost";
    const isSure = offer.candidates.size === 1 && !offer.isVague;
    offer.candidates.delete(peer);
    const isLate = now - offer.since > OFFER_SECONDS;
    if (isLate || !swarm.has(offer.offerer)) {
      offer.isVague = true;
      return "lost";
    }
    return isSure ? "passed" : "either";
  }

  get peerCount(): number {
    return [...this.swarms.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get torrentCount(): number {
    return [...this.swarms.values()].filter(({ size }) => size > 0).length;
  }
}
