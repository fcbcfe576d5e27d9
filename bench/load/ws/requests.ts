// What the load tester's clients say: announces shaped like a browser's, and answers to offers, as
// templates that ids are written into. One for each load worker.

import type { LoadConfig } from "./config.ts";
import { makeTemplate, type Pattern, type Template } from "./frame.ts";
import { ID_BYTES, type OfferName, writeInfoHash, writeOfferId, writePeerId } from "./ids.ts";
import type { SendBuffer } from "./send-buffer.ts";

/** What a leecher says that it has not got. */
const LEFT_BYTES = 262144;

type Hole = "infoHash" | "peerId" | "toPeerId" | "offerId";
const HOLES: readonly Hole[] = ["infoHash", "peerId", "toPeerId", "offerId"];

const INFO_HASH = { hole: "infoHash" } as const;
const PEER_ID = { hole: "peerId" } as const;
const TO_PEER_ID = { hole: "toPeerId" } as const;
const OFFER_ID = { hole: "offerId" } as const;

/** An SDP up to the offer id in it and after it. */
export interface Sdp {
  readonly before: string;
  readonly after: string;
}

/** The SDP of so many bytes that all offers, or all answers, are but for the offer id in them. */
export function makeSdp(type: "offer" | "answer", bytes: number): Sdp {
  const before = `v=0\r\na=setup:${type === "offer" ? "actpass" : "active"}\r\no=- `;
  const head = " 2 IN IP4 127.0.0.1\r\n";
  const left = bytes - before.length - ID_BYTES - head.length - 2;
  let body = BODY;
  for (let line = 1; body.length < left; line++) body += candidate(line);
  // No line break is cut in two.
  return { before, after: `${head}${body.slice(0, left).replace(/\r$/, "-")}\r\n` };
}

const BODY = [
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "a=extmap-allow-mixed",
  "a=msid-semantic: WMS",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:Jx2R",
  "a=ice-pwd:bNqc5mVDJdQ7yTsCkHWeoPz1",
  "a=ice-options:trickle",
  "a=fingerprint:sha-256 5B:1E:C4:7A:90:3F:D2:68:EB:04:97:AC:31:F5:8D:62:" +
    "19:B7:4E:D0:A3:5C:F8:26:71:9E:0B:C5:E4:3D:86:FA",
  "a=mid:0",
  "a=sctp-port:5000",
  "a=max-message-size:262144",
  "",
].join("\r\n");

function candidate(line: number): string {
  const noise = Math.imul(line, 0x9e3779b1) >>> 0;
  return (
    `a=candidate:${noise} 1 udp ${2113937151 - line} ${noise.toString(16)}-${line}.local ` +
    `${1024 + (noise % 60000)} typ host generation 0 network-cost 999\r\n`
  );
}

/** The texts that a client sends. */
export class Requests {
  readonly #first: readonly Template<Hole>[];
  readonly #next: readonly Template<Hole>[];
  readonly #answer: Template<Hole>;
  readonly #offers: number;
  readonly #name: OfferName = { connection: 0, life: 0, announce: 0, index: 0 };

