// Writes the messages of clients, with the keys, in their order, and the values of
// bittorrent-tracker's client. A load worker has two of these: one for plain frames, one for
// compressed ones.

import type { LoadConfig } from "./config.ts";
import { FrameWriter, NO_MASK, type Piece } from "./frame.ts";
import { Id, type Ids, type OfferName, writePeerId } from "./ids.ts";
import { escapeText, Sdps } from "./sdp.ts";

/** What a seeder has, and a leecher has not. */
const FILE_BYTES = 262144;

/** What clients that want no offers want. */
const DEFAULT_PEERS = 50;

/** A peer in a torrent: the sender of messages. */
export interface Peer {
  readonly connection: number;
  readonly life: number;
  readonly isSeeder: boolean;
  readonly peerId: Id;
  /** The text from the info hash to the peer id. */
  readonly ids: Piece;
}

export class Requests {
  readonly #writer: FrameWriter;
  readonly #offers: number;
  readonly #id = new Id();
  readonly #name: OfferName = { connection: 0, life: 0, announce: 0, index: 0 };
  /** Up to the info hash: of leechers and of seeders. */
  readonly #started: readonly Piece[];
  readonly #periodic: readonly Piece[];
  readonly #stopped: readonly Piece[];
  readonly #answer: Piece;
  readonly #toPeerId: Piece;
  readonly #quote: Piece;
  readonly #noOffers: Piece;
  /** By the number of the offer: up to its session, from there to its id. */
  readonly #offerPieces: readonly (readonly [Piece, Piece])[];
  readonly #lastOffer: Piece;
  readonly #answerPieces: readonly (readonly [Piece, Piece])[];

  /** Writes to `out`: compressed if `deflate`. */
  constructor(
    { requests }: LoadConfig,
    private readonly ids: Ids,
    private readonly out: FrameWriter,
    private readonly deflate: boolean,
  ) {
    const { offers, sdp_size: size } = requests;
    const writer = deflate ? new FrameWriter(NO_MASK) : out;
    this.#writer = writer;
    this.#offers = offers;
    const both = (event: string, numwant: number, hasLeft: boolean): Piece[] =>
      [false, true].map((isSeeder) =>
        writer.pieceOf(announceHead(event, numwant, isSeeder, hasLeft)),
      );
    this.#started = both("started", 0, true);
    this.#periodic = both("", offers, true);
    this.#stopped = both("stopped", DEFAULT_PEERS, false);
    this.#answer = writer.pieceOf('{"action":"announce","info_hash":"');
    this.#toPeerId = writer.pieceOf('","to_peer_id":"');
    this.#quote = writer.pieceOf('"}');
    this.#noOffers = writer.pieceOf('","offers":[]}');
    this.#lastOffer = writer.pieceOf('"}]}');
    const offerSdps = new Sdps("offer", size);
    const answerSdps = new Sdps("answer", size);
    const pieces = (before: string, sdps: Sdps, index: number): readonly [Piece, Piece] => {
      const [head, tail] = sdps.partsOf(index);
      const first = Buffer.concat([Buffer.from(before), head]);
      const second = Buffer.concat([tail, Buffer.from('"},"offer_id":"')]);
      return [writer.pieceOf(first), writer.pieceOf(second)];
    };
    this.#offerPieces = Array.from({ length: offers }, (_, index) => {
      const before = index === 0 ? '","offers":[' : '"},';
      return pieces(`${before}{"offer":{"type":"offer","sdp":"`, offerSdps, index);
    });
    this.#answerPieces = Array.from({ length: offers }, (_, index) =>
      pieces('","answer":{"type":"answer","sdp":"', answerSdps, index),
    );
  }

  /** The peer of a connection in a torrent, for messages that are written here. */
  makePeer(connection: number, life: number, isSeeder: boolean, torrent: number): Peer {
    const infoHash = this.#id;
    const peerId = new Id();
    this.ids.writeInfoHash(infoHash, torrent);
    writePeerId(peerId, connection, life);
    const [hash, peer] = [infoHash, peerId].map(({ bytes }) =>
      escapeText(Buffer.from(bytes).toString("latin1")),
    );
    const ids = this.#writer.pieceOf(`${hash}","peer_id":"${peer}`);
    return { connection, life, isSeeder, peerId, ids };
  }

  /** Appends an announce without offers, with which a peer starts. */
  appendFirst(peer: Peer): void {
    this.#begin(this.#started[Number(peer.isSeeder)], peer);
    this.#writer.append(this.#noOffers);
    this.#end();
  }

  /** Appends announce number `announce` of a connection, with its offers. */
  appendNext(peer: Peer, announce: number): void {
    const writer = this.#writer;
    this.#begin(this.#periodic[Number(peer.isSeeder)], peer);
    const name = this.#name;
    name.connection = peer.connection;
    name.life = peer.life;
    name.announce = announce;
    const id = this.#id;
    for (let index = 0; index < this.#offers; index++) {
      name.index = index;
      this.ids.writeOfferId(id, name);
      const [head, tail] = this.#offerPieces[index];
      writer.append(head);
      writer.appendSession(id.bytes, peer.peerId.bytes);
      writer.append(tail);
      writer.appendId(id.bytes);
    }
    writer.append(this.#offers === 0 ? this.#noOffers : this.#lastOffer);
    this.#end();
  }

  /** Appends the last announce of a peer. */
  appendStopped(peer: Peer): void {
    this.#begin(this.#stopped[Number(peer.isSeeder)], peer);
    this.#writer.append(this.#quote);
    this.#end();
  }

  /** Appends the answer of a peer to offer number `index` of another, by their ids. */
  appendAnswer(peer: Peer, toPeerId: Id, offerId: Id, index: number): void {
    const writer = this.#writer;
    const [head, tail] = this.#answerPieces[index];
    this.#begin(this.#answer, peer);
    writer.append(this.#toPeerId);
    writer.appendId(toPeerId.bytes);
    writer.append(head);
    writer.appendSession(offerId.bytes, peer.peerId.bytes);
    writer.append(tail);
    writer.appendId(offerId.bytes);
    writer.append(this.#quote);
    this.#end();
  }

  #begin(head: Piece, { ids }: Peer): void {
    this.#writer.begin();
    this.#writer.append(head);
    this.#writer.append(ids);
  }

  #end(): void {
    if (this.deflate) this.out.appendCompressed(this.#writer);
    else this.#writer.end();
  }
}

function announceHead(event: string, numwant: number, isSeeder: boolean, hasLeft: boolean): string {
  const downloaded = isSeeder ? FILE_BYTES : 0;
  const left = hasLeft ? `"left":${FILE_BYTES - downloaded},` : "";
  return (
    `{"numwant":${numwant},"uploaded":0,"downloaded":${downloaded},${left}` +
    `${event === "" ? "" : `"event":"${event}",`}"action":"announce","info_hash":"`
  );
}
