import { describe, expect, test } from "bun:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { FrameWriter } from "../../bench/load/ws/frame.ts";
import { FrameReader } from "../../bench/load/ws/frame-reader.ts";
import { readIdText, writeIdText } from "../../bench/load/ws/id-text.ts";
import {
  AsciiIds,
  Id,
  MOST_CONNECTIONS,
  RandomIds,
  readPeerId,
  writePeerId,
} from "../../bench/load/ws/ids.ts";
import { Inbound, MESSAGE } from "../../bench/load/ws/inbound.ts";
import { Sdps } from "../../bench/load/ws/sdp.ts";

const textOf = ({ bytes }: Id): string => Buffer.from(bytes).toString("latin1");
const noName = () => ({ connection: 0, life: 0, announce: 0, index: 0 });
const names = fc.record({
  connection: fc.nat(MOST_CONNECTIONS - 1),
  life: fc.nat(1000),
  announce: fc.nat(1_000_000),
  index: fc.nat(49),
});

describe("ids", () => {
  test.each([
    ["random", new RandomIds(7)],
    ["ascii", new AsciiIds()],
  ])("of %s bytes tell their numbers", (_, ids) => {
    const id = new Id();
    const read = noName();
    fc.assert(
      fc.property(names, fc.nat(1_000_000), (name, torrent) => {
        ids.writeOfferId(id, name);
        ids.readOfferId(id, read);
        expect(read).toEqual(name);
        expect(ids.readInfoHash(id)).toBe(-1);
        ids.writeInfoHash(id, torrent);
        expect(ids.readInfoHash(id)).toBe(torrent);
        ids.readOfferId(id, read);
        expect(read.connection).toBe(-1);
      }),
    );
  });

  test("of peers are webtorrent's, and tell their numbers", () => {
    const id = new Id();
    fc.assert(
      fc.property(names, fc.nat(19), ({ connection, life }, place) => {
        writePeerId(id, connection, life);
        expect(textOf(id)).toMatch(/^-WW0208-[A-Za-z0-9+/]{12}$/);
        const read = noName();
        readPeerId(id, read);
        expect(read).toEqual({ ...noName(), connection, life });
        // Where one character is another, it is hardly ever one of a peer.
        id.bytes[place] = id.bytes[place] === 65 ? 66 : 65;
        readPeerId(id, read);
        expect(read.connection === connection && read.life === life).toBe(false);
      }),
    );
  });

  test("have bytes as browsers' have", () => {
    const ids = new RandomIds(1);
    const id = new Id();
    let length = 0;
    let high = 0;
    let withEscapes = 0;
    const text = Buffer.alloc(200);
    for (let announce = 0; announce < 10_000; announce++) {
      ids.writeOfferId(id, { ...noName(), announce });
      const end = writeIdText(id.bytes, text, 0, 0);
      length += end;
      high += id.bytes.filter((byte) => byte >= 0x80).length;
      if (text.subarray(0, end).includes(0x5c)) withEscapes++;
    }
    // The averages of 20 even bytes, six standard deviations wide.
    expect(Math.abs(length / 10_000 - 41.09)).toBeLessThan(0.4);
    expect(Math.abs(high / 10_000 - 10)).toBeLessThan(0.14);
    expect(Math.abs(withEscapes / 10_000 - 0.94)).toBeLessThan(0.015);
  });
});

