// Walks through a message of a WebTorrent client, which is JSON, once, and notes where in the text is
// what the tracker needs. Makes no value of any part of it, and takes a time in proportion to its
// length, whatever is in it (bench/micro/ws-worst.ts). The reader asks it for all that is noted.

import { isOfferId } from "./id.ts";
import { scanLiteral } from "./literal.ts";
import { findKey, KEY, KEYS, NO_KEY } from "./message-keys.ts";

/** Objects whose keys mean something, and all others. */
const OBJECT = { message: 0, offer: 1, description: 2, other: 3 } as const;

type ObjectKind = (typeof OBJECT)[keyof typeof OBJECT];

/** What the elements of an array are. */
const ELEMENT = { offer: 0, infoHash: 1, other: 2 } as const;

type ElementKind = (typeof ELEMENT)[keyof typeof ELEMENT];

/** What a scan gives where the text is no JSON. */
const NO_JSON = -1;

/** Objects and arrays in each other. */
const MOST_DEPTH = 100;

/** Characters among which the end of a string is looked for one by one: ids and keys end there. */
const SHORT = 24;

const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BRACKET = 91;
const BACKSLASH = 92;
const BRACKET_END = 93;
const BRACE = 123;
const BRACE_END = 125;

/**
 * What may keep a text from being JSON, beside its structure: characters that no string may have,
 * escapes that are none. A text without any of it has strings that need no second look.
 */