  /** Offers and answers get these SDPs; frames are compressed if `deflate`. */
  constructor({ requests }: LoadConfig, offerSdp: Sdp, answerSdp: Sdp, deflate: boolean) {
    const { offers } = requests;
    const both = [false, true];
    this.#offers = offers;
    this.#first = both.map((isSeeder) =>
      makeTemplate(announcePattern(offers, isSeeder, "started"), HOLES, deflate),
    );
    this.#next = both.map((isSeeder) =>
      makeTemplate(announcePattern(offers, isSeeder, offerSdp), HOLES, deflate),
    );
    this.#answer = makeTemplate(answerPattern(answerSdp), HOLES, deflate);
  }

  /** Appends an announce without offers, with which a peer starts. */
  appendFirst(
    out: SendBuffer,
    torrent: number,
    isSeeder: boolean,
    connection: number,
    life: number,
  ): void {
    const { bytes, holes } = this.#first[Number(isSeeder)];
    const at = out.append(bytes);
    for (const hole of holes.infoHash) writeInfoHash(out.bytes, at + hole, torrent);
    for (const hole of holes.peerId) writePeerId(out.bytes, at + hole, connection, life);
  }

  /** Appends announce number `announce` of a peer, with its offers. */
  appendNext(
    out: SendBuffer,
    torrent: number,
    isSeeder: boolean,
    connection: number,
    life: number,
    announce: number,
  ): void {
    const { bytes, holes } = this.#next[Number(isSeeder)];
    const at = out.append(bytes);
    for (const hole of holes.infoHash) writeInfoHash(out.bytes, at + hole, torrent);
    for (const hole of holes.peerId) writePeerId(out.bytes, at + hole, connection, life);
    const name = this.#name;
    name.connection = connection;
    name.life = life;
    name.announce = announce;
    for (let index = 0; index < this.#offers; index++) {
      name.index = index;
      // In its SDP, and as it stands.
      const first = at + holes.offerId[index * 2];
      writeOfferId(out.bytes, first, name);
      out.bytes.copyWithin(at + holes.offerId[index * 2 + 1], first, first + ID_BYTES);
    }
  }

  /** Appends the answer of a peer to an offer, whose ids lie in `from`. */
  appendAnswer(
    out: SendBuffer,
    torrent: number,
    connection: number,
    life: number,
    from: Uint8Array,
    peerIdAt: number,
    offerIdAt: number,
  ): void {
    const { bytes, holes } = this.#answer;
    const at = out.append(bytes);
    writeInfoHash(out.bytes, at + holes.infoHash[0], torrent);
    writePeerId(out.bytes, at + holes.peerId[0], connection, life);
    copyId(from, peerIdAt, out.bytes, at + holes.toPeerId[0]);
    copyId(from, offerIdAt, out.bytes, at + holes.offerId[0]);
    copyId(from, offerIdAt, out.bytes, at + holes.offerId[1]);
  }
}

// ---------------------------------------------------------------------------------------------

function announcePattern(offers: number, isSeeder: boolean, event: "started" | Sdp): Pattern<Hole> {
  const left = isSeeder ? 0 : LEFT_BYTES;
  const isFirst = event === "started";
  const pattern: Pattern<Hole>[number][] = [
    `{"numwant":${offers},"uploaded":0,"downloaded":0,"left":${left},` +
      `${isFirst ? '"event":"started",' : ""}"action":"announce","info_hash":"`,
    INFO_HASH,
    `","peer_id":"`,
    PEER_ID,
  ];
  const count = isFirst ? 0 : offers;
  let before = `","offers":[`;
  if (!isFirst) {
    for (let index = 0; index < count; index++) {
      pattern.push(
        `${before}{"offer":{"type":"offer","sdp":"${escape(event.before)}`,
        OFFER_ID,
        `${escape(event.after)}"},"offer_id":"`,
        OFFER_ID,
      );
      before = `"},`;
    }
  }
  return [...pattern, count > 0 ? `"}]}` : `","offers":[]}`];
}

function answerPattern(sdp: Sdp): Pattern<Hole> {
  return [
    `{"action":"announce","info_hash":"`,
    INFO_HASH,
    `","peer_id":"`,
    PEER_ID,
    `","to_peer_id":"`,
    TO_PEER_ID,
    `","answer":{"type":"answer","sdp":"${escape(sdp.before)}`,
    OFFER_ID,
    `${escape(sdp.after)}"},"offer_id":"`,
    OFFER_ID,
    `"}`,
  ];
}

/** A text as it stands within a JSON string. */
export function escape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function copyId(from: Uint8Array, fromAt: number, to: Uint8Array, at: number): void {
  for (let i = 0; i < ID_BYTES; i++) to[at + i] = from[fromAt + i];
}
