// Reads what a tracker sends, as bytes: responses, offers and answers in JSON without spaces, their
// keys in any order. What else there may be is parsed as JSON and taken the same way. One of these
// for each load worker.

import { readIdText } from "./id-text.ts";
import { Id, ID_BYTES } from "./ids.ts";
import { escapeText, type Sdps } from "./sdp.ts";

export const MESSAGE = {
  response: 0,
  offer: 1,
  answer: 2,
  failure: 3,
  notJson: 4,
  unknown: 5,
  malformedId: 6,
  damagedSdp: 7,
} as const;

/** The result of the walk over bytes that are none of the usual messages. */
const UNUSUAL = -1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const KEYS = {
  action: bytesOf('"action":"announce"'),
  infoHash: bytesOf('"info_hash":"'),
  peerId: bytesOf('"peer_id":"'),
  offerId: bytesOf('"offer_id":"'),
  offer: bytesOf('"offer":{"type":"offer","sdp":"'),
  answer: bytesOf('"answer":{"type":"answer","sdp":"'),
  complete: bytesOf('"complete":'),
  incomplete: bytesOf('"incomplete":'),
  interval: bytesOf('"interval":'),
};

type Fields = Record<string, unknown>;

export class Inbound {
  readonly infoHash = new Id();
  readonly peerId = new Id();
  readonly offerId = new Id();
  // Of a response; -1 where it has none, or no number.
  complete = -1;
  incomplete = -1;
  interval = -1;
  /** Of a failure. */
  reason = "";

  /** Where the SDP begins that was read last. */
  #sdpAt = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** The place behind the value that was read last. */
  #end = 0;

  constructor(
    private readonly offerSdps: Sdps,
    private readonly answerSdps: Sdps,
  ) {}

  /** Reads a message and returns its kind, or what is wrong with it. */
  read(bytes: Buffer, start: number, end: number): number {
    const kind = this.#walk(bytes, start, end);
    if (kind !== UNUSUAL) {
      this.#bytes = bytes;
      return kind;
    }
    return this.#parse(bytes, start, end);
  }

