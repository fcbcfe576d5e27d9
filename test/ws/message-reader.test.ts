import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { ID_WORDS } from "../../src/ws/id.ts";
import { KEY } from "../../src/ws/message-keys.ts";
import { ACTION, MessageReader } from "../../src/ws/message-reader.ts";
import { anyMessage, idOf, print } from "./message-arbitrary.ts";
import { expectedOf, idIn, MOST_HASHES, offerIdIn } from "./message-model.ts";

const MOST_OFFERS = 10;

function createReader(maxOffers = MOST_OFFERS): MessageReader {
  const offerKey = new Int32Array([1, 2, 3, 4]);
  return new MessageReader({ maxOffers, maxScrapeTorrents: MOST_HASHES, offerKey });
}

const good = (n: number) => ({ offer: { type: "offer", sdp: `sdp ${n}` }, offer_id: idOf(n) });

/** What a reader makes of a text, in the words of the model. */
function readWith(reader: MessageReader, text: string): unknown {
  const action = reader.read(text);
  if (action === ACTION.none) return undefined;
  const words = new Int32Array(ID_WORDS);
  const readKey = (key: number): string | undefined =>
    reader.readId(key, words, 0) ? idIn(words) : undefined;
  return {
    action: JSON.parse(reader.literal(KEY.action)),
    isKnown: action !== ACTION.unknown,
    infoHash: reader.literal(KEY.info_hash),
    infoHashes: Array.from({ length: reader.infoHashes }, (_, index) => ({
      literal: reader.infoHash(index),
      id: reader.readInfoHash(index, words, 0) ? idIn(words) : undefined,
    })),
    ids: [KEY.info_hash, KEY.peer_id, KEY.to_peer_id].map(readKey),
    answeredId: reader.readAnsweredOfferId(words, 0) ? offerIdIn(words) : undefined,
    isSeeder: reader.isSeeder,
    isStopped: reader.isStopped,
    isAnswer: reader.isAnswer,
    answerSdp: reader.answerSdp,
    offers: Array.from({ length: reader.offers }, (_, index) => {
      reader.readOfferId(index, words, 0);
      return {
        sdp: reader.offerSdp(index),
        idLiteral: reader.offerId(index),
        id: offerIdIn(words),
      };
    }),
    hasBadOfferId: reader.hasBadOfferId,
  };
}

/** The same with literals decoded: they may be escaped as they came. */
function decodeLiterals(read: unknown): unknown {
  return JSON.parse(JSON.stringify(read, (key, value) => (isLiteral(key) ? decode(value) : value)));
}

const isLiteral = (key: string): boolean =>
  /^(infoHash|literal|sdp|idLiteral|answerSdp)$/.test(key);

function decode(literal: unknown): unknown {
  return typeof literal === "string" ? [JSON.parse(literal)] : literal;
}

function read(message: object): MessageReader {
  const reader = createReader();
  reader.read(JSON.stringify({ action: "announce", ...message }));
  return reader;
}

describe("what is no message", () => {
  test.each([
    "",
    " ",
    "hello",
    "{",
    '{"action":"announce"',
    '{"action":"announce"} x',
    '{"action":"announce",}',
    '{"action":"announce" "left":0}',
    '{"action":"announce","left"}',
    '{"action":"announce","left":}',
    '{"action":"announce","left":01}',
    '{"action":"announce","left":truex}',
    '{"action":"announce","offers":[1,]}',
    '{"action":"announce","offers":[}',
    '{"action":"announce","x":"a\tb"}',
    '{"action":"announce","x":"\\x41"}',
    '{"action":"announce","x":"\\u00g0"}',
    '{"action":"announce","x":"\\"}',
    "{'action':'announce'}",
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
    `{"x":${"[".repeat(65_536)}`,
    `{"x":${'{"x":'.repeat(10_000)}`,
  ])("%.40j", (text) => {
    expect(createReader().read(text)).toBe(ACTION.none);
  });

  test("leaves nothing behind for the next", () => {
    const reader = createReader();
    const full = { action: "announce", left: 0, answer: good(1).offer, offers: [good(1)] };
    for (const between of [
      JSON.stringify(full),
      "",
      "{",
      '{"action":"announce","answer":{"sdp":',
    ]) {
      reader.read(JSON.stringify(full));
      reader.read(between);
      expect(readWith(reader, '{"action":"announce"}')).toEqual(
        expectedOf('{"action":"announce"}'),
      );
    }
  });
});

