// What the handler asks about the message in the inbox: its action, IDs, numbers, and where its
// literals are, which are copied into other messages as they are.

import { readId, readOfferId } from "./id.ts";
import type { Inbox } from "./inbox.ts";
import { KEY } from "./keys.ts";
import { decodeLiteral } from "./literal.ts";
import { MessageWalk, type WalkLimits } from "./walk.ts";

/** What a message asks for. */
export const ACTION = {
  /** Nothing that the tracker can respond to. */
  none: 0,
  /** An announce, or an answer to an offer, which clients send as an announce too. */
  announce: 1,
  scrape: 2,
  /** An action that this tracker does not know. */
  unknown: 3,
} as const;

export type Action = (typeof ACTION)[keyof typeof ACTION];

/** A part of the inbox: a JSON literal with its quotes, from `start` to before `end`. */
export interface Part {
  start: number;
  end: number;
}

/** No client knows actions or events with longer names. */
const MAX_NAME_LENGTH = 20;
/** Bytes of the longest escape. */
const ESCAPE_BYTES = 6;

const nameCodes = new Uint16Array(MAX_NAME_LENGTH);
const NAMES = {
  announce: Buffer.from("announce"),
  completed: Buffer.from("completed"),
  scrape: Buffer.from("scrape"),
  stopped: Buffer.from("stopped"),
};

const QUOTE = 34;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const LETTER_N = 110;

/** Reads one message at a time. */
export class MessageReader {
  readonly #walk: MessageWalk;
  readonly #bytes: Buffer;

  constructor(
    inbox: Inbox,
    /** May change at any time. */
    limits: WalkLimits,
    /** Four random words for IDs of offers, see readOfferId. */
    private readonly offerKey: Int32Array,
  ) {
    this.#walk = new MessageWalk(inbox, limits);
    this.#bytes = inbox.bytes;
  }