describe("the text of an id", () => {
  const idBytes = fc.uint8Array({ minLength: 20, maxLength: 20 });

  test("is what JSON.stringify writes", () => {
    fc.assert(
      fc.property(idBytes, fc.nat(255), (bytes, mask) => {
        const text = Buffer.alloc(130);
        const end = writeIdText(bytes, text, 3, mask);
        const plain = text.subarray(3, end).map((byte) => byte ^ mask);
        const latin1 = Buffer.from(bytes).toString("latin1");
        expect(`"${Buffer.from(plain).toString()}"`).toBe(JSON.stringify(latin1));
      }),
    );
  });

  const escapes: ((character: string) => string)[] = [
    (character) => JSON.stringify(character).slice(1, -1),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`,
  ];

  test("is read in whatever way it is escaped", () => {
    const ways = fc.array(fc.nat(2), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(idBytes, ways, (bytes, ways) => {
        const written = [...bytes].map((byte, i) => escapes[ways[i]](String.fromCharCode(byte)));
        const text = Buffer.from(`${written.join("")}"`);
        const read = new Uint8Array(20);
        expect(readIdText(text, 0, read)).toBe(text.length - 1);
        expect(read).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  test.each([
    ["too short", "short"],
    ["too long", "x".repeat(21)],
    ["beyond U+00FF", `${"x".repeat(19)}\u0100`],
    ["escaped beyond U+00FF", `${"x".repeat(19)}\\u0100`],
    ["no hexadecimal", `${"x".repeat(19)}\\u00g0`],
    ["an unknown escape", `${"x".repeat(19)}\\x`],
    ["a control character", `${"x".repeat(19)}\n`],
  ])("is refused: %s", (_, text) => {
    expect(readIdText(Buffer.from(`${text}"`), 0, new Uint8Array(20))).toBe(-1);
  });
});

describe("a message", () => {
  const ids = new RandomIds(1);
  const offerId = new Id();
  const infoHash = new Id();
  const peerId = new Id();
  ids.writeInfoHash(infoHash, 12);
  ids.writeOfferId(offerId, { ...noName(), announce: 3, index: 2 });
  writePeerId(peerId, 5, 0);
  const sdps = { offer: new Sdps("offer", "medium"), answer: new Sdps("answer", "medium") };

  // The SDP of the peer for the offer, found by trying all digits of the session.
  function sdpFor(type: "offer" | "answer"): string {
    const [head, tail] = sdps[type].partsOf(2).map((part) => Buffer.from(part).toString());
    const digits = [...offerId.bytes.subarray(0, 19)]
      .map((byte, i) => (byte + peerId.bytes[i + 1]) % 10)
      .join("");
    return JSON.parse(`"${head}${digits}${tail}"`) as string;
  }

  const relayed = (type: "offer" | "answer") => ({
    action: "announce",
    info_hash: textOf(infoHash),
    peer_id: textOf(peerId),
    [type]: { type, sdp: sdpFor(type) },
    offer_id: textOf(offerId),
  });
  const response = {
    action: "announce",
    info_hash: textOf(infoHash),
    complete: 0,
    incomplete: 12,
    interval: 120,
  };

  function read(text: string) {
    const inbound = new Inbound(sdps.offer, sdps.answer);
    const bytes = Buffer.from(`xx${text}yy`);
    return { inbound, kind: inbound.read(bytes, 2, bytes.length - 2) };
  }

  const shuffled = <T extends object>(message: T): fc.Arbitrary<T> =>
    fc
      .shuffledSubarray(Object.entries(message), { minLength: Object.keys(message).length })
      .map((entries) => Object.fromEntries(entries) as T);
  const spaces = fc.constantFrom(undefined, 1);

  test.each(["offer", "answer"] as const)("with an %s is read, its keys in any order", (type) => {
    fc.assert(
      fc.property(shuffled(relayed(type)), spaces, (message, space) => {
        const { inbound, kind } = read(JSON.stringify(message, null, space));
        expect(kind).toBe(MESSAGE[type]);
        expect(inbound.infoHash.bytes).toEqual(infoHash.bytes);
        expect(inbound.peerId.bytes).toEqual(peerId.bytes);
        expect(inbound.offerId.bytes).toEqual(offerId.bytes);
        expect(inbound.isSdpIntact(kind, 2)).toBe(true);
        expect(inbound.isSdpIntact(kind, 3)).toBe(false);
      }),
    );
  });

  test("with any other character is another, or none", () => {
    for (const type of ["offer", "answer"] as const) {
      const text = JSON.stringify(relayed(type));
      fc.assert(
        fc.property(fc.nat(text.length - 1), (place) => {
          const other = text[place] === "7" ? "8" : "7";
          const { inbound, kind } = read(text.slice(0, place) + other + text.slice(place + 1));
          const isSame =
            kind === MESSAGE[type] &&
            inbound.isSdpIntact(kind, 2) &&
            Bun.deepEquals(
              [inbound.infoHash.bytes, inbound.peerId.bytes, inbound.offerId.bytes],
              [infoHash.bytes, peerId.bytes, offerId.bytes],
            );
          expect(isSame).toBe(false);
        }),
      );
    }
  });

  test("with a response is read, its keys in any order, with others among them", () => {
    const messages = fc.oneof(shuffled(response), shuffled({ ...response, "min interval": 3 }));
    fc.assert(
      fc.property(messages, spaces, (message, space) => {
        const { inbound, kind } = read(JSON.stringify(message, null, space));
        expect(kind).toBe(MESSAGE.response);
        const { complete, incomplete, interval } = inbound;
        expect([complete, incomplete, interval]).toEqual([0, 12, 120]);
        expect(inbound.infoHash.bytes).toEqual(infoHash.bytes);
      }),
    );
  });

  test.each([
    [MESSAGE.failure, '{"failure reason":"no","action":"announce"}'],
    [MESSAGE.notJson, JSON.stringify(response).slice(1)],
    [MESSAGE.notJson, `${JSON.stringify(response)}}`],
    [MESSAGE.notJson, JSON.stringify(response).replace('"complete":0', '"complete":00')],
    [MESSAGE.unknown, '{"action":"scrape","files":{}}'],
    [MESSAGE.unknown, "null"],
    [MESSAGE.malformedId, JSON.stringify({ ...response, info_hash: "short" })],
    [MESSAGE.malformedId, JSON.stringify({ ...relayed("offer"), offer_id: 5 })],
    [MESSAGE.damagedSdp, JSON.stringify({ ...relayed("offer"), offer: { type: "offer" } })],
  ])("of kind %i is told as such: %s", (kind, text) => {
    expect(read(text).kind).toBe(kind);
  });
});

describe("frames", () => {
  /** What a reader makes of bytes that come in pieces of `size`. */
  function readFrames(bytes: Buffer, size: number, allowsDeflate = false): string[] {
    const taken: string[] = [];
    const reader = new FrameReader({
      takeText: (text, start, end) => void taken.push(text.toString("utf8", start, end)),
      takeBinary: () => void taken.push("binary"),
      takeControl: (opcode, payload) => void taken.push(`${opcode} ${payload.toString()}`),
      takeFault: (fault) => void taken.push(fault),
    });
    reader.allowsDeflate = allowsDeflate;
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size), 0);
    return taken;
  }

  const frame = (head: number, payload: Buffer): Buffer => {
    const { length } = payload;
    const heads = length < 126 ? [head, length] : [head, 126, length >> 8, length & 0xff];
    return Buffer.concat([Buffer.from(heads), payload]);
  };
  const text = "x".repeat(300);

  test("are read in whatever pieces they come", () => {
    const compressed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    const bytes = Buffer.concat([
      frame(0x81, Buffer.from("one")),
      frame(0x01, Buffer.from("t")),
      frame(0x89, Buffer.from("ping")),
      frame(0x00, Buffer.from("w")),
      frame(0x80, Buffer.from("o")),
      frame(0x81, Buffer.from(text)),
      frame(0x82, Buffer.from("three")),
      frame(0xc1, compressed.subarray(0, -4)),
    ]);
    for (const size of [1, 2, 3, 7, 100, 1000]) {
      expect(readFrames(bytes, size, true)).toEqual(["one", "9 ping", "two", text, "binary", text]);
    }
  });

  test.each([
    [[0x81, 0x81, 0, 0, 0, 0, 0], "masked frame"],
    [[0xc1, 0x01, 0], "reserved bits"],
    [[0x91, 0x01, 0], "reserved bits"],
    [[0x83, 0x01, 0], "unknown opcode"],
    [[0x80, 0x01, 0], "bad fragments"],
    [[0x01, 0x01, 0, 0x81, 0x01, 0], "bad fragments"],
    [[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0], "frame too long"],
  ])("of %p are refused: %s", (bytes, fault) => {
    expect(readFrames(Buffer.from(bytes), 1)).toEqual([fault]);
  });

  /** What a server gets: the first byte and the payload of each frame. */
  function unmask({ bytes, length }: FrameWriter): { head: number; payload: Buffer }[] {
    const frames = [];
    for (let at = 0; at < length;) {
      const [head, second] = bytes.subarray(at);
      expect(second & 0x80).toBe(0x80);
      const short = second & 0x7f;
      const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
      const size =
        extended === 0
          ? short
          : bytes.readUIntBE(at + (extended === 2 ? 2 : 4), extended === 2 ? 2 : 6);
      const start = at + 2 + extended + 4;
      const mask = bytes.subarray(start - 4, start);
      const payload = bytes.subarray(start, start + size).map((byte, i) => byte ^ mask[i & 3]);
      frames.push({ head, payload: Buffer.from(payload) });
      at = start + size;
    }
    return frames;
  }

  test("that are sent are the pieces, the ids and the session, of any length", () => {
    const out = new FrameWriter(0x5a);
    const offerId = new Id();
    const peerId = new Id();
    offerId.bytes.forEach((_, i) => (offerId.bytes[i] = i * 13));
    writePeerId(peerId, 1, 0);
    for (const size of [0, 25, 64, 65, 30_000, 65_400, 65_600, 100_000]) {
      out.begin();
      out.append(out.pieceOf("x".repeat(size)));
      out.appendSession(offerId.bytes, peerId.bytes);
      out.appendId(offerId.bytes);
      out.end();
    }
    out.appendControl(8, Buffer.from([3, 233]));
    const frames = unmask(out);
    const tail = /^x*\d{19}$/;
    for (const [i, size] of [0, 25, 64, 65, 30_000, 65_400, 65_600, 100_000].entries()) {
      const payload = frames[i].payload.toString();
      expect([frames[i].head, payload.slice(0, size + 19).match(tail)?.length]).toEqual([0x81, 1]);
      expect(JSON.parse(`"${payload.slice(size + 19)}"`)).toBe(textOf(offerId));
    }
    expect(frames[8]).toEqual({ head: 0x88, payload: Buffer.from([3, 233]) });
  });

  test("that are sent compressed hold the same", () => {
    const out = new FrameWriter(0x5a);
    const plain = new FrameWriter(0);
    for (const size of [10, 500, 80_000]) {
      plain.begin();
      plain.append(plain.pieceOf("ab".repeat(size)));
      out.appendCompressed(plain);
    }
    const payloads = unmask(out).map(({ head, payload }) => {
      expect(head).toBe(0xc1);
      const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
      return inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    });
    expect(payloads).toEqual([10, 500, 80_000].map((size) => "ab".repeat(size)));
  });
});