describe("any text is read as the runtime would parse it", () => {
  const compare = (text: string): void => {
    const reader = createReader();
    expect(decodeLiterals({ read: readWith(reader, text) })).toEqual(
      decodeLiterals({ read: expectedOf(text, MOST_OFFERS) }),
    );
  };

  test("messages, whatever is in them", () => {
    fc.assert(
      fc.property(anyMessage, (given) => compare(print(given))),
      { numRuns: 3000 },
    );
  });

  test("messages that were damaged", () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "\t", "é"),
    );
    fc.assert(
      fc.property(
        anyMessage,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (given, changes) => {
          let text = print({ ...given, escapes: [] });
          for (const [place, by] of changes) {
            const at = place % text.length;
            text = text.slice(0, at) + by + text.slice(at + 1);
          }
          compare(text);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("texts that are none", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => compare(text)));
  });
});

describe("reading makes no value of a text, of which some cost much", () => {
  const nested = `${"[".repeat(32_000)}${"]".repeat(32_000)}`;
  const deep = `{"action":"announce","a":${nested}}`;
  const escaped = "\\u0061".repeat(10_000);
  test.each([
    ["spaces", ` ${deep}`],
    ["a line feed", `${deep}\n`],
    ["every white space", `\t\r\n {"action" :\t"announce",\r\n"x":"\\\\x"}\n`],
    ["an escape that is none", `{"action":"announce","x":"\\x"}`],
    ["a control character", `{"action":"announce","x":"\u0001"}`],
    ["a long key", `{"action":"announce","${escaped}":0}`],
    ["many escaped keys", `{${'"\\u0061":0,'.repeat(5000)}"action":"announce"}`],
    ["a long action", `{"action":"${escaped}"}`],
    ["a long event", `{"action":"announce","event":"${escaped}"}`],
    ["a long info hash", `{"action":"announce","info_hash":"${escaped}"}`],
    ["escaped ids", `{"action":"announce","info_hash":"${"\\u0061".repeat(20)}"}`],
    ["many info hashes", `{"action":"scrape","info_hash":[${"{},".repeat(20_000)}0]}`],
    ["nested info hashes", `{"action":"scrape","info_hash":${nested}}`],
  ])("%s", (_name, text) => {
    const reader = createReader();
    using parse = spyOn(JSON, "parse");
    using stringify = spyOn(JSON, "stringify");
    reader.read(text);
    const words = new Int32Array(ID_WORDS);
    for (const key of Object.values(KEY)) {
      reader.literal(key);
      reader.readId(key, words, 0);
    }
    for (let index = 0; index < reader.infoHashes; index++) {
      reader.readInfoHash(index, words, 0);
      reader.infoHash(index);
    }
    reader.readAnsweredOfferId(words, 0);
    void [reader.isSeeder, reader.isStopped, reader.isAnswer, reader.offers];
    expect([parse.mock.calls.length, stringify.mock.calls.length]).toEqual([0, 0]);
  });
});

test.each(["\t", "\n", "\r", " ", " \r\n\t "])(
  "white space may be %j, and is anywhere",
  (space) => {
    const message = {
      action: "announce",
      info_hash: idOf(1),
      offers: [good(1), null, [{}]],
      left: 0,
    };
    const tokens = JSON.stringify(message).split(/(?<=[[\]{},:])|(?=[[\]{},:])/);
    const reader = createReader();
    expect(reader.read(["", ...tokens, ""].join(space))).toBe(ACTION.announce);
    expect(readWith(reader, tokens.join(space))).toEqual(expectedOf(JSON.stringify(message)));
  },
);

test.each(["\v", "\f", "\u0000", "\u00a0", "\u2028", "\ufeff", "/**/"])(
  "%j is no white space",
  (space) => {
    expect(createReader().read(`{"action":${space}"announce"}`)).toBe(ACTION.none);
  },
);

