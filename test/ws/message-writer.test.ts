import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  writeAnnounceResponse,
  writeAnswer,
  writeError,
  writeOffer,
  writeOfferHead,
  writeScrapeEntry,
  writeScrapeResponse,
} from "../../src/ws/message-writer.ts";

const infoHash = '"hash\\"\\\\\\n\\u0000\u007f\u0080ÿ890123456"';
const peerId = '"-WW0208-abcdefghijkl"';
const offerId = '"offer-id-0-123456789"';

test("an announce response", () => {
  expect(writeAnnounceResponse(infoHash, 3, 50, 120)).toBe(
    `{"action":"announce","info_hash":${infoHash},` +
      `"complete":3,"incomplete":50,"interval":120}`,
  );
});

test("an offer", () => {
  const head = writeOfferHead(infoHash, peerId);
  expect(writeOffer(head, '"v=0\\r\\n\\""', offerId)).toBe(
    `{"action":"announce","info_hash":${infoHash},"peer_id":"-WW0208-abcdefghijkl",` +
      `"offer":{"type":"offer","sdp":"v=0\\r\\n\\""},"offer_id":"offer-id-0-123456789"}`,
  );
});

test("an answer", () => {
  expect(writeAnswer(infoHash, peerId, '"v=0\\r\\n"', offerId)).toBe(
    `{"action":"announce","info_hash":${infoHash},"peer_id":"-WW0208-abcdefghijkl",` +
      `"answer":{"type":"answer","sdp":"v=0\\r\\n"},"offer_id":"offer-id-0-123456789"}`,
  );
});

test("a scrape response of none, one and two torrents", () => {
  const one = writeScrapeEntry(infoHash, 1, 2);
  const two = writeScrapeEntry(peerId, 0, 3);
  expect(one).toBe(`${infoHash}:{"complete":1,"incomplete":2,"downloaded":0}`);
  expect(writeScrapeResponse([])).toBe('{"action":"scrape","files":{}}');
  expect(writeScrapeResponse([one])).toBe(`{"action":"scrape","files":{${one}}}`);
  expect(writeScrapeResponse([one, two])).toBe(`{"action":"scrape","files":{${one},${two}}}`);
});

test("an error", () => {
  expect(writeError('"a\\""', infoHash, 'no "thing"')).toBe(
    `{"action":"a\\"","info_hash":${infoHash},"failure reason":"no \\"thing\\""}`,
  );
});

test("literals come back as what they say, lone surrogates among it", () => {
  const text = fc.string({ unit: "binary" });
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
  const any = fc.oneof(text, fc.string({ unit }));
  fc.assert(
    fc.property(any, any, any, any, (hash, peer, sdp, id) => {
      const literals = [hash, peer, sdp, id].map((each) => JSON.stringify(each));
      const [hashJson, peerJson, sdpJson, idJson] = literals;
      const offer = writeOffer(writeOfferHead(hashJson, peerJson), sdpJson, idJson);
      const names = { action: "announce", info_hash: hash, peer_id: peer, offer_id: id };
      expect(JSON.parse(offer)).toEqual({ ...names, offer: { type: "offer", sdp } });
      const answer = writeAnswer(hashJson, peerJson, sdpJson, idJson);
      expect(JSON.parse(answer)).toEqual({ ...names, answer: { type: "answer", sdp } });
      expect(answer.isWellFormed()).toBe(true);
    }),
  );
});
