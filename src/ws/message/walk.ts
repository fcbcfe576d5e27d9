// Walks once through a message of a WebTorrent client, which is JSON (RFC 8259), and notes where
// the parts are that the tracker needs. It creates no value of any part, and its time is
// proportional to the length of the message, whatever that contains (bench/micro/ws-worst.ts). The
// reader asks it.

import { isOfferId } from "./id.ts";
import type { Inbox } from "./inbox.ts";
import { findKey, KEY, KEYS, NO_KEY } from "./keys.ts";
import { scanLiteral } from "./literal.ts";

/** Objects whose keys are read, and all others. */
const OBJECT = { message: 0, offer: 1, description: 2, other: 3 } as const;

type ObjectKind = (typeof OBJECT)[keyof typeof OBJECT];

/** What the elements of an array are. */
const ELEMENT = { offer: 0, infoHash: 1, other: 2 } as const;

type ElementKind = (typeof ELEMENT)[keyof typeof ELEMENT];

/** The result of a scan where the message is not JSON. */
const NO_JSON = -1;

/** Maximum depth of objects and arrays. */
const MAX_DEPTH = 100;

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
/** The bit that makes a letter lower-case. */
const LOWER_CASE = 32;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;
const LETTER_E = 101;
const BRACE = 123;
const BRACE_END = 125;

const text = (ascii: string): Uint8Array => new Uint8Array(Buffer.from(ascii));
const NAMES = [text("true"), text("false"), text("null")];
const OFFER_HEAD = text('{"offer":{"type":"offer","sdp":');
const OFFER_MIDDLE = text('},"offer_id":');

/** The highest limits: memory is reserved for them, so that a limit may change at any time. */
export const MOST_OFFERS = 100;
export const MOST_INFO_HASHES = 10_000;

/** How much of a message is noted. Read anew for each message. */
export interface WalkLimits {
  /** Offers of one announce. */
  readonly maxOffers: number;
  /** Info hashes of one scrape. */
  readonly maxScrapeTorrents: number;
}

export class MessageWalk {
  /** For each key of the message: where its value begins and ends. Both are 0 if it has none. */
  readonly values = new Int32Array(KEYS.length * 2);
  /** For each valid offer: where its SDP begins and ends, and where its ID does. */
  readonly offers = new Int32Array(MOST_OFFERS * 4);
  offerCount = 0;
  /** Whether an offer was skipped only because of its ID. */
  hasBadOfferId = false;
  /** For each info hash of a scrape, in an array or not: where it begins and ends. */
  readonly infoHashes = new Int32Array(MOST_INFO_HASHES * 2);
  infoHashCount = 0;
  /** Where the SDP of the answer begins and ends. The end is 0 if there is none. */
  answerSdpStart = 0;
  answerSdpEnd = 0;
  #maxOffers = 0;
  #maxInfoHashes = 0;
  // The same for the description, and for the ID of the offer, that was scanned last.
  #sdpStart = 0;
  #sdpEnd = 0;
  #offerIdStart = 0;
  #offerIdEnd = 0;

  constructor(
    readonly inbox: Inbox,
    private readonly limits: WalkLimits,
  ) {}

  /**
   * Walks through the message in the inbox. Returns false if it is not a JSON object in valid
   * UTF-8, or is nested too deeply.
   */
  walk(): boolean {
    this.values.fill(0);
    this.answerSdpEnd = 0;
    this.offerCount = 0;
    this.hasBadOfferId = false;
    this.infoHashCount = 0;
    this.#maxOffers = this.limits.maxOffers;
    this.#maxInfoHashes = this.limits.maxScrapeTorrents;
    const { bytes, isUtf8, length } = this.inbox;
    const start = this.#skipSpaces(0);
    if (!isUtf8 || bytes[start] !== BRACE) return false;
    const end = this.#scanObject(start, OBJECT.message, 0);
    return end !== NO_JSON && this.#skipSpaces(end) === length;
  }

  // Each scan begins where a value does and returns where it ends, or NO_JSON. Where the message is
  // cut off, it meets the quotes behind it, and no string that ends there.