  /** Reads the message in the inbox, to which all other members then refer. Never throws. */
  read(): Action {
    if (!this.#walk.walk()) return ACTION.none;
    if (this.#says(KEY.action, NAMES.announce)) return ACTION.announce;
    if (this.#says(KEY.action, NAMES.scrape)) return ACTION.scrape;
    return this.#decodeName(KEY.action) < 0 ? ACTION.none : ACTION.unknown;
  }

  /** Locates the value of a key. Returns false if it is not a string. */
  locate(key: number, part: Part): boolean {
    const { values } = this.#walk;
    return this.#locate(values[key * 2], values[key * 2 + 1], part);
  }

  /** Writes the ID that is the value of a key to `words[word]`. Returns false if it is no ID. */
  readId(key: number, words: Int32Array, word: number): boolean {
    const { values } = this.#walk;
    return this.#readId(values[key * 2], values[key * 2 + 1], words, word);
  }

  /** Writes the ID of the answered offer to `words[word]`. Returns false if it is no offer ID. */
  readAnsweredOfferId(words: Int32Array, word: number): boolean {
    const { values } = this.#walk;
    const start = values[KEY.offer_id * 2];
    const end = values[KEY.offer_id * 2 + 1];
    if (!this.#isString(start)) return false;
    return readOfferId(this.#bytes, start, end, this.offerKey, words, word);
  }

  /** The number of info hashes in a scrape, up to the limit. */
  get infoHashes(): number {
    return this.#walk.infoHashCount;
  }

  /** Locates one of them, counted from 0. Returns false if it is not a string. */
  locateInfoHash(index: number, part: Part): boolean {
    const { infoHashes } = this.#walk;
    return this.#locate(infoHashes[index * 2], infoHashes[index * 2 + 1], part);
  }

  /** Writes one of them to `words[word]`. Returns false if it is no ID. */
  readInfoHash(index: number, words: Int32Array, word: number): boolean {
    const { infoHashes } = this.#walk;
    return this.#readId(infoHashes[index * 2], infoHashes[index * 2 + 1], words, word);
  }

  /** Whether `left`, or the event, makes a peer a seeder. Magnet links send `null`. */
  get isSeeder(): boolean {
    return this.#number(KEY.left) === 0 || this.#says(KEY.event, NAMES.completed);
  }

  get isStopped(): boolean {
    return this.#says(KEY.event, NAMES.stopped);
  }

  /** Whether the announce is an answer to an offer. */
  get isAnswer(): boolean {
    const start = this.#walk.values[KEY.answer * 2];
    // Of JSON values, only `null` begins with an n.
    return start > 0 && this.#bytes[start] !== LETTER_N;
  }

  /** Locates the SDP of the answer. Returns false if it has none. */
  locateAnswerSdp(part: Part): boolean {
    part.start = this.#walk.answerSdpStart;
    part.end = this.#walk.answerSdpEnd;
    return part.end !== 0;
  }

  /** The number of offers to relay: the valid ones, in their order, at most `numwant` if given. */
  get offers(): number {
    const numwant = this.#number(KEY.numwant);
    const { offerCount } = this.#walk;
    return numwant >= 0 ? Math.min(offerCount, Math.floor(numwant)) : offerCount;
  }

  /** Whether an offer was skipped only because of its ID. */
  get hasBadOfferId(): boolean {
    return this.#walk.hasBadOfferId;
  }

  /** Locates the SDP of such an offer, counted from 0. */
  locateOfferSdp(index: number, part: Part): void {
    const { offers } = this.#walk;
    part.start = offers[index * 4];
    part.end = offers[index * 4 + 1];
  }

  /** Locates its ID. */
  locateOfferId(index: number, part: Part): void {
    const { offers } = this.#walk;
    part.start = offers[index * 4 + 2];
    part.end = offers[index * 4 + 3];
  }

  /** Writes five words that identify it to `words[word]`, see readOfferId. */
  readOfferId(index: number, words: Int32Array, word: number): void {
    const { offers } = this.#walk;
    const start = offers[index * 4 + 2];
    const end = offers[index * 4 + 3];
    readOfferId(this.#bytes, start, end, this.offerKey, words, word);
  }

  // --- values
  // --------------------------------------------------------------------------------------

  // A value that has been scanned. A key without a value has 0, where no string begins.

  #readId(start: number, end: number, words: Int32Array, word: number): boolean {
    return this.#isString(start) && readId(this.#bytes, start, end, words, word);
  }

  #locate(start: number, end: number, part: Part): boolean {
    part.start = start;
    part.end = end;
    return this.#isString(start);
  }

  // NaN if it is not a number.
  #number(key: number): number {
    const { values } = this.#walk;
    const start = values[key * 2];
    const end = values[key * 2 + 1];
    let number = 0;
    for (let i = start; i < end; i++) {
      const byte = this.#bytes[i];
      if (byte < ZERO || byte > NINE) return this.#unusualNumber(start, end);
      number = number * 10 + byte - ZERO;
    }
    return end > start ? number : NaN;
  }

  // Negative, or with a fraction or an exponent.
  #unusualNumber(start: number, end: number): number {
    const first = this.#bytes[start];
    const isNumber = (first >= ZERO && first <= NINE) || first === MINUS;
    return isNumber ? Number(this.#bytes.toString("latin1", start, end)) : NaN;
  }

  // Whether the value of a key is that string, however it is escaped.
  #says(key: number, expected: Uint8Array): boolean {
    const { values } = this.#walk;
    const start = values[key * 2];
    const length = values[key * 2 + 1] - start - 2;
    if (length < expected.length || !this.#isString(start)) return false;
    let i = 0;
    if (length === expected.length) {
      while (i < length && this.#bytes[start + 1 + i] === expected[i]) i++;
      return i === length;
    }
    if (this.#decodeName(key) !== expected.length) return false;
    while (i < expected.length && nameCodes[i] === expected[i]) i++;
    return i === expected.length;
  }

  // Leaves the code units of a value in `nameCodes`. Returns -1 if it is not a string, or too long.
  #decodeName(key: number): number {
    const { values } = this.#walk;
    const start = values[key * 2];
    const end = values[key * 2 + 1];
    const maxBytes = MAX_NAME_LENGTH * ESCAPE_BYTES + 2;
    if (!this.#isString(start) || end - start > maxBytes) return -1;
    return decodeLiteral(this.#bytes, start, end, nameCodes);
  }

  #isString(start: number): boolean {
    return this.#bytes[start] === QUOTE;
  }
}
