// Compares the bytes of every message with the tables of BEP 15 and with the oracle.

import { describe, expect, test } from "bun:test";
import { Bytes } from "../../src/memory/bytes.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED } from "../../src/swarm/layout.ts";
import { Exchange } from "../../src/udp/exchange.ts";
import {
  announceResponseBytes,
  ERRORS,
  hasProtocolId,
  maxRequestBytes,
  maxRequestWords,
  maxFittingPeers,
  maxFittingTorrents,
  maxResponseBytes,
  peersHalf,
  readAnnounce,
  readScrape,
  scrapeResponseBytes,
  scrapeWords,
  writeAnnounceHead,
  writeError,
  writeScrapeCounts,
  writeScrapeHead,
} from "../../src/udp/packet.ts";
import { ANNOUNCE_REQUEST, REQUEST, SCRAPE_REQUEST, SOURCE } from "../../src/udp/request.ts";
import { buildAnnounce, buildScrape, EVENT, parseResponse } from "../support/bep15.ts";

const PACKET_WORD = 2;
const REQUEST_WORD = 3;

function place(datagram: Uint8Array): Bytes {
  const input = Bytes.allocate(PACKET_WORD * 4 + datagram.length);
  input.bytes.set(datagram, PACKET_WORD * 4);
  return input;
}

function fromHex(...parts: string[]): Buffer {
  return Buffer.from(parts.join("").replaceAll(" ", ""), "hex");
}

/** A request as words, with the given source address. */
function newRequest(address: number[], words: number): Int32Array {
  const request = new Int32Array(REQUEST_WORD + words).fill(-1);
  request[REQUEST_WORD + SOURCE.addressBytes] = address.length * 4;
  request.set(address, REQUEST_WORD + SOURCE.address);
  return request;
}

function exchangeOf(input: Bytes, request: Int32Array, length = 98): Exchange {
  const exchange = new Exchange(input, request, Bytes.allocate(4));
  exchange.inputWord = PACKET_WORD;
  exchange.requestWord = REQUEST_WORD;
  exchange.inputBytes = length;
  return exchange;
}

describe("hasProtocolId", () => {
  const connect = fromHex("00000417 27101980 00000000 01020304");
  test("accepts the 8 bytes and none that differ in a bit", () => {
    expect(hasProtocolId(place(connect), PACKET_WORD)).toBe(true);
    for (let bit = 0; bit < 64; bit++) {
      const turned = Buffer.from(connect);
      turned[bit >> 3] ^= 1 << (bit & 7);
      expect(hasProtocolId(place(turned), PACKET_WORD)).toBe(false);
    }
  });
});

const GOLDEN_ANNOUNCE = [
  "1122334455667788 00000001 deadbeef", // connection id, action, transaction id
  "000102030405060708090a0b0c0d0e0f10111213", // info hash
  "2d5452333030302d6162636465666768696a6b6c", // peer id
  "0000000000000001 0000000000000002 0000000000000003", // downloaded, left, uploaded
  "00000002 7f000001 0000002a 0000001e 1ae1", // event, IP address, key, numwant, port
];

