// The messages that WebTorrent clients receive, as JSON. IDs and SDPs are literals of the message
// in the inbox and are copied as they are: the walk has checked them.

import type { Draft } from "./draft.ts";
import type { Inbox } from "./inbox.ts";
import type { Part } from "./reader.ts";

const text = (literal: string): Uint8Array => new Uint8Array(Buffer.from(literal));

const ANNOUNCE = text('{"action":"announce","info_hash":');
const SCRAPE = text('{"action":"scrape","files":{');
const ERROR = text('{"action":');
const INFO_HASH = text(',"info_hash":');
const PEER_ID = text(',"peer_id":');
const OFFER = text(',"offer":{"type":"offer","sdp":');
const ANSWER = text(',"answer":{"type":"answer","sdp":');
const OFFER_ID = text('},"offer_id":');
const COMPLETE = text(',"complete":');
const INCOMPLETE = text(',"incomplete":');
const INTERVAL = text(',"interval":');
const FILE_COMPLETE = text(':{"complete":');
const DOWNLOADED = text(',"downloaded":0}');
const COMMA = text(",");
const FAILURE = text(',"failure reason":"');
const STRING_END = text('"}');
const END = text("}");

/** An empty string, in place of a literal that is not there. */
export const EMPTY_LITERAL = text('""');

export class MessageWriter {
  /** The length of the draft up to where the offers of one announce differ. */
  #headLength = 0;

  constructor(
    private readonly draft: Draft,
    private readonly inbox: Inbox,
  ) {}

  /** The response to an announce. `interval` is in seconds. */
  writeAnnounceResponse(
    infoHash: Part,
    complete: number,
    incomplete: number,
    interval: number,
  ): void {
    const { draft } = this;
    draft.begin(ANNOUNCE);
    this.#add(infoHash);
    draft.add(COMPLETE);
    draft.addNumber(complete);
    draft.add(INCOMPLETE);
    draft.addNumber(incomplete);
    draft.add(INTERVAL);
    draft.addNumber(interval);
    draft.add(END);
  }

  /** The beginning of all offers of one announce by `peerId`. `writeOffer` completes it. */
  writeOfferHead(infoHash: Part, peerId: Part): void {
    this.#writeHead(infoHash, peerId);
    this.draft.add(OFFER);
    this.#headLength = this.draft.length;
  }

  /** An offer to one other peer. Nothing else may be written between the head and the offers. */
  writeOffer(sdp: Part, offerId: Part): void {
    this.draft.truncate(this.#headLength);
    this.#writeTail(sdp, offerId);
  }

  /** The answer of `peerId` to an offer. */
  writeAnswer(infoHash: Part, peerId: Part, sdp: Part, offerId: Part): void {
    this.#writeHead(infoHash, peerId);
    this.draft.add(ANSWER);
    this.#writeTail(sdp, offerId);
  }

  /** The beginning of a response to a scrape. */
  writeScrapeHead(): void {
    this.draft.begin(SCRAPE);
  }

  /** The counts of torrent number `index` in that response. Downloads are not counted. */
  writeScrapeEntry(index: number, infoHash: Part, complete: number, incomplete: number): void {
    const { draft } = this;
    if (index > 0) draft.add(COMMA);
    this.#add(infoHash);
    draft.add(FILE_COMPLETE);
    draft.addNumber(complete);
    draft.add(INCOMPLETE);
    draft.addNumber(incomplete);
    draft.add(DOWNLOADED);
  }

  /** The end of that response. */
  writeScrapeEnd(): void {
    this.draft.add(END);
    this.draft.add(END);
  }

  /**
   * An error response. `reason` is a text that needs no escapes. Clients drop their connection,
   * with all its torrents, at an error without an action, and ignore one without their info hash:
   * so whatever string came as info hash goes back, and an empty one (`undefined`) if none came.
   */
  writeError(action: Uint8Array | Part, infoHash: Part | undefined, reason: Uint8Array): void {
    const { draft } = this;
    draft.begin(ERROR);
    if (action instanceof Uint8Array) draft.add(action);
    else this.#add(action);
    draft.add(INFO_HASH);
    if (infoHash === undefined) draft.add(EMPTY_LITERAL);
    else this.#add(infoHash);
    draft.add(FAILURE);
    draft.add(reason);
    draft.add(STRING_END);
  }

  #writeHead(infoHash: Part, peerId: Part): void {
    this.draft.begin(ANNOUNCE);
    this.#add(infoHash);
    this.draft.add(PEER_ID);
    this.#add(peerId);
  }

  #writeTail(sdp: Part, offerId: Part): void {
    this.#add(sdp);
    this.draft.add(OFFER_ID);
    this.#add(offerId);
    this.draft.add(END);
  }

  #add({ start, end }: Part): void {
    this.draft.addPart(this.inbox.bytes, start, end);
  }
}
