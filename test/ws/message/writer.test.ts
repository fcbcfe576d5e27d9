import { beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { ERRORS } from "../../../src/ws/handler.ts";
import { Draft } from "../../../src/ws/message/draft.ts";
import { Inbox } from "../../../src/ws/message/inbox.ts";
import type { Part } from "../../../src/ws/message/reader.ts";
import { MessageWriter } from "../../../src/ws/message/writer.ts";

const infoHash = '"hash\\"\\\\\\n\\u0000\u007f\u0080ÿ890123456"';
const peerId = '"-WW0208-abcdefghijkl"';
const offerId = '"offer-id-0-123456789"';

let draft: Draft;
let inbox: Inbox;
let writer: MessageWriter;

beforeEach(() => {
  draft = new Draft();
  inbox = new Inbox(10_000);
  writer = new MessageWriter(draft, inbox);
});

/** Puts literals into the inbox, with something around each, and returns where they are. */
function place(...literals: string[]): Part[] {
  let text = "{";
  const parts = literals.map((literal) => {
    text += ":";
    const start = Buffer.byteLength(text);
    text += literal;
    return { start, end: Buffer.byteLength(text) };
  });
  expect(inbox.setText(`${text},`)).toBe(true);
  return parts;
}

test("an announce response", () => {
  const [hash] = place(infoHash);
  writer.writeAnnounceResponse(hash, 3, 50, 120);
  expect(draft.toString()).toBe(
    `{"action":"announce","info_hash":${infoHash},` +
      `"complete":3,"incomplete":50,"interval":120}`,
  );
});

test("offers of one announce", () => {
  const second = offerId.replace("0", "1");
  const sdp = '"v=0\\r\\n\\""';
  const [hash, peer, sdpPart, first, secondId, long, short] = place(
    infoHash,
    peerId,
    sdp,
    offerId,
    second,
    `"${"x".repeat(5000)}"`,
    '""',
  );
  const expected = (sdpText: string, id: string): string =>
    `{"action":"announce","info_hash":${infoHash},"peer_id":"-WW0208-abcdefghijkl",` +
    `"offer":{"type":"offer","sdp":${sdpText}},"offer_id":${id}}`;
  writer.writeOfferHead(hash, peer);
  writer.writeOffer(sdpPart, first);
  expect(draft.toString()).toBe(expected(sdp, offerId));
  writer.writeOffer(long, secondId);
  expect(draft.toString()).toBe(expected(`"${"x".repeat(5000)}"`, second));
  writer.writeOffer(short, first);
  expect(draft.toString()).toBe(expected('""', offerId));
});

test("an answer", () => {
  const [hash, peer, sdp, id] = place(infoHash, peerId, '"v=0\\r\\n"', offerId);
  writer.writeAnswer(hash, peer, sdp, id);
  expect(draft.toString()).toBe(
    `{"action":"announce","info_hash":${infoHash},"peer_id":"-WW0208-abcdefghijkl",` +
      `"answer":{"type":"answer","sdp":"v=0\\r\\n"},"offer_id":"offer-id-0-123456789"}`,
  );
});

test("a scrape response of none, one and two torrents", () => {
  const [hash, other] = place(infoHash, peerId);
  const one = `${infoHash}:{"complete":1,"incomplete":2,"downloaded":0}`;
  const two = `${peerId}:{"complete":0,"incomplete":3,"downloaded":0}`;
  for (const [count, files] of [
    [0, ""],
    [1, one],
    [2, `${one},${two}`],
  ] as const) {
    writer.writeScrapeHead();
    if (count > 0) writer.writeScrapeEntry(0, hash, 1, 2);
    if (count > 1) writer.writeScrapeEntry(1, other, 0, 3);
    writer.writeScrapeEnd();
    expect(draft.toString()).toBe(`{"action":"scrape","files":{${files}}}`);
  }
});

test("an error, to an action of the client or of the tracker, with and without info hash", () => {
  const [action, hash] = place('"a\\""', infoHash);
  writer.writeError(action, hash, Buffer.from("no such thing"));
  expect(draft.toString()).toBe(
    `{"action":"a\\"","info_hash":${infoHash},"failure reason":"no such thing"}`,
  );
  writer.writeError(new Uint8Array(Buffer.from('"scrape"')), undefined, Buffer.from("none"));
  expect(draft.toString()).toBe('{"action":"scrape","info_hash":"","failure reason":"none"}');
});

test("no reason for an error needs escapes", () => {
  for (const reason of Object.values(ERRORS)) {
    const text = Buffer.from(reason).toString();
    expect(JSON.stringify(text)).toBe(`"${text}"`);
  }
});

test("literals come back unchanged, lone surrogates among them", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const text = fc.string({ unit: "binary" });
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
  const any = fc.oneof(text, fc.string({ unit }));
  fc.assert(
    fc.property(any, any, any, any, (hash, peer, sdp, id) => {
      const literals = [hash, peer, sdp, id].map((each) => JSON.stringify(each));
      const [hashPart, peerPart, sdpPart, idPart] = place(...literals);
      const names = { action: "announce", info_hash: hash, peer_id: peer, offer_id: id };
      const read = (): unknown => {
        return JSON.parse(decoder.decode(draft.bytes.subarray(0, draft.length)));
      };
      writer.writeOfferHead(hashPart, peerPart);
      writer.writeOffer(sdpPart, idPart);
      expect(read()).toEqual({ ...names, offer: { type: "offer", sdp } });
      writer.writeAnswer(hashPart, peerPart, sdpPart, idPart);
      expect(read()).toEqual({ ...names, answer: { type: "answer", sdp } });
    }),
  );
});