describe("readAnnounce", () => {
  test.each([
    ["IPv4", [0x0100000a]],
    ["IPv6", [0x0db80120, 0, 0, 0x01000000]],
  ])("reads these bytes from an %s source", (_family, address) => {
    const request = newRequest(address, REQUEST.announceWords);
    expect(readAnnounce(exchangeOf(place(fromHex(...GOLDEN_ANNOUNCE)), request), 50)).toBe(true);
    expect(request[REQUEST_WORD + REQUEST.kind]).toBe(ANNOUNCE_REQUEST);
    expect(request[REQUEST_WORD + REQUEST.transaction]).toBe(0xefbeadde | 0);
    const announce = request.slice(REQUEST_WORD + REQUEST.announce);
    expect([announce[ANNOUNCE.numwant], announce[ANNOUNCE.flags]]).toEqual([30, 0]);
    const infoHash = Buffer.from(announce.buffer, ANNOUNCE.infoHash * 4, 20);
    expect(infoHash.toString("hex")).toBe(GOLDEN_ANNOUNCE[1]);
    const peer = announce.subarray(ANNOUNCE.peer, ANNOUNCE.peer + address.length + 1);
    expect(Array.from(peer)).toEqual([...address, 0xe11a]);
  });

  test.each([
    [1, 1],
    [49, 49],
    [50, 50],
    [51, 50],
    [2 ** 31 - 1, 50],
    [0, 0],
    [-1, 50],
    [-(2 ** 31), 50],
    [0x01000000, 50],
  ])("clamps numwant %i to %i with a limit of 50", (numwant, wanted) => {
    const request = newRequest([1], REQUEST.announceWords);
    readAnnounce(exchangeOf(place(buildAnnounce({ connectionId: 0n, numwant })), request), 50);
    expect(request[REQUEST_WORD + REQUEST.announce + ANNOUNCE.numwant]).toBe(wanted);
  });

  test.each([
    [0n, FLAG_SEEDER],
    [1n, 0],
    [1n << 31n, 0],
    [1n << 32n, 0],
    [1n << 63n, 0],
    [(1n << 64n) - 1n, 0],
  ])("sets flags for %p bytes left to %i", (left, flags) => {
    const request = newRequest([1], REQUEST.announceWords);
    readAnnounce(exchangeOf(place(buildAnnounce({ connectionId: 0n, left })), request), 50);
    expect(request[REQUEST_WORD + REQUEST.announce + ANNOUNCE.flags]).toBe(flags);
  });

  test.each([
    [0, 0],
    [1, 0],
    [2, 0],
    [3, FLAG_STOPPED],
    [4, 0],
    [0x03000000, 0],
    [0x100, 0],
    [2 ** 32 - 1, 0],
  ])("sets flags for event %i to %i", (event, flags) => {
    const request = newRequest([1], REQUEST.announceWords);
    const datagram = buildAnnounce({ connectionId: 0n, left: 5n, event });
    readAnnounce(exchangeOf(place(datagram), request), 50);
    expect(request[REQUEST_WORD + REQUEST.announce + ANNOUNCE.flags]).toBe(flags);
  });

  test.each([
    [(1n << 64n) - 1n, FLAG_SEEDER],
    [0n, FLAG_SEEDER],
    [(1n << 64n) - 2n, 0],
    [0xffffffffn, 0],
    [0xffffffffn << 32n, 0],
    [1n, 0],
  ])("sets flags for completed with %p bytes left to %i", (left, flags) => {
    const request = newRequest([1], REQUEST.announceWords);
    const datagram = buildAnnounce({ connectionId: 0n, left, event: EVENT.completed });
    readAnnounce(exchangeOf(place(datagram), request), 50);
    expect(request[REQUEST_WORD + REQUEST.announce + ANNOUNCE.flags]).toBe(flags);
  });

  test.each([
    [0, false],
    [1, true],
    [256, true],
    [65535, true],
  ])("port %i is usable: %p", (port, usable) => {
    const request = newRequest([1], REQUEST.announceWords);
    const datagram = buildAnnounce({ connectionId: 0n, port });
    expect(readAnnounce(exchangeOf(place(datagram), request), 50)).toBe(usable);
  });
});

describe("readScrape", () => {
  test("reads these bytes", () => {
    const hashes = ["11".repeat(20), "22".repeat(20)];
    const datagram = fromHex("1122334455667788 00000002 0badcafe", ...hashes);
    const request = newRequest([1], maxRequestWords(3));
    expect(readScrape(exchangeOf(place(datagram), request, datagram.length), 3)).toBe(true);
    expect(request[REQUEST_WORD + REQUEST.kind]).toBe(SCRAPE_REQUEST);
    expect(request[REQUEST_WORD + REQUEST.transaction]).toBe(0xfecaad0b | 0);
    expect(request[REQUEST_WORD + REQUEST.hashCount]).toBe(2);
    const words = request.slice(REQUEST_WORD + REQUEST.hashes, REQUEST_WORD + scrapeWords(2));
    expect(Buffer.from(words.buffer).toString("hex")).toBe(hashes.join(""));
    expect(request[REQUEST_WORD + scrapeWords(2)]).toBe(-1);
  });

  test.each([
    [16, 0],
    [35, 0],
    [36, 1],
    [55, 1],
    [56, 2],
    [76, 3],
    [96, 3],
    [95, 3],
  ])("in %i bytes with a limit of 3 torrents finds %i", (length, count) => {
    const datagram = buildScrape({ connectionId: 0n, extra: new Uint8Array(length - 16).fill(1) });
    const request = newRequest([1], maxRequestWords(3));
    expect(readScrape(exchangeOf(place(datagram), request, length), 3)).toBe(count > 0);
    expect(request[REQUEST_WORD + REQUEST.hashCount]).toBe(count);
  });
});