// oxlint-disable-next-line no-control-regex -- [^ -\uffff] would do, and make reading 25 % slower
const ODD = /[\0-\x1f]|\\[^"\\/bfnrtu]|\\u(?![0-9a-fA-F]{4})/;

const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** How much of a message is noted. */
export interface WalkLimits {
  /** Offers of one announce. */
  readonly maxOffers: number;
  /** Info hashes of one scrape. */
  readonly maxScrapeTorrents: number;
}

export class MessageWalk {
  /** The message that was walked through last. */
  text = "";
  /** By key of the message, where its value begins and ends; both 0 when it has none. */
  readonly values = new Int32Array(KEYS.length * 2);
  /** By well-formed offer, where its SDP begins and ends, and where its id does. */
  readonly offers: Int32Array;
  offerCount = 0;
  /** Whether an offer was passed over for its id alone. */
  hasBadOfferId = false;
  /** By info hash of a scrape, element of an array or not, where it begins and ends. */
  readonly infoHashes: Int32Array;
  infoHashCount = 0;
  /** Where the SDP of the answer begins and ends; the end is 0 when there is none. */
  answerSdpStart = 0;
  answerSdpEnd = 0;
  // The same of the description that was scanned last, and of the id of the offer which was.
  #sdpStart = 0;
  #sdpEnd = 0;
  #offerIdStart = 0;
  #offerIdEnd = 0;
  /** Whether characters and escapes of strings have to be looked at: see ODD. */
  #isOdd = false;
  /** Whether the string that was scanned last may have escapes. */
  #isEscaped = false;

  constructor(private readonly limits: WalkLimits) {
    this.offers = new Int32Array(limits.maxOffers * 4);
    this.infoHashes = new Int32Array(limits.maxScrapeTorrents * 2);
  }

  /** Walks through a text; false when it is no JSON object, or one nested too deep. */
  walk(text: string): boolean {
    this.values.fill(0);
    this.answerSdpEnd = 0;
    this.offerCount = 0;
    this.hasBadOfferId = false;
    this.infoHashCount = 0;
    this.text = text;
    this.#isOdd = ODD.test(text);
    const start = this.#skipSpaces(0);
    if (text.charCodeAt(start) !== BRACE) return false;
    const end = this.#scanObject(start, OBJECT.message, 0);
    return end !== NO_JSON && this.#isEnd(end);
  }
  // Each scan begins where a value does and gives where it ends, or NO_JSON.

  #scan(at: number, depth: number): number {
    switch (this.text.charCodeAt(at)) {
      case QUOTE:
        return this.#scanString(at);
      case BRACE:
        return this.#scanObject(at, OBJECT.other, depth + 1);
      case BRACKET:
        return this.#scanArray(at, ELEMENT.other, depth + 1);
      default:
        return this.#scanWord(at);
    }
  }

  #scanObject(at: number, kind: ObjectKind, depth: number): number {
    if (depth > MOST_DEPTH) return NO_JSON;
    const text = this.text;
    let next = this.#skipSpaces(at + 1);
    if (text.charCodeAt(next) === BRACE_END) return next + 1;
    for (;;) {
      if (text.charCodeAt(next) !== QUOTE) return NO_JSON;
      const keyEnd = this.#scanString(next);
      if (keyEnd === NO_JSON) return NO_JSON;
      const key = kind === OBJECT.other ? NO_KEY : findKey(text, next, keyEnd, this.#isEscaped);
      next = this.#skipSpaces(keyEnd);
      if (text.charCodeAt(next) !== COLON) return NO_JSON;
      next = this.#scanMember(this.#skipSpaces(next + 1), kind, key, depth);
      if (next === NO_JSON) return NO_JSON;
      next = this.#skipSpaces(next);
      const mark = text.charCodeAt(next);
      if (mark === BRACE_END) return next + 1;
      if (mark !== COMMA) return NO_JSON;
      next = this.#skipSpaces(next + 1);
    }
  }

  #scanArray(at: number, kind: ElementKind, depth: number): number {
    if (depth > MOST_DEPTH) return NO_JSON;
    const text = this.text;
    let next = this.#skipSpaces(at + 1);
    if (text.charCodeAt(next) === BRACKET_END) return next + 1;
    for (;;) {
      const start = next;
      next = kind === ELEMENT.offer ? this.#scanOffer(next, depth) : this.#scan(next, depth);
      if (next === NO_JSON) return NO_JSON;
      if (kind === ELEMENT.infoHash) this.#noteInfoHash(start, next);
      next = this.#skipSpaces(next);
      const mark = text.charCodeAt(next);
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
      this.#sdpEnd = this.text.charCodeAt(at) === QUOTE ? end : 0;
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
      if (this.text.charCodeAt(at) !== BRACKET) this.#noteInfoHash(at, end);
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
    const isArray = this.text.charCodeAt(at) === BRACKET;
    return isArray ? this.#scanArray(at, kind, depth + 1) : this.#scan(at, depth);
  }

  #noteInfoHash(start: number, end: number): void {
    if (this.infoHashCount === this.limits.maxScrapeTorrents) return;
    const place = this.infoHashCount++ * 2;
    this.infoHashes[place] = start;
    this.infoHashes[place + 1] = end;
  }

  // `{type, sdp}`, an offer or an answer.
  #scanDescription(at: number, depth: number): number {
    this.#sdpEnd = 0;
    if (this.text.charCodeAt(at) !== BRACE) return this.#scan(at, depth);
    return this.#scanObject(at, OBJECT.description, depth + 1);
  }

  // `{offer, offer_id}`.
  #scanOffer(at: number, depth: number): number {
    this.#sdpEnd = 0;
    this.#offerIdStart = 0;
    if (this.text.charCodeAt(at) !== BRACE) return this.#scan(at, depth);
    const end = this.#scanObject(at, OBJECT.offer, depth + 1);
    if (end === NO_JSON || this.#sdpEnd === 0) return end;
    if (this.offerCount === this.limits.maxOffers) return end;
    const isGood =
      this.text.charCodeAt(this.#offerIdStart) === QUOTE &&
      isOfferId(this.text, this.#offerIdStart, this.#offerIdEnd);
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

  #scanString(at: number): number {
    const text = this.text;
    if (this.#isOdd) {
      this.#isEscaped = true;
      return scanLiteral(text, at);
    }
    // Characters and escapes are right.
    this.#isEscaped = false;
    for (let i = at + 1; i < at + SHORT; i++) {
      const code = text.charCodeAt(i);
      if (code === QUOTE) return i + 1;
      if (code === BACKSLASH) break;
    }
    this.#isEscaped = true;
    const quote = text.indexOf('"', at + 1);
    if (quote < 0) return NO_JSON;
    return text.charCodeAt(quote - 1) === BACKSLASH ? scanLiteral(text, at) : quote + 1;
  }

  // A number, true, false or null.
  #scanWord(at: number): number {
    const text = this.text;
    let next = at;
    let code = text.charCodeAt(next);
    // Mostly whole numbers, of which none but zero begins with a zero.
    if (code === ZERO) code = text.charCodeAt(++next);
    else while (code >= ZERO && code <= NINE) code = text.charCodeAt(++next);
    if (next > at && (code === COMMA || code === BRACE_END)) return next;
    WORD.lastIndex = at;
    return WORD.test(text) ? WORD.lastIndex : NO_JSON;
  }

  #skipSpaces(at: number): number {
    const text = this.text;
    let next = at;
    let code = text.charCodeAt(next);
    while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
      code = text.charCodeAt(++next);
    }
    return next;
  }

  // Looking for a character behind the last is slow, and makes all such looking slow.
  #isEnd(at: number): boolean {
    const { length } = this.text;
    return at === length || this.#skipSpaces(at) === length;
  }
}
