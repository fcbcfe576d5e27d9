// Reads the messages of WebTorrent clients: JSON, walked through once and left where it is. What the
// tracker needs is known by its place in the text, so that an SDP, the greater part of all there is,
// is neither decoded nor written again: parsing and writing it would make dozens of strings of every
// announce (bench/micro/ws-handler.ts). Types are checked where a value is asked for.

import { readId, readOfferId } from "./id.ts";
import { decodeLiteral } from "./literal.ts";
import { KEY } from "./message-keys.ts";
import { MessageWalk, type WalkLimits } from "./message-walk.ts";

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

/** Longer names of actions are nobody's. */
const MOST_ACTION_LENGTH = 20;
/** Characters of the longest escape. */
const ESCAPE_LENGTH = 6;

const nameCodes = new Uint16Array(MOST_ACTION_LENGTH);

const QUOTE = 34;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;

export interface ReaderSettings extends WalkLimits {
  /** Four random words, for ids of offers: see readOfferId. */
  readonly offerKey: Int32Array;
}

/** Reads one message at a time. */
export class MessageReader {
  readonly #walk: MessageWalk;

  constructor(private readonly settings: ReaderSettings) {
    this.#walk = new MessageWalk(settings);
  }

  /** Reads a message, about which all else is asked then. Never throws. */
  read(text: string): Action {
    if (!this.#walk.walk(text)) return ACTION.none;
    if (this.#says(KEY.action, "announce")) return ACTION.announce;
    if (this.#says(KEY.action, "scrape")) return ACTION.scrape;
    return this.#decodeName(KEY.action) < 0 ? ACTION.none : ACTION.unknown;
  }

  /** The value of a key of the message as a JSON literal, if it is a string; else an empty one. */
  literal(key: number): string {
    const { values } = this.#walk;
    return this.#literal(values[key * 2], values[key * 2 + 1]);
  }

  /** Writes the id that is the value of a key to `words` from `at` on; false when it is none. */
  readId(key: number, words: Int32Array, at: number): boolean {
    const { values } = this.#walk;
    return this.#readId(values[key * 2], values[key * 2 + 1], words, at);
  }

  /** The same for the id of the offer that is answered, by which the offer is named. */
  readAnsweredOfferId(words: Int32Array, at: number): boolean {
    const { text, values } = this.#walk;
    const start = values[KEY.offer_id * 2];
    const end = values[KEY.offer_id * 2 + 1];
    return (
      this.#isString(start) && readOfferId(text, start, end, this.settings.offerKey, words, at)
    );
  }

  /** How many info hashes a scrape asks for, the first ones of too many. */
  get infoHashes(): number {
    return this.#walk.infoHashCount;
  }

  /** Such an info hash, counted from 0, as a JSON literal; an empty one when it is no string. */
  infoHash(index: number): string {
    const { infoHashes } = this.#walk;
    return this.#literal(infoHashes[index * 2], infoHashes[index * 2 + 1]);
  }

  /** Writes it to `words` from `at` on; false when it is none. */
  readInfoHash(index: number, words: Int32Array, at: number): boolean {
    const { infoHashes } = this.#walk;
    return this.#readId(infoHashes[index * 2], infoHashes[index * 2 + 1], words, at);
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
    const { text, values } = this.#walk;
    const start = values[KEY.answer * 2];
    return start > 0 && !text.startsWith("null", start);
  }

  /** The SDP of the answer, as a JSON literal; undefined when it has none. */
  get answerSdp(): string | undefined {
    const { answerSdpEnd, answerSdpStart, text } = this.#walk;
    return answerSdpEnd === 0 ? undefined : text.slice(answerSdpStart, answerSdpEnd);
  }

  /**
   * How many offers may be passed on: those that are well formed, in their order, up to `numwant`
   * where that is a number.
   */
  get offers(): number {
    const numwant = this.#number(KEY.numwant);
    const { offerCount } = this.#walk;
    return numwant >= 0 ? Math.min(offerCount, Math.floor(numwant)) : offerCount;
  }

  /** Whether an offer was passed over for its id alone. */
  get hasBadOfferId(): boolean {
    return this.#walk.hasBadOfferId;
  }

  /** The SDP of such an offer, counted from 0, as a JSON literal. */
  offerSdp(index: number): string {
    const { offers, text } = this.#walk;
    return text.slice(offers[index * 4], offers[index * 4 + 1]);
  }

  /** Its id, as a JSON literal. */
  offerId(index: number): string {
    const { offers, text } = this.#walk;
    return text.slice(offers[index * 4 + 2], offers[index * 4 + 3]);
  }

  /** Writes what names the offer by its id to `words` from `at` on. */
  readOfferId(index: number, words: Int32Array, at: number): void {
    const { offers, text } = this.#walk;
    const start = offers[index * 4 + 2];
    readOfferId(text, start, offers[index * 4 + 3], this.settings.offerKey, words, at);
  }

  // --- values --------------------------------------------------------------------------------------

  // A value that has been scanned, or nothing at 0.
  #readId(start: number, end: number, words: Int32Array, at: number): boolean {
    return this.#isString(start) && readId(this.#walk.text, start, end, words, at);
  }

  #literal(start: number, end: number): string {
    return this.#isString(start) ? this.#walk.text.slice(start, end) : '""';
  }

  // NaN when it is none.
  #number(key: number): number {
    const { text, values } = this.#walk;
    const start = values[key * 2];
    const first = text.charCodeAt(start);
    const isNumber = (first >= ZERO && first <= NINE) || first === MINUS;
    return isNumber ? Number(text.slice(start, values[key * 2 + 1])) : NaN;
  }

  // Whether the value of a key is that string, however it is escaped.
  #says(key: number, expected: string): boolean {
    const { text, values } = this.#walk;
    const start = values[key * 2];
    const length = values[key * 2 + 1] - start - 2;
    if (!this.#isString(start) || length < expected.length) return false;
    if (length === expected.length) return text.startsWith(expected, start + 1);
    if (this.#decodeName(key) !== expected.length) return false;
    for (let i = 0; i < expected.length; i++) {
      if (nameCodes[i] !== expected.charCodeAt(i)) return false;
    }
    return true;
  }

  // Leaves the characters of a value in `nameCodes`; -1 when it is no string, or too long a one.
  #decodeName(key: number): number {
    const { text, values } = this.#walk;
    const start = values[key * 2];
    const end = values[key * 2 + 1];
    const mostLength = MOST_ACTION_LENGTH * ESCAPE_LENGTH + 2;
    if (!this.#isString(start) || end - start > mostLength) return -1;
    return decodeLiteral(text, start, end, nameCodes);
  }

  #isString(at: number): boolean {
    return this.#walk.text.charCodeAt(at) === QUOTE;
  }
}