describe("responses", () => {
  const written = (output: Bytes, bytes: number): string => {
    return Buffer.from(output.bytes.subarray(PACKET_WORD * 4, PACKET_WORD * 4 + bytes)).toString(
      "hex",
    );
  };
  const transaction = 0x04030201;

  test("to an announce are these bytes", () => {
    const output = Bytes.allocate(100);
    writeAnnounceHead(output, PACKET_WORD, transaction, 900, 258, 3);
    expect(peersHalf(PACKET_WORD) * 2).toBe(PACKET_WORD * 4 + 20);
    const head = "00000001 01020304 00000384 00000102 00000003";
    expect(written(output, 20)).toBe(head.replaceAll(" ", ""));
    expect(announceResponseBytes(3, 4)).toBe(20 + 3 * 6);
    expect(announceResponseBytes(3, 16)).toBe(20 + 3 * 18);
  });

  test("to a scrape are these bytes", () => {
    const output = Bytes.allocate(100);
    output.words.fill(-1);
    writeScrapeHead(output, PACKET_WORD, transaction);
    writeScrapeCounts(output, PACKET_WORD, 0, 1, 2);
    writeScrapeCounts(output, PACKET_WORD, 1, 70_000, 0);
    expect(scrapeResponseBytes(2)).toBe(32);
    const expected = "00000002 01020304 000000010000000000000002 000111700000000000000000";
    expect(written(output, 32)).toBe(expected.replaceAll(" ", ""));
  });

  test("with an error are these bytes", () => {
    const output = Bytes.allocate(100);
    const bytes = writeError(output, PACKET_WORD, transaction, ERRORS.full, 100);
    expect(written(output, bytes)).toBe(
      "0000000301020304" + Buffer.from("Tracker is full").toString("hex"),
    );
  });

  test("with an error are cut to the bytes allowed, and nothing after them is written", () => {
    const whole = 8 + ERRORS.connection.length;
    for (let maxBytes = 16; maxBytes < 60; maxBytes++) {
      const output = Bytes.allocate(100);
      const bytes = writeError(output, PACKET_WORD, transaction, ERRORS.connection, maxBytes);
      expect(bytes).toBe(Math.min(maxBytes, whole));
      expect(output.bytes.subarray(PACKET_WORD * 4 + bytes).every((byte) => byte === 0)).toBe(true);
      const response = parseResponse(Buffer.from(written(output, bytes), "hex"), 4);
      const message = "Connection invalid or expired".slice(0, maxBytes - 8);
      expect(response).toEqual({ kind: "error", transactionId: 0x01020304, message });
    }
  });

  test.each([
    [4, 242, 122],
    [16, 79, 120],
  ])(
    "to %i-byte addresses fit one packet with %i peers or %i torrents",
    (address, peers, torrents) => {
      const headers = address === 4 ? 28 : 48;
      expect(maxResponseBytes(address)).toBe(1500 - headers);
      expect([maxFittingPeers(address), maxFittingTorrents(address)]).toEqual([peers, torrents]);
      const announce = announceResponseBytes(peers, address);
      expect(announce).toBeLessThanOrEqual(1500 - headers);
      expect(announceResponseBytes(peers + 1, address)).toBeGreaterThan(1500 - headers);
      expect(scrapeResponseBytes(torrents)).toBeLessThanOrEqual(1500 - headers);
      expect(scrapeResponseBytes(torrents + 1)).toBeGreaterThan(1500 - headers);
    },
  );
});

describe("the memory for requests", () => {
  test.each([1, 3, 4, 5, 255, 3000])("has room for scrapes of %i torrents", (torrents) => {
    expect(maxRequestBytes(torrents)).toBe(Math.max(100, 16 + 20 * torrents));
    expect(maxRequestWords(torrents)).toBe(Math.max(REQUEST.announceWords, scrapeWords(torrents)));
  });
});
