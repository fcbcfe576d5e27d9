// Reads the messages of WebTorrent clients: JSON, walked through once and left where it is. What the
// tracker needs is known by its place in the text, so that an SDP, the greater part of all there is,
// is neither decoded nor written again: parsing and writing it would make dozens of strings of every
// announce (bench/micro/ws-handler.ts). Types are checked where a value is asked for.

import { ID_WORDS, readIdLiteral } from "./id.ts";
import { findKey, KEY, KEYS, NO_KEY } from "./message-keys.ts";

/** What a message asks for. */
export const ACTION = {
  /** Nothing that could be answered. */
  none: 0,
  /** An announce, or an answer to an offer, which clients send as an announce too. */
  announce: 1,
  scrape: 2,
  /** Something that this tracker does not know. */
  unknown: 3,
} as const;

export type Action = (typeof ACTION)[keyof typeof ACTION];

const scratch = new Int32Array(ID_WORDS);

/** Objects whose keys mean something, and all others. */
const OBJECT = { message: 0, offer: 1, description: 2, other: 3 } as const;

type ObjectKind = (typeof OBJECT)[keyof typeof OBJECT];

/** What a scan gives where the text is no JSON. */
const NO_JSON = -1;

/** Objects and arrays in each other. */
const MOST_DEPTH = 100;

/** Longer names of actions are nobody's. */
const MOST_ACTION_LENGTH = 20;

/** Characters among which the end of a string is looked for one by one: ids and keys end there. */
const SHORT = 24;

const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BRACKET = 91;
const BACKSLASH = 92;
const BRACKET_END = 93;
const BRACE = 123;
const BRACE_END = 125;

/**
 * What keeps a text from being walked through as it is: white space but the space, characters that
 * no string may have, escapes that are none. Some texts without any of these match as well.
 */
