// A MessageReader for texts, which gives literals as strings. All readers share one inbox, so the
// rest of an earlier message is behind each message.

import { Inbox } from "../../../src/ws/message/inbox.ts";
import { type Action, MessageReader, type Part } from "../../../src/ws/message/reader.ts";
import { MOST_HASHES } from "./model.ts";

const inbox = new Inbox(2 ** 18);

export class TextReader {
  /** For what is not a literal. */
  readonly reader: MessageReader;
  readonly #part: Part = { start: 0, end: 0 };

  constructor(maxOffers: number) {
    const offerKey = new Int32Array([1, 2, 3, 4]);
    const limits = { maxOffers, maxScrapeTorrents: MOST_HASHES };
    this.reader = new MessageReader(inbox, limits, offerKey);
  }

  read(message: string | Uint8Array): Action {
    if (typeof message !== "string") inbox.set(message);
    else if (!inbox.setText(message)) throw new Error("the message is too long");
    return this.reader.read();
  }

  /** The value of a key, or an empty literal if it is not a string. */
  literal(key: number): string {
    return this.reader.locate(key, this.#part) ? this.#text() : '""';
  }

  infoHash(index: number): string {
    return this.reader.locateInfoHash(index, this.#part) ? this.#text() : '""';
  }

  get answerSdp(): string | undefined {
    return this.reader.locateAnswerSdp(this.#part) ? this.#text() : undefined;
  }

  offerSdp(index: number): string {
    this.reader.locateOfferSdp(index, this.#part);
    return this.#text();
  }

  offerId(index: number): string {
    this.reader.locateOfferId(index, this.#part);
    return this.#text();
  }

  #text(): string {
    return inbox.bytes.toString("utf8", this.#part.start, this.#part.end);
  }
}
