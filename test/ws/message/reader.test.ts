import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { ID_WORDS } from "../../../src/ws/message/id.ts";
import { KEY } from "../../../src/ws/message/keys.ts";
import { ACTION, type MessageReader } from "../../../src/ws/message/reader.ts";
import { anyMessage, idOf, print } from "./arbitrary.ts";
import { expectedOf, idIn, offerIdIn } from "./model.ts";
import { TextReader } from "./text-reader.ts";

const MOST_OFFERS = 10;

function createReader(maxOffers = MOST_OFFERS): TextReader {
  return new TextReader(maxOffers);
}

const good = (n: number) => ({ offer: { type: "offer", sdp: `sdp ${n}` }, offer_id: idOf(n) });

/** What a reader reads in a text, in the words of the model. */
function readWith(texts: TextReader, text: string): unknown {
  const { reader } = texts;
  const action = texts.read(text);
  if (action === ACTION.none) return undefined;
  const words = new Int32Array(ID_WORDS);
  const readKey = (key: number): string | undefined =>
    reader.readId(key, words, 0) ? idIn(words) : undefined;
  return {
    action: JSON.parse(texts.literal(KEY.action)),
    isKnown: action !== ACTION.unknown,
    infoHash: texts.literal(KEY.info_hash),
    infoHashes: Array.from({ length: reader.infoHashes }, (_, index) => ({
      literal: texts.infoHash(index),
      id: reader.readInfoHash(index, words, 0) ? idIn(words) : undefined,
    })),
    ids: [KEY.info_hash, KEY.peer_id, KEY.to_peer_id].map(readKey),
    answeredId: reader.readAnsweredOfferId(words, 0) ? offerIdIn(words) : undefined,
    isSeeder: reader.isSeeder,
    isStopped: reader.isStopped,
    isAnswer: reader.isAnswer,
    answerSdp: texts.answerSdp,
    offers: Array.from({ length: reader.offers }, (_, index) => {
      reader.readOfferId(index, words, 0);
      return {
        sdp: texts.offerSdp(index),
        idLiteral: texts.offerId(index),
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
  const { reader } = readText(JSON.stringify({ action: "announce", ...message }));
  return reader;
}

function readText(text: string, maxOffers = MOST_OFFERS): TextReader {
  const texts = createReader(maxOffers);
  texts.read(text);
  return texts;
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

describe("a valid message", () => {
  const messages = [
    { action: "announce", info_hash: idOf(1), left: 0, numwant: 5, x: [1.5e3, true, null, '\\"'] },
    { action: "announce", answer: good(1).offer, to_peer_id: "\u00e9\u20ac\u{1f600}\n".repeat(5) },
    { action: "announce", offers: [good(1), { ...good(2), offer_id: '"\\' }], peer_id: idOf(2) },
    { action: "scrape", info_hash: [idOf(1), "\u00ff".repeat(20)] },
  ];

  test("is none when it is cut off at any byte, whatever is behind it", () => {
    const reader = createReader();
    for (const message of messages) {
      for (const spaces of ["", " ", "  ", "   ", "\n"]) {
        const whole = Buffer.from(spaces + JSON.stringify(message));
        for (let length = 0; length < whole.length; length++) {
          // The inbox has the rest of it still.
          expect(reader.read(whole)).not.toBe(ACTION.none);
          expect(reader.read(whole.subarray(0, length))).toBe(ACTION.none);
        }
      }
    }
  });

  test("is read as the runtime parses it, wherever its quotes and backslashes are", () => {
    for (const message of messages) {
      for (let spaces = 0; spaces < 4; spaces++) {
        for (let padding = 0; padding < 4; padding++) {
          const padded = { ...message, x: "x".repeat(padding) + '\\"' };
          const text = " ".repeat(spaces) + JSON.stringify(padded);
          expect(readWith(createReader(), text)).toEqual(expectedOf(text));
        }
      }
    }
  });

  test("is none with a byte that is not UTF-8, which binary frames may have", () => {
    const whole = Buffer.from(JSON.stringify({ action: "announce", x: "............" }));
    const at = whole.indexOf("....");
    expect(createReader().read(whole)).toBe(ACTION.announce);
    const invalid = [
      [0x80],
      [0xc3],
      [0xc0, 0x80],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [0xf5],
      [0xff],
    ];
    for (const bytes of invalid) {
      for (let offset = 0; offset < 4; offset++) {
        const damaged = Buffer.from(whole);
        damaged.set(bytes, at + offset);
        expect(createReader().read(damaged)).toBe(ACTION.none);
      }
    }
  });
});

describe("any text is read as the runtime would parse it", () => {
  const compare = (given: string): void => {
    // Half of a surrogate pair is not UTF-8.
    const text = given.toWellFormed();
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
    const texts = createReader();
    const { reader } = texts;
    const part = { start: 0, end: 0 };
    using parse = spyOn(JSON, "parse");
    using stringify = spyOn(JSON, "stringify");
    using toString = spyOn(Buffer.prototype, "toString");
    texts.read(text);
    const words = new Int32Array(ID_WORDS);
    for (const key of Object.values(KEY)) {
      reader.locate(key, part);
      reader.readId(key, words, 0);
    }
    for (let index = 0; index < reader.infoHashes; index++) {
      reader.readInfoHash(index, words, 0);
      reader.locateInfoHash(index, part);
    }
    reader.readAnsweredOfferId(words, 0);
    void [reader.isSeeder, reader.isStopped, reader.isAnswer, reader.offers];
    const calls = [parse, stringify, toString].map(({ mock }) => mock.calls.length);
    expect(calls).toEqual([0, 0, 0]);
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
    const text = '{"action":"announce","__proto__":{"left":0,"info_hash":"x","offers":[1]}}';
    const { reader } = readText(text);
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
    const texts = createReader();
    const text = '{"action":"scrape","action":"announce","left":1,"left":0}';
    expect(texts.read(text)).toBe(ACTION.announce);
    expect(texts.reader.isSeeder).toBe(true);
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
    const { reader } = readText(`{"action":"announce","left":${left}}`);
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
  const sdps = (texts: TextReader): string[] =>
    Array.from({ length: texts.reader.offers }, (_, index) => texts.offerSdp(index));
  const ids = (fields: object, most = MOST_OFFERS): string[] => {
    const texts = readText(JSON.stringify({ action: "announce", ...fields }), most);
    return Array.from({ length: texts.reader.offers }, (_, i) => JSON.parse(texts.offerId(i)));
  };

  test("are read in their order", () => {
    const texts = readText(JSON.stringify({ action: "announce", offers: [good(2), good(1)] }));
    expect(sdps(texts)).toEqual(['"sdp 2"', '"sdp 1"']);
    expect(texts.offerId(0)).toBe(JSON.stringify(idOf(2)));
    const words = new Int32Array(ID_WORDS);
    texts.reader.readOfferId(1, words, 0);
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
    const texts = readText(`{"action":"announce","offers":[${offers.join(",")}]}`);
    expect(sdps(texts).map((sdp) => JSON.parse(sdp))).toEqual(expected);
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
    const texts = readText(JSON.stringify({ action: "announce", answer }, null, spaces));
    expect(texts.answerSdp).toBe(sdp);
    expect(texts.reader.isAnswer).toBe(answer !== undefined && answer !== null);
  }
});
