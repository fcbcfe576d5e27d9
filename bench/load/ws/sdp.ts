// The SDPs of offers and answers: as Chromium writes them and webtorrent sends them, captured in
// three sizes, with addresses for documentation. Ids, keys and ports differ from offer to offer
// within one announce. The session id is made of the offer id and the sender's peer id, so that an
// SDP tells whose it is.

import { Random } from "../../../src/memory/random.ts";
import captured from "./sdp.json" with { type: "json" };

export type SdpSize = keyof typeof captured;

/** Offers of one announce whose SDPs differ in more than the session id; then they come again. */
const VARIANTS = 10;

const SESSION_BYTES = 19;
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX = "0123456789ABCDEF";
const DIGITS = "123456789";

/** The SDPs of all offers, or of all answers, as the contents of JSON strings. */
export class Sdps {
  /** Where the digits of the session are. */
  readonly sessionAt: number;
  /** Of each of them. */
  readonly length: number;
  readonly #texts: readonly Buffer[];

  constructor(type: "offer" | "answer", size: SdpSize) {
    const random = new Random(Number(type === "answer"), size.length, 0);
    this.#texts = Array.from({ length: VARIANTS }, () => makeText(type, size, random));
    this.length = this.#texts[0].length;
    this.sessionAt = this.#texts[0].indexOf("o=- ") + 4;
  }

  /** The text of offer number `index` up to the session, and from there on. */
  partsOf(index: number): [Buffer, Buffer] {
    const text = this.#texts[index % VARIANTS];
    return [text.subarray(0, this.sessionAt), text.subarray(this.sessionAt + SESSION_BYTES)];
  }

  /** Whether the SDP of a peer for offer number `index` is at `bytes[at]`. */
  isAt(bytes: Buffer, at: number, index: number, offerId: Uint8Array, peerId: Uint8Array): boolean {
    const text = this.#texts[index % VARIANTS];
    writeSession(offerId, peerId, text, this.sessionAt, 0);
    return bytes.compare(text, 0, this.length, at, at + this.length) === 0;
  }
}

/** By the sum of two bytes: its digit. */
const DIGIT = Uint8Array.from({ length: 512 }, (_, sum) => 0x30 + (sum % 10));

/** Writes the session of a peer's SDP, masked as `writeIdText` does, and returns where it ends. */
export function writeSession(
  offerId: Uint8Array,
  peerId: Uint8Array,
  text: Uint8Array,
  at: number,
  mask: number,
): number {
  for (let i = 0; i < SESSION_BYTES; i++) {
    text[at + i] = DIGIT[offerId[i] + peerId[i + 1]] ^ mask;
  }
  return at + SESSION_BYTES;
}

/** A text as the contents of a JSON string. */
export function escapeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

// Gives a captured SDP ids, keys and ports of its own, of the lengths that they had.
function makeText(type: "offer" | "answer", size: SdpSize, random: Random): Buffer {
  const pick = (characters: string, length: number): string =>
    Array.from({ length }, () => characters[random.below(characters.length)]).join("");
  const lines = captured[size].map((line) => {
    if (line === "a=setup:actpass" && type === "answer") return "a=setup:active";
    return line
      .replace(/(?<=^o=- )\d+/, pick(DIGITS, SESSION_BYTES))
      .replace(/(?<=^a=candidate:)\d+/, (digits) => pick(DIGITS, digits.length))
      .replace(/(?<=[0-9a-f] )\d{5}(?= typ)/, (digits) => pick(DIGITS, digits.length))
      .replace(/(?<=^a=ice-(?:ufrag|pwd):).+/, (key) => pick(BASE64, key.length))
      .replace(/(?<=^a=fingerprint:sha-256 ).+/, (print) =>
        print.replaceAll(/\w/g, () => pick(HEX, 1)),
      );
  });
  return Buffer.from(escapeText(`${lines.join("\r\n")}\r\n`));
}