describe("announces", () => {
  test("a field named __proto__ gives no others", () => {
    const reader = createReader();
    reader.read('{"action":"announce","__proto__":{"left":0,"info_hash":"x","offers":[1]}}');
    expect([reader.infoHashes, reader.offers, reader.isSeeder]).toEqual([0, 0, false]);
  });

  test("what is nested deeper than anything is no message", () => {
    const nest = (depth: number) =>
      `{"action":"announce","x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    const reader = createReader();
    expect(reader.read(nest(100))).toBe(ACTION.announce);
    expect(reader.read(nest(101))).toBe(ACTION.none);
    expect(reader.read(nest(10_000))).toBe(ACTION.none);
  });

  test("the last of two fields of one name counts", () => {
    const reader = createReader();
    const text = '{"action":"scrape","action":"announce","left":1,"left":0}';
    expect(reader.read(text)).toBe(ACTION.announce);
    expect(reader.isSeeder).toBe(true);
  });

  test.each([
    [{ left: 0 }, true],
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
    expect(read(fields).isSeeder).toBe(expected);
  });

  test.each(["0", "-0", "0.0", "0e5", "-0E-1"])("left: %s makes a seeder", (left) => {
    const reader = createReader();
    reader.read(`{"action":"announce","left":${left}}`);
    expect(reader.isSeeder).toBe(true);
  });
});

test.each(["", "started", "ANNOUNCE", "constructor", "x".repeat(20)])(
  "the action %j is unknown",
  (action) => {
    const reader = createReader();
    expect(reader.read(JSON.stringify({ action, info_hash: "x" }))).toBe(ACTION.unknown);
    expect(reader.literal(KEY.action)).toBe(JSON.stringify(action));
    expect(reader.literal(KEY.info_hash)).toBe('"x"');
  },
);

describe("offers", () => {
  const sdps = (reader: MessageReader): string[] =>
    Array.from({ length: reader.offers }, (_, index) => reader.offerSdp(index));
  const ids = (fields: object, most = MOST_OFFERS): string[] => {
    const reader = createReader(most);
    reader.read(JSON.stringify({ action: "announce", ...fields }));
    return Array.from({ length: reader.offers }, (_, index) => JSON.parse(reader.offerId(index)));
  };

  test("are read in their order", () => {
    const reader = read({ offers: [good(2), good(1)] });
    expect(sdps(reader)).toEqual(['"sdp 2"', '"sdp 1"']);
    expect(reader.offerId(0)).toBe(JSON.stringify(idOf(2)));
    const words = new Int32Array(ID_WORDS);
    reader.readOfferId(1, words, 0);
    expect(idIn(words)).toBe(idOf(1));
  });

  const of = (sdp: string, more = "") =>
    `{"offer":{"type":"offer",${sdp}},${more}"offer_id":"${idOf(1)}"}`;
  test.each([
    ["as browsers write them", [of('"sdp":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["with spaces", [of('"sdp": "one"'), of('"sdp" :"two"')], ["one", "two"]],
    ["over lines", [of('"sdp":\n"one"'), of('"sdp":\t"two"')], ["one", "two"]],
    ["named twice", [of('"sdp":"x","sdp":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["named elsewhere", [of('"sdp":"one"', '"sdp":"x",'), of('"sdp":"two"')], ["one", "two"]],
    ["with an escaped key", [of('"s\\u0064p":"one"'), of('"sdp":"two"')], ["one", "two"]],
    ["with quotes", [of('"sdp":"o\\"n\\\\"'), of('"sdp":"\\\\\\""')], ['o"n\\', '\\"']],
    ["that look like keys", [of('"sdp":"\\"sdp\\":\\""'), of('"sdp":"two"')], ['"sdp":"', "two"]],
    ["with line ends", [of('"sdp":"v=0\\r\\n"'), of('"sdp":""')], ["v=0\r\n", ""]],
    ["with odd escapes", [of('"sdp":"\\\\x\\u00e9\\/"'), of('"sdp":"é"')], ["\\xé/", "é"]],
  ])("have their SDPs %s", (_how, offers, expected) => {
    const reader = createReader();
    reader.read(`{"action":"announce","offers":[${offers.join(",")}]}`);
    expect(sdps(reader).map((sdp) => JSON.parse(sdp))).toEqual(expected);
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
      { offer: { sdp: "v=0", offer_id: idOf(9) } },
      { offer: { sdp: "v=0" }, offer_id: 5 },
      { offer: { sdp: "v=0" }, offer_id: "" },
      { offer: { sdp: "v=0" }, offer_id: "x".repeat(65) },
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
    expect(read({ offers: offers.slice(0, 4), numwant }).offers).toBe(count);
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
  for (const spaces of [0, 1]) {
    const reader = createReader();
    reader.read(JSON.stringify({ action: "announce", answer }, null, spaces));
    expect(reader.answerSdp).toBe(sdp);
    expect(reader.isAnswer).toBe(answer !== undefined && answer !== null);
  }
});
