import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  isSeeder,
  readMessage,
  readOffers,
  readAnswer,
  writeAnnounceResponse,
  writeAnswer,
  writeError,
  writeOffer,
  writeOfferHead,
  writeScrapeEntry,
  writeScrapeResponse,
} from "../../src/ws/message.ts";

const infoHash = 'hash"\\\n\u0000\u007f\u0080ÿ890123456x'.slice(0, 20);
const infoHashJson = '"hash\\"\\\\\\n\\u0000\u007f\u0080ÿ890123456"';
const peerId = "-WW0208-abcdefghijkl";
const offerId = "offer-id-0-123456789";

describe("written texts", () => {
  test("an announce response", () => {
    expect(writeAnnounceResponse(infoHash, 3, 50, 120)).toBe(
      `{"action":"announce","info_hash":${infoHashJson},` +
        `"complete":3,"incomplete":50,"interval":120}`,
    );
  });

  test("an offer", () => {
    const head = writeOfferHead(infoHash, peerId);
    expect(writeOffer(head, '"v=0\\r\\n\\""', offerId)).toBe(
      `{"action":"announce","info_hash":${infoHashJson},"peer_id":"-WW0208-abcdefghijkl",` +
        `"offer":{"type":"offer","sdp":"v=0\\r\\n\\""},"offer_id":"offer-id-0-123456789"}`,
    );
  });

  test("an answer", () => {
    expect(writeAnswer(infoHash, peerId, '"v=0\\r\\n"', offerId)).toBe(
      `{"action":"announce","info_hash":${infoHashJson},"peer_id":"-WW0208-abcdefghijkl",` +
        `"answer":{"type":"answer","sdp":"v=0\\r\\n"},"offer_id":"offer-id-0-123456789"}`,
    );
  });

  test("a scrape response of none, one and two torrents", () => {
    const one = writeScrapeEntry(infoHash, 1, 2);
    const two = writeScrapeEntry(peerId, 0, 3);
    expect(one).toBe(`${infoHashJson}:{"complete":1,"incomplete":2,"downloaded":0}`);
    expect(writeScrapeResponse([])).toBe('{"action":"scrape","files":{}}');
    expect(writeScrapeResponse([one])).toBe(`{"action":"scrape","files":{${one}}}`);
    expect(writeScrapeResponse([one, two])).toBe(`{"action":"scrape","files":{${one},${two}}}`);
  });

  test("an error, which always has an info hash", () => {
    expect(writeError("announce", infoHash, 'no "thing"')).toBe(
      `{"action":"announce","info_hash":${infoHashJson},"failure reason":"no \\"thing\\""}`,
    );
    const without = '{"action":"a\\"","info_hash":"","failure reason":"x"}';
    for (const odd of [undefined, null, 5, ["x"], {}]) {
      expect(writeError('a"', odd, "x")).toBe(without);
    }
  });

  test("any strings come back as they were, lone surrogates among them", () => {
    const text = fc.string({ unit: "binary" });
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    const any = fc.oneof(text, fc.string({ unit }));
    fc.assert(
      fc.property(any, any, any, any, (hash, peer, sdp, id) => {
        expect(JSON.parse(writeOffer(writeOfferHead(hash, peer), JSON.stringify(sdp), id))).toEqual(
          {
            action: "announce",
            info_hash: hash,
            peer_id: peer,
            offer: { type: "offer", sdp },
            offer_id: id,
          },
        );
        const answer = writeAnswer(hash, peer, JSON.stringify(sdp), id);
        expect(JSON.parse(answer)).toEqual({
          action: "announce",
          info_hash: hash,
          peer_id: peer,
          answer: { type: "answer", sdp },
          offer_id: id,
        });
        expect(answer.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("what is no message", () => {
  test.each([
    "",
    " ",
    "hello",
    "{",
    '{"action":"announce"',
    '{"action":"announce"} x',
    "null",
    "true",
    "5",
    '"announce"',
    "[]",
    '[{"action":"announce"}]',
    "{}",
    '{"action":null}',
    '{"action":5}',
    '{"action":["announce"]}',
    '{"action":{"action":"announce"}}',
    '{"Action":"announce"}',
    '{"__proto__":{"action":"announce"}}',
    `{"action":"${"x".repeat(21)}"}`,
    "[".repeat(65_536),
  ])("%.40j", (text) => {
    expect(readMessage(text)).toBeUndefined();
  });

  test("reading never throws", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readMessage(text)));
  });
});

describe("announces", () => {
  test("keep their fields, whatever they are", () => {
    const fields = { action: "announce", info_hash: 5, peer_id: null, offers: [null], x: {} };
    expect(readMessage(JSON.stringify(fields))).toEqual({ action: "announce", fields });
  });

  test("a field named __proto__ gives no others", () => {
    const text = '{"action":"announce","__proto__":{"left":0,"info_hash":"x","offers":[1]}}';
    const message = readMessage(text);
    if (message?.action !== "announce") throw new Error("no announce");
    expect(message.fields.info_hash).toBeUndefined();
    expect(message.fields.offers).toBeUndefined();
    expect(isSeeder(message.fields)).toBe(false);
  });

  test("what is nested ten thousand deep is passed over", () => {
    const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    const message = readMessage(`{"action":"announce","offers":${deep},"left":0}`);
    // An engine may refuse it, but not by ending the process.
    if (message === undefined) return;
    if (message.action !== "announce") throw new Error("no announce");
    expect(readOffers(message.fields, "", 5)).toEqual([]);
    expect(isSeeder(message.fields)).toBe(true);
  });

  test("the last of two fields of one name counts", () => {
    const message = readMessage('{"action":"scrape","action":"announce","left":1,"left":0}');
    expect(message).toEqual({ action: "announce", fields: { action: "announce", left: 0 } });
  });

  test.each([
    [{ left: 0 }, true],
    [{ left: -0 }, true],
    [{ left: 0, event: "started" }, true],
    [{ left: 5, event: "completed" }, true],
    [{ event: "completed" }, true],
    [{ left: null, event: "completed" }, true],
    [{}, false],
    [{ left: null }, false],
    [{ left: 1 }, false],
    [{ left: -1 }, false],
    [{ left: "0" }, false],
    [{ left: false }, false],
    [{ left: [] }, false],
    [{ left: [0] }, false],
    [{ left: 1, event: "paused" }, false],
    [{ left: 1, event: "" }, false],
    [{ left: 1, event: ["completed"] }, false],
  ])("%j makes a seeder: %p", (fields, expected) => {
    expect(isSeeder(fields)).toBe(expected);
  });
});

describe("scrapes", () => {
  test.each([
    ['{"action":"scrape"}', [undefined]],
    ['{"action":"scrape","info_hash":null}', [null]],
    ['{"action":"scrape","info_hash":5}', [5]],
    ['{"action":"scrape","info_hash":"x"}', ["x"]],
    ['{"action":"scrape","info_hash":{"length":3}}', [{ length: 3 }]],
    ['{"action":"scrape","info_hash":[]}', []],
    ['{"action":"scrape","info_hash":["x",5,null,["y"]]}', ["x", 5, null, ["y"]]],
  ])("%s", (text, infoHashes) => {
    expect(readMessage(text)).toEqual({ action: "scrape", infoHashes });
  });
});

test.each(["", "started", "ANNOUNCE", "constructor", "x".repeat(20)])(
  "the action %j is unknown",
  (action) => {
    const fields = { action, info_hash: "x" };
    const expected = { action: "unknown" as const, name: action, fields };
    expect(readMessage(JSON.stringify(fields))).toEqual(expected);
  },
);

describe("offers", () => {
  const idOf = (n: number): string => `offer-id-${n}-123456789`;
  const good = (n: number) => ({ offer: { type: "offer", sdp: `sdp ${n}` }, offer_id: idOf(n) });
  const ids = (fields: Record<string, unknown>, most = 10): string[] =>
    readOffers(fields, JSON.stringify(fields), most).map(({ id }) => id);

  test("are read in their order", () => {
    const text = JSON.stringify({ offers: [good(2), good(1)] });
    expect(readOffers(JSON.parse(text), text, 10)).toEqual([
      { sdp: '"sdp 2"', id: idOf(2) },
      { sdp: '"sdp 1"', id: idOf(1) },
    ]);
  });

  // Each a way of writing offers whose SDPs are "one" and "two", or not to be found where they are
  // mostly found.
  const of = (sdp: string, more = "") =>
    `{"offer":{"type":"offer",${sdp}},${more}"offer_id":"${idOf(1)}"}`;
  test.each([
    ["as browsers write them", [of('"sdp":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["with spaces", [of('"sdp": "one"'), of('"sdp" :"two"')], ["one", "two"]],
    ["one with a space", [of('"sdp":"one"'), of('"sdp": "two"')], ["one", "two"]],
    ["named twice", [of('"sdp":"x","sdp":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["named elsewhere", [of('"sdp":"one"', '"sdp":"x",'), of('"sdp":"two"')], ["one", "two"]],
    ["with an escaped key", [of('"s\\u0064p":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["with quotes", [of('"sdp":"o\\"n\\\\"'), of('"sdp":"\\\\\\""')], ['o"n\\', '\\"']],
    ["that look like keys", [of('"sdp":"\\"sdp\\":\\""'), of('"sdp":"two"')], ['"sdp":"', "two"]],
    ["with line ends", [of('"sdp":"v=0\\r\\n"'), of('"sdp":""')], ["v=0\r\n", ""]],
  ])("have their SDPs %s", (_how, offers, expected) => {
    const text = `{"action":"announce","offers":[${offers.join(",")}]}`;
    const read = readOffers(JSON.parse(text), text, 10);
    expect(read.map(({ sdp }) => JSON.parse(sdp))).toEqual(expected);
  });

  test("go out as JSON, whatever keys a client thinks of", () => {
    const key = fc.constantFrom("sdp", '"sdp', 'x"sdp', "\\", '\\"', "offer", "offer_id", "type");
    const odd = fc.dictionary(key, fc.oneof(fc.string(), key, fc.constant(idOf(1))));
    const offer = fc.record({ offer: odd, offer_id: fc.constant(idOf(1)) });
    fc.assert(
      fc.property(fc.array(fc.oneof(offer, odd), { maxLength: 4 }), fc.nat(1), (offers, spaces) => {
        const text = JSON.stringify({ offers }, null, spaces);
        for (const { sdp } of readOffers(JSON.parse(text), text, 10)) {
          expect(typeof JSON.parse(sdp)).toBe("string");
        }
      }),
    );
  });

  test("that are wrong are passed over, and count for nothing", () => {
    const offers = [
      null,
      5,
      "offer",
      [good(9)],
      {},
      { offer_id: idOf(9) },
      { offer: null, offer_id: idOf(9) },
      { offer: "v=0", offer_id: idOf(9) },
      { offer: ["v=0"], offer_id: idOf(9) },
      { offer: { type: "offer" }, offer_id: idOf(9) },
      { offer: { sdp: 5 }, offer_id: idOf(9) },
      { offer: { sdp: "v=0" } },
      { offer: { sdp: "v=0" }, offer_id: 5 },
      { offer: { sdp: "v=0" }, offer_id: idOf(9).slice(1) },
      { offer: { sdp: "v=0" }, offer_id: `\u0100${idOf(9).slice(1)}` },
    ];
    expect(ids({ offers }, 2)).toEqual([]);
    const mixed = offers.flatMap((odd, n) => (n < 3 ? [odd, good(n)] : [odd]));
    expect(ids({ offers: mixed })).toEqual([0, 1, 2].map(idOf));
    expect(ids({ offers: mixed }, 2)).toEqual([0, 1].map(idOf));
  });

  test.each([undefined, null, 5, "offers", {}, { 0: good(1), length: 1 }])(
    "offers: %j is none",
    (offers) => {
      expect(ids({ offers })).toEqual([]);
    },
  );

  test.each([
    [undefined, 4],
    [null, 4],
    ["2", 4],
    [[2], 4],
    [-1, 4],
    [4, 4],
    [50, 4],
    [Infinity, 4],
    [1e300, 4],
    [2, 2],
    [2.9, 2],
    [1, 1],
    [0.9, 0],
    [0, 0],
    [-0, 0],
  ])("of five, at most four allowed, numwant %p passes %i", (numwant, count) => {
    const offers = [1, 2, 3, 4, 5].map(good);
    expect(ids({ offers, numwant }, 4)).toEqual([1, 2, 3, 4].slice(0, count).map(idOf));
  });

  test("none are passed where none are allowed", () => {
    expect(ids({ offers: [good(1)], numwant: 5 }, 0)).toEqual([]);
    expect(ids({ offers: [good(1)] }, 0)).toEqual([]);
  });
});

test.each([
  [{ sdp: "v=0" }, '"v=0"'],
  [{ type: "offer", sdp: "" }, '""'],
  [{ sdp: "\ud800" }, '"\\ud800"'],
  [{ sdp: null }, undefined],
  [{}, undefined],
  [null, undefined],
  [undefined, undefined],
  ["v=0", undefined],
  [[{ sdp: "v=0" }], undefined],
])("the SDP of the answer %j", (answer, sdp) => {
  expect(readAnswer({ answer }, JSON.stringify({ answer }))).toBe(sdp);
  expect(readAnswer({ answer }, JSON.stringify({ answer }, null, 1))).toBe(sdp);
});