// oxlint-disable-next-line no-control-regex -- [^ -\uffff] would do, and make reading 25 % slower
const ODD = /[\0-\x1f]|\\[^"\\/bfnrtu]|\\u(?![0-9a-fA-F]{4})/;

const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Reads one message at a time. */
export class MessageReader {
  #text = "";
  /** By key of the message, where its value begins and ends; both 0 when it has none. */
  readonly #values = new Int32Array(KEYS.length * 2);
  /** By well-formed offer, where its SDP begins and ends, and where its id does. */
  readonly #offers: Int32Array;
  #offerCount = 0;
  // Where they begin and end, 0 when there is none: the SDP of the answer, that of the description
  // which was scanned last, and the id of the offer which was.
  #answerSdpStart = 0;
  #answerSdpEnd = 0;
  #sdpStart = 0;
  #sdpEnd = 0;
  #offerIdStart = 0;
  #offerIdEnd = 0;
  // Whether the string that was scanned last may have escapes.
  #isEscaped = false;

  /** `mostOffers`: of one announce, that are read. */
  constructor(private readonly mostOffers: number) {
    this.#offers = new Int32Array(mostOffers * 4);
  }

  /** Reads a message, about which all else is asked then. Never throws. */
  read(text: string): Action {
    this.#values.fill(0);
    this.#answerSdpEnd = 0;
    this.#offerCount = 0;
    this.#text = text;
    if (ODD.test(text) && !this.#regulate()) return ACTION.none;
    const start = this.#skipSpaces(0);
    if (this.#text.charCodeAt(start) !== BRACE) return ACTION.none;
    const end = this.#scanObject(start, OBJECT.message, 0);
    if (end === NO_JSON || !this.#isEnd(end)) return ACTION.none;
    if (this.#says(KEY.action, "announce")) return ACTION.announce;
    if (this.#says(KEY.action, "scrape")) return ACTION.scrape;
    return this.#isString(this.#values[KEY.action * 2]) && this.action.length <= MOST_ACTION_LENGTH
      ? ACTION.unknown
      : ACTION.none;
  }

  /** The name of the action. */
  get action(): string {
    return String(this.decode(KEY.action));
  }

  /** The value of a key of the message, as JSON.parse gives it; undefined when there is none. */
  decode(key: number): unknown {
    const end = this.#values[key * 2 + 1];
    if (end === 0) return undefined;
    return JSON.parse(this.#text.slice(this.#values[key * 2], end));
  }

  /** The value of a key of the message as a JSON literal, if it is a string; else an empty one. */
  literal(key: number): string {
    const start = this.#values[key * 2];
    if (!this.#isString(start)) return '""';
    return this.#text.slice(start, this.#values[key * 2 + 1]);
  }

  /** Writes the id that is the value of a key to `words` from `at` on; false when it is none. */
  readId(key: number, words: Int32Array, at: number): boolean {
    return this.#readId(this.#values[key * 2], this.#values[key * 2 + 1], words, at);
  }

  /** Whether `left`, or the event, makes a peer a seeder. `null` is what magnet links send. */
  get isSeeder(): boolean {
    return this.#number(KEY.left) === 0 || this.#says(KEY.event, "completed");
  }

  get isStopped(): boolean {
    return this.#says(KEY.event, "stopped");
  }

  /** Whether the announce is an answer to an offer. */
  get isAnswer(): boolean {
    const start = this.#values[KEY.answer * 2];
    return start > 0 && !this.#text.startsWith("null", start);
  }

  /** The SDP of the answer, as a JSON literal; undefined when it has none. */
  get answerSdp(): string | undefined {
    if (this.#answerSdpEnd === 0) return undefined;
    return this.#text.slice(this.#answerSdpStart, this.#answerSdpEnd);
  }

  /**
   * How many offers may be passed on: those that are well formed, in their order, up to `numwant`
   * where that is a number.
   */
  get offers(): number {
    const numwant = this.#number(KEY.numwant);
    return numwant >= 0 ? Math.min(this.#offerCount, Math.floor(numwant)) : this.#offerCount;
  }

  /** The SDP of such an offer, counted from 0, as a JSON literal. */
  offerSdp(index: number): string {
    return this.#text.slice(this.#offers[index * 4], this.#offers[index * 4 + 1]);
  }

  /** Its id, as a JSON literal. */
  offerId(index: number): string {
    return this.#text.slice(this.#offers[index * 4 + 2], this.#offers[index * 4 + 3]);
  }

  /** Writes its id to `words` from `at` on. */
  readOfferId(index: number, words: Int32Array, at: number): void {
    this.#readId(this.#offers[index * 4 + 2], this.#offers[index * 4 + 3], words, at);
  }

  // --- values --------------------------------------------------------------------------------------

  // A value that has been scanned, or nothing at 0.
  #readId(start: number, end: number, words: Int32Array, at: number): boolean {
    return this.#isString(start) && readIdLiteral(this.#text, start, end, words, at);
  }

  // NaN when it is none.
  #number(key: number): number {
    const start = this.#values[key * 2];
    const first = this.#text.charCodeAt(start);
    const isNumber = (first >= ZERO && first <= NINE) || first === MINUS;
    return isNumber ? Number(this.#text.slice(start, this.#values[key * 2 + 1])) : NaN;
  }

  // Whether the value of a key is that string, however it is escaped.
  #says(key: number, expected: string): boolean {
    const start = this.#values[key * 2];
    const length = this.#values[key * 2 + 1] - start;
    if (!this.#isString(start)) return false;
    if (length === expected.length + 2) return this.#text.startsWith(expected, start + 1);
    return length <= expected.length * 6 + 2 && this.decode(key) === expected;
  }

  #isString(at: number): boolean {
    return this.#text.charCodeAt(at) === QUOTE;
  }

  // --- the walk ------------------------------------------------------------------------------------

  // Has the runtime read the text and write it again; false when it is no JSON.
  #regulate(): boolean {
    try {
      this.#text = JSON.stringify(JSON.parse(this.#text));
      return true;
    } catch {
      return false;
    }
  }

  // Each scan begins where a value does and gives where it ends, or NO_JSON.

  #scan(at: number, depth: number): number {
    switch (this.#text.charCodeAt(at)) {
      case QUOTE:
        return this.#scanString(at);
      case BRACE:
        return this.#scanObject(at, OBJECT.other, depth + 1);
      case BRACKET:
        return this.#scanArray(at, false, depth + 1);
      default:
        return this.#scanWord(at);
    }
  }

  #scanObject(at: number, kind: ObjectKind, depth: number): number {
    if (depth > MOST_DEPTH) return NO_JSON;
    const text = this.#text;
    let next = this.#skipSpaces(at + 1);
    if (text.charCodeAt(next) === BRACE_END) return next + 1;
    for (;;) {
      if (!this.#isString(next)) return NO_JSON;
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

  #scanArray(at: number, isOfOffers: boolean, depth: number): number {
    if (depth > MOST_DEPTH) return NO_JSON;
    const text = this.#text;
    let next = this.#skipSpaces(at + 1);
    if (text.charCodeAt(next) === BRACKET_END) return next + 1;
    for (;;) {
      next = isOfOffers ? this.#scanOffer(next, depth) : this.#scan(next, depth);
      if (next === NO_JSON) return NO_JSON;
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
      this.#sdpEnd = this.#isString(at) ? end : 0;
    }
    return end;
  }

  #scanField(at: number, key: number, depth: number): number {
    let end: number;
    if (key === KEY.answer) {
      end = this.#scanDescription(at, depth);
      this.#answerSdpStart = this.#sdpStart;
      this.#answerSdpEnd = this.#sdpEnd;
    } else if (key === KEY.offers) {
      this.#offerCount = 0;
      const isArray = this.#text.charCodeAt(at) === BRACKET;
      end = isArray ? this.#scanArray(at, true, depth + 1) : this.#scan(at, depth);
    } else {
      end = this.#scan(at, depth);
    }
    if (key !== NO_KEY) {
      this.#values[key * 2] = at;
      this.#values[key * 2 + 1] = end;
    }
    return end;
  }

  // `{type, sdp}`, an offer or an answer.
  #scanDescription(at: number, depth: number): number {
    this.#sdpEnd = 0;
    if (this.#text.charCodeAt(at) !== BRACE) return this.#scan(at, depth);
    return this.#scanObject(at, OBJECT.description, depth + 1);
  }

  // `{offer, offer_id}`.
  #scanOffer(at: number, depth: number): number {
    this.#sdpEnd = 0;
    this.#offerIdStart = 0;
    if (this.#text.charCodeAt(at) !== BRACE) return this.#scan(at, depth);
    const end = this.#scanObject(at, OBJECT.offer, depth + 1);
    if (end === NO_JSON || this.#sdpEnd === 0 || this.#offerCount === this.mostOffers) return end;
    if (!this.#readId(this.#offerIdStart, this.#offerIdEnd, scratch, 0)) return end;
    const place = this.#offerCount++ * 4;
    this.#offers[place] = this.#sdpStart;
    this.#offers[place + 1] = this.#sdpEnd;
    this.#offers[place + 2] = this.#offerIdStart;
    this.#offers[place + 3] = this.#offerIdEnd;
    return end;
  }

  // Characters and escapes are right: see ODD.
  #scanString(at: number): number {
    const text = this.#text;
    this.#isEscaped = false;
    for (let i = at + 1; i < at + SHORT; i++) {
      const code = text.charCodeAt(i);
      if (code === QUOTE) return i + 1;
      if (code === BACKSLASH) break;
    }
    this.#isEscaped = true;
    for (let quote = text.indexOf('"', at + 1); ; quote = text.indexOf('"', quote + 1)) {
      if (quote < 0) return NO_JSON;
      let backslashes = 0;
      while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
      if (backslashes % 2 === 0) return quote + 1;
    }
  }

  // A number, true, false or null.
  #scanWord(at: number): number {
    const text = this.#text;
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
    const text = this.#text;
    let next = at;
    while (text.charCodeAt(next) === SPACE) next++;
    return next;
  }

  // Looking for a character behind the last is slow, and makes all such looking slow.
  #isEnd(at: number): boolean {
    const { length } = this.#text;
    return at === length || this.#skipSpaces(at) === length;
  }
}