  /** Whether the message's SDP is the one of its peer id for its offer id, number `index`. */
  isSdpIntact(kind: number, index: number): boolean {
    const sdps = kind === MESSAGE.offer ? this.offerSdps : this.answerSdps;
    return sdps.isAt(this.#bytes, this.#sdpAt, index, this.offerId.bytes, this.peerId.bytes);
  }

  #walk(bytes: Buffer, start: number, end: number): number {
    this.complete = this.incomplete = this.interval = -1;
    let kind = UNUSUAL;
    let ids = 0;
    let hasAction = false;
    if (bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return UNUSUAL;
    for (let at = start + 1; ; at = this.#end + 1) {
      switch (bytes[at + 1]) {
        case 0x61: // a
          if (isThere(KEYS.action, bytes, at)) {
            hasAction = true;
            this.#end = at + KEYS.action.length;
          } else {
            if (!this.#readSdp(KEYS.answer, this.answerSdps, bytes, at)) return UNUSUAL;
            kind = MESSAGE.answer;
          }
          break;
        case 0x6f: // o
          if (isThere(KEYS.offerId, bytes, at)) {
            if (!this.#readId(KEYS.offerId, this.offerId, bytes, at)) return UNUSUAL;
            ids |= 4;
          } else {
            if (!this.#readSdp(KEYS.offer, this.offerSdps, bytes, at)) return UNUSUAL;
            kind = MESSAGE.offer;
          }
          break;
        case 0x70: // p
          if (!this.#readId(KEYS.peerId, this.peerId, bytes, at)) return UNUSUAL;
          ids |= 2;
          break;
        case 0x63: // c
          this.complete = this.#readNumber(KEYS.complete, bytes, at);
          if (this.complete < 0) return UNUSUAL;
          kind = MESSAGE.response;
          break;
        default:
          if (isThere(KEYS.infoHash, bytes, at)) {
            if (!this.#readId(KEYS.infoHash, this.infoHash, bytes, at)) return UNUSUAL;
            ids |= 1;
          } else if (isThere(KEYS.interval, bytes, at)) {
            this.interval = this.#readNumber(KEYS.interval, bytes, at);
            if (this.interval < 0) return UNUSUAL;
          } else {
            this.incomplete = this.#readNumber(KEYS.incomplete, bytes, at);
            if (this.incomplete < 0) return UNUSUAL;
          }
      }
      if (bytes[this.#end] !== COMMA) break;
    }
    if (this.#end !== end - 1 || !hasAction) return UNUSUAL;
    return ids === (kind === MESSAGE.response ? 1 : 7) ? kind : UNUSUAL;
  }

  // The id behind a key.
  #readId(key: Uint8Array, id: Id, bytes: Buffer, at: number): boolean {
    if (!isThere(key, bytes, at)) return false;
    const end = readIdText(bytes, at + key.length, id.bytes);
    this.#end = end + 1;
    return end >= 0;
  }

  // An SDP of the right length. What is in it is looked at when it is known whose it is.
  #readSdp(key: Uint8Array, { length }: Sdps, bytes: Buffer, at: number): boolean {
    if (!isThere(key, bytes, at)) return false;
    this.#sdpAt = at + key.length;
    const end = this.#sdpAt + length;
    this.#end = end + 2;
    return bytes[end] === QUOTE && bytes[end + 1] === CLOSE;
  }

  // A number of up to nine digits; -1 if there is none.
  #readNumber(key: Uint8Array, bytes: Buffer, at: number): number {
    if (!isThere(key, bytes, at)) return -1;
    const start = at + key.length;
    let number = 0;
    let end = start;
    for (; bytes[end] >= 0x30 && bytes[end] <= 0x39; end++)
      number = number * 10 + bytes[end] - 0x30;
    this.#end = end;
    const isPadded = bytes[start] === 0x30 && end > start + 1;
    return end > start && end < start + 10 && !isPadded ? number : -1;
  }

  // --- what is not as usual ----------------------------------------------------------------------

  #parse(bytes: Buffer, start: number, end: number): number {
    let message: Fields;
    try {
      message = JSON.parse(UTF8.decode(bytes.subarray(start, end))) as Fields;
    } catch {
      return MESSAGE.notJson;
    }
    if (typeof message !== "object" || message === null) return MESSAGE.unknown;
    const failure = message["failure reason"];
    if (failure !== undefined) {
      this.reason = typeof failure === "string" ? failure : JSON.stringify(failure);
      return MESSAGE.failure;
    }
    if (message.action !== "announce") return MESSAGE.unknown;
    if (message.offer !== undefined) return this.#takeRelayed(message, "offer");
    if (message.answer !== undefined) return this.#takeRelayed(message, "answer");
    if (message.complete === undefined) return MESSAGE.unknown;
    if (!takeId(this.infoHash, message.info_hash)) return MESSAGE.malformedId;
    this.complete = toCount(message.complete);
    this.incomplete = toCount(message.incomplete);
    this.interval = toCount(message.interval);
    return MESSAGE.response;
  }

  #takeRelayed(message: Fields, type: "offer" | "answer"): number {
    const areIds =
      takeId(this.infoHash, message.info_hash) &&
      takeId(this.peerId, message.peer_id) &&
      takeId(this.offerId, message.offer_id);
    if (!areIds) return MESSAGE.malformedId;
    const description = message[type] as Fields | null;
    if (description?.type !== type || typeof description.sdp !== "string") {
      return MESSAGE.damagedSdp;
    }
    this.#bytes = Buffer.from(escapeText(description.sdp));
    this.#sdpAt = 0;
    const { length } = type === "offer" ? this.offerSdps : this.answerSdps;
    return this.#bytes.length === length ? MESSAGE[type] : MESSAGE.damagedSdp;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function isThere(expected: Uint8Array, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

function takeId({ bytes }: Id, text: unknown): boolean {
  if (typeof text !== "string" || text.length !== ID_BYTES) return false;
  for (let i = 0; i < ID_BYTES; i++) {
    const character = text.charCodeAt(i);
    if (character > 255) return false;
    bytes[i] = character;
  }
  return true;
}

function toCount(value: unknown): number {
  return Number.isSafeInteger(value) ? (value as number) : -1;
}