  #scan(at: number, depth: number): number {
    switch (this.inbox.bytes[at]) {
      case QUOTE:
        return scanLiteral(this.inbox, at);
      case BRACE:
        return this.#scanObject(at, OBJECT.other, depth + 1);
      case BRACKET:
        return this.#scanArray(at, ELEMENT.other, depth + 1);
      default:
        return this.#scanWord(at);
    }
  }

  #scanObject(at: number, kind: ObjectKind, depth: number): number {
    if (depth > MAX_DEPTH) return NO_JSON;
    const { bytes } = this.inbox;
    let next = this.#skipSpaces(at + 1);
    if (bytes[next] === BRACE_END) return next + 1;
    for (;;) {
      if (bytes[next] !== QUOTE) return NO_JSON;
      const keyEnd = scanLiteral(this.inbox, next);
      if (keyEnd === NO_JSON) return NO_JSON;
      const key = kind === OBJECT.other ? NO_KEY : findKey(bytes, next, keyEnd);
      next = this.#skipSpaces(keyEnd);
      if (bytes[next] !== COLON) return NO_JSON;
      next = this.#scanMember(this.#skipSpaces(next + 1), kind, key, depth);
      if (next === NO_JSON) return NO_JSON;
      next = this.#skipSpaces(next);
      const mark = bytes[next];
      if (mark === BRACE_END) return next + 1;
      if (mark !== COMMA) return NO_JSON;
      next = this.#skipSpaces(next + 1);
    }
  }

  #scanArray(at: number, kind: ElementKind, depth: number): number {
    if (depth > MAX_DEPTH) return NO_JSON;
    const { bytes } = this.inbox;
    let next = this.#skipSpaces(at + 1);
    if (bytes[next] === BRACKET_END) return next + 1;
    for (;;) {
      const start = next;
      next = kind === ELEMENT.offer ? this.#scanOffer(next, depth) : this.#scan(next, depth);
      if (next === NO_JSON) return NO_JSON;
      if (kind === ELEMENT.infoHash) this.#noteInfoHash(start, next);
      next = this.#skipSpaces(next);
      const mark = bytes[next];
      if (mark === BRACKET_END) return next + 1;
      if (mark !== COMMA) return NO_JSON;
      next = this.#skipSpaces(next + 1);
    }
  }

  // The value of a key. The last one of its name counts.
  #scanMember(at: number, kind: ObjectKind, key: number, depth: number): number {
    if (kind === OBJECT.message) return this.#scanField(at, key, depth);
    if (kind === OBJECT.offer && key === KEY.offer) return this.#scanDescription(at, depth);
    const end = this.#scan(at, depth);
    if (kind === OBJECT.offer && key === KEY.offer_id) {
      this.#offerIdStart = at;
      this.#offerIdEnd = end;
    } else if (kind === OBJECT.description && key === KEY.sdp) {
      this.#sdpStart = at;
      this.#sdpEnd = this.inbox.bytes[at] === QUOTE ? end : 0;
    }
    return end;
  }

  #scanField(at: number, key: number, depth: number): number {
    let end: number;
    if (key === KEY.answer) {
      end = this.#scanDescription(at, depth);
      this.answerSdpStart = this.#sdpStart;
      this.answerSdpEnd = this.#sdpEnd;
    } else if (key === KEY.offers) {
      this.offerCount = 0;
      this.hasBadOfferId = false;
      end = this.#scanList(at, ELEMENT.offer, depth);
    } else if (key === KEY.info_hash) {
      this.infoHashCount = 0;
      end = this.#scanList(at, ELEMENT.infoHash, depth);
      if (this.inbox.bytes[at] !== BRACKET) this.#noteInfoHash(at, end);
    } else {
      end = this.#scan(at, depth);
    }
    if (key !== NO_KEY) {
      this.values[key * 2] = at;
      this.values[key * 2 + 1] = end;
    }
    return end;
  }

  // An array of something that is read; or no array.
  #scanList(at: number, kind: ElementKind, depth: number): number {
    const isArray = this.inbox.bytes[at] === BRACKET;
    return isArray ? this.#scanArray(at, kind, depth + 1) : this.#scan(at, depth);
  }

  #noteInfoHash(start: number, end: number): void {
    if (this.infoHashCount === this.#maxInfoHashes) return;
    const place = this.infoHashCount++ * 2;
    this.infoHashes[place] = start;
    this.infoHashes[place + 1] = end;
  }

  // `{type, sdp}`, an offer or an answer.
  #scanDescription(at: number, depth: number): number {
    this.#sdpEnd = 0;
    if (this.inbox.bytes[at] !== BRACE) return this.#scan(at, depth);
    return this.#scanObject(at, OBJECT.description, depth + 1);
  }

  // `{offer, offer_id}`.
  #scanOffer(at: number, depth: number): number {
    this.#sdpEnd = 0;
    this.#offerIdStart = 0;
    const { bytes } = this.inbox;
    if (bytes[at] !== BRACE) return this.#scan(at, depth);
    let end = this.#scanUsualOffer(at);
    if (end === NO_JSON) end = this.#scanObject(at, OBJECT.offer, depth + 1);
    if (end === NO_JSON || this.#sdpEnd === 0) return end;
    if (this.offerCount === this.#maxOffers) return end;
    const isGood =
      bytes[this.#offerIdStart] === QUOTE && isOfferId(bytes, this.#offerIdStart, this.#offerIdEnd);
    if (!isGood) {
      this.hasBadOfferId = true;
      return end;
    }
    const place = this.offerCount++ * 4;
    this.offers[place] = this.#sdpStart;
    this.offers[place + 1] = this.#sdpEnd;
    this.offers[place + 2] = this.#offerIdStart;
    this.offers[place + 3] = this.#offerIdEnd;
    return end;
  }

  // The same, as all clients write it. NO_JSON if it is written in another way.
  #scanUsualOffer(at: number): number {
    const { bytes } = this.inbox;
    if (!startsWith(bytes, at, OFFER_HEAD)) return NO_JSON;
    const sdpStart = at + OFFER_HEAD.length;
    const sdpEnd = bytes[sdpStart] === QUOTE ? scanLiteral(this.inbox, sdpStart) : NO_JSON;
    if (sdpEnd === NO_JSON || !startsWith(bytes, sdpEnd, OFFER_MIDDLE)) return NO_JSON;
    const idStart = sdpEnd + OFFER_MIDDLE.length;
    const idEnd = bytes[idStart] === QUOTE ? scanLiteral(this.inbox, idStart) : NO_JSON;
    if (idEnd === NO_JSON || bytes[idEnd] !== BRACE_END) return NO_JSON;
    this.#sdpStart = sdpStart;
    this.#sdpEnd = sdpEnd;
    this.#offerIdStart = idStart;
    this.#offerIdEnd = idEnd;
    return idEnd + 1;
  }

  // A number, true, false or null.
  #scanWord(at: number): number {
    const { bytes } = this.inbox;
    const first = bytes[at];
    if (first === MINUS || (first >= ZERO && first <= NINE)) return scanNumber(bytes, at);
    for (const name of NAMES) if (startsWith(bytes, at, name)) return at + name.length;
    return NO_JSON;
  }

  #skipSpaces(at: number): number {
    const { bytes } = this.inbox;
    let next = at;
    let byte = bytes[next];
    while (byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB) {
      byte = bytes[++next];
    }
    return next;
  }
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  let i = 0;
  while (i < prefix.length && bytes[at + i] === prefix[i]) i++;
  return i === prefix.length;
}

function scanNumber(bytes: Uint8Array, at: number): number {
  let next = bytes[at] === MINUS ? at + 1 : at;
  // Only zero itself begins with a zero.
  next = bytes[next] === ZERO ? next + 1 : skipDigits(bytes, next);
  if (next >= 0 && bytes[next] === POINT) next = skipDigits(bytes, next + 1);
  if (next >= 0 && (bytes[next] | LOWER_CASE) === LETTER_E) {
    const sign = bytes[next + 1];
    next = skipDigits(bytes, sign === PLUS || sign === MINUS ? next + 2 : next + 1);
  }
  return next;
}

// One or more digits; NO_JSON if there is none.
function skipDigits(bytes: Uint8Array, at: number): number {
  let next = at;
  while (bytes[next] >= ZERO && bytes[next] <= NINE) next++;
  return next > at ? next : NO_JSON;
}
