// Reads what a tracker sends. Offers and answers are nearly all bytes that are known beforehand: a
// message that was parsed as JSON and found right becomes a layout, and later ones of its length are
// compared with it, but for the ids. One of these for each load worker.

import { escape, type Sdp } from "./requests.ts";
import { ID_BYTES } from "./ids.ts";

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

/** Where a message has its ids, and a message like it. */
interface Layout {
  readonly kind: typeof MESSAGE.offer | typeof MESSAGE.answer;
  readonly infoHashAt: number;
  readonly peerIdAt: number;
  readonly offerIdAt: number;
  /** The offer id in the SDP. */
  readonly sdpIdAt: number;
  readonly sample: Buffer;
}

type Fields = Record<string, unknown>;

/** Trackers write a kind of message in one way, or in a few. */
const MOST_LAYOUTS = 16;

export class Inbound {
  // Of the offer or answer that was read last.
  bytes: Buffer;
  infoHashAt = 0;
  peerIdAt = 0;
  offerIdAt = 0;
  // Of the response.
  infoHash: unknown;
  complete: unknown;
  incomplete: unknown;
  interval: unknown;
  /** Of the failure. */
  reason = "";

  readonly #sdps: { readonly offer: Sdp; readonly answer: Sdp };
  readonly #layouts: Layout[] = [];
  readonly #ids = Buffer.alloc(3 * ID_BYTES);
  #unsampled = 0;

  /** Of every `parseSample` messages, one is parsed that need not be. */
  constructor(
    offer: Sdp,
    answer: Sdp,
    private readonly parseSample: number,
  ) {
    this.#sdps = { offer, answer };
    this.bytes = this.#ids;
  }

  /** Reads a message and returns its kind, or what is wrong with it. */
  read(bytes: Buffer, start: number, end: number): number {
    const layout = this.#findLayout(bytes, start, end);
    if (layout === undefined || ++this.#unsampled >= this.parseSample) {
      this.#unsampled = 0;
      return this.#parse(bytes, start, end, layout === undefined);
    }
    this.bytes = bytes;
    this.infoHashAt = start + layout.infoHashAt;
    this.peerIdAt = start + layout.peerIdAt;
    this.offerIdAt = start + layout.offerIdAt;
    return layout.kind;
  }

  // The sample is given the message's ids, and compared in one go: that costs less than to compare
  // what lies between the ids.
  #findLayout(bytes: Buffer, start: number, end: number): Layout | undefined {
    const layouts = this.#layouts;
    for (let i = 0; i < layouts.length; i++) {
      const layout = layouts[i];
      const { infoHashAt, offerIdAt, peerIdAt, sample, sdpIdAt } = layout;
      if (sample.length !== end - start) continue;
      for (let at = 0; at < ID_BYTES; at++) {
        sample[infoHashAt + at] = bytes[start + infoHashAt + at];
        sample[peerIdAt + at] = bytes[start + peerIdAt + at];
        const character = bytes[start + offerIdAt + at];
        sample[offerIdAt + at] = character;
        sample[sdpIdAt + at] = character;
      }
      if (bytes.compare(sample, 0, sample.length, start, end) === 0) return layout;
    }
    return undefined;
  }

  #parse(bytes: Buffer, start: number, end: number, isNew: boolean): number {
    let message: Fields;
    try {
      message = JSON.parse(bytes.toString("utf8", start, end)) as Fields;
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
    const type = relayedType(message);
    if (type !== undefined) {
      const kind = this.#takeRelayed(message, type);
      const isRight = kind === MESSAGE[type];
      if (isRight && isNew) this.#learn(type, message, Buffer.from(bytes.subarray(start, end)));
      return kind;
    }
    if (message.complete === undefined) return MESSAGE.unknown;
    this.infoHash = message.info_hash;
    this.complete = message.complete;
    this.incomplete = message.incomplete;
    this.interval = message.interval;
    return MESSAGE.response;
  }

  #takeRelayed(message: Fields, type: "offer" | "answer"): number {
    const ids = [message.info_hash, message.peer_id, message.offer_id];
    for (const [index, id] of ids.entries()) {
      if (typeof id !== "string" || id.length !== ID_BYTES) return MESSAGE.malformedId;
      this.#ids.write(id, index * ID_BYTES, "latin1");
    }
    this.bytes = this.#ids;
    this.infoHashAt = 0;
    this.peerIdAt = ID_BYTES;
    this.offerIdAt = 2 * ID_BYTES;
    const { after, before } = this.#sdps[type];
    const description = message[type] as Fields | null;
    const isIntact =
      description?.type === type &&
      description.sdp === `${before}${message.offer_id as string}${after}`;
    return isIntact ? MESSAGE[type] : MESSAGE.damagedSdp;
  }

  // From a message that is right.
  #learn(type: "offer" | "answer", message: Fields, sample: Buffer): void {
    const find = (before: string, id: unknown): number => {
      const at = sample.indexOf(`${before}${id as string}`, 0, "latin1");
      return at < 0 ? -1 : at + before.length;
    };
    const infoHashAt = find('"info_hash":"', message.info_hash);
    const peerIdAt = find('"peer_id":"', message.peer_id);
    const offerIdAt = find('"offer_id":"', message.offer_id);
    const sdpIdAt = find(`"sdp":"${escape(this.#sdps[type].before)}`, message.offer_id);
    if (Math.min(infoHashAt, peerIdAt, offerIdAt, sdpIdAt) < 0) return;
    if (this.#layouts.length === MOST_LAYOUTS) return;
    const kind = MESSAGE[type];
    this.#layouts.push({ kind, infoHashAt, peerIdAt, offerIdAt, sdpIdAt, sample });
  }
}

function relayedType(message: Fields): "offer" | "answer" | undefined {
  if (message.offer !== undefined) return "offer";
  return message.answer !== undefined ? "answer" : undefined;
}
