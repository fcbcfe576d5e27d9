// Which datagrams get a response: connects, connection ids, errors, silence. One datagram in, one
// out.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { COUNTER } from "../../src/app/metrics.ts";
import {
  buildAnnounce,
  buildConnect,
  buildScrape,
  parseResponse,
  PROTOCOL_ID,
} from "../support/bep15.ts";
import { HandlerHarness, source } from "./harness.ts";

const INVALID = "Connection invalid or expired";

/** An id that was never issued. */
const WRONG_ID = 0x0102030405060708n;

test("IPv4 and IPv6 clients get exactly these bytes", () => {
  const harness = new HandlerHarness();
  const hex = (datagram: string, from: Parameters<typeof source>) => {
    const bytes = Buffer.from(datagram.replaceAll(" ", ""), "hex");
    return harness.send(bytes, source(...from)).toString("hex");
  };
  const ids = { 4: "e8030000d7471830", 16: "e8030000694cbcb7" };
  const peers = { 4: "0a000002 1ae2", 16: "20010db8000000000000000000000002 1ae2" };
  for (const family of [4, 16] as const) {
    expect(hex("0000041727101980 00000000 deadbeef", [family])).toBe(
      `00000000deadbeef${ids[family]}`,
    );
    const announce = (port: string, left: string) =>
      `00000001 0a0b0c0d ${"ab".repeat(20)} ${"cd".repeat(20)} ${"00".repeat(8)} ${left}` +
      `${"00".repeat(8)} 00000000 00000000 00000000 ffffffff ${port}`;
    const second = harness.send(buildConnect(), source(family, 2)).subarray(8, 16).toString("hex");
    expect(hex(second + announce("1ae2", "0000000100000000"), [family, 2])).toBe(
      "000000010a0b0c0d000003840000000100000000",
    );
    const answer = hex(ids[family] + announce("1ae1", "0000000000000000"), [family, 1]);
    expect(answer).toBe(
      `000000010a0b0c0d000003840000000100000001${peers[family].replace(" ", "")}`,
    );
    const scrape = `${ids[family]} 00000002 00000007 ${"ab".repeat(20)}${"00".repeat(20)}`;
    expect(hex(scrape, [family])).toBe(
      `0000000200000007${"000000010000000000000001"}${"00".repeat(12)}`,
    );
    expect(hex(`${ids[family]} 00000002 00000008`, [family])).toBe(
      `0000000300000008${Buffer.from("Scrape without an info hash").toString("hex")}`,
    );
  }
});

describe.each([4, 16] as const)("from an address of %i bytes", (family) => {
  const client = source(family);

  test("a connect gets 16 bytes, whatever follows its first 16", () => {
    const harness = new HandlerHarness();
    for (const extra of [0, 1, 82, 4000]) {
      const answer = harness.send(
        buildConnect({ transactionId: 0x80000001, extra: new Uint8Array(extra) }),
        client,
      );
      expect(answer).toHaveLength(16);
      const { kind, transactionId } = parseResponse(answer, family);
      expect([kind, transactionId]).toEqual(["connect", 0x80000001]);
    }
    expect(harness.count(COUNTER.malformed)).toBe(0);
  });

  test.each([
    ["an empty datagram", new Uint8Array(0)],
    ["a connect of 15 bytes", buildConnect().subarray(0, 15)],
    ["an announce of 15 bytes", buildAnnounce({ connectionId: WRONG_ID }).subarray(0, 15)],
    ["a connect with another protocol id", buildConnect({ protocolId: PROTOCOL_ID + 1n })],
    ["a connect with protocol id 0", buildConnect({ protocolId: 0n })],
    ["action 3 with a wrong connection id", buildConnect({ protocolId: WRONG_ID, action: 3 })],
    ["action 4 with the protocol id", buildConnect({ action: 4 })],
    ["action 2^32 - 1", buildConnect({ action: 2 ** 32 - 1 })],
    ["action 1 in the wrong byte order", buildConnect({ action: 0x01000000 })],
  ])("%s gets no response and is counted", (_what, datagram) => {
    const harness = new HandlerHarness();
    expect(harness.send(datagram, client)).toHaveLength(0);
    expect(harness.count(COUNTER.malformed)).toBe(1);
    expect(harness.count(COUNTER.invalidConnection)).toBe(0);
  });

  test("datagrams from port 0 get no response and are counted", () => {
    const harness = new HandlerHarness();
    const nowhere = source(family, 1, 0);
    const connectionId = harness.connect(client);
    for (const datagram of [
      buildConnect(),
      buildAnnounce({ connectionId }),
      buildScrape({ connectionId, infoHashes: [new Uint8Array(20)] }),
      buildAnnounce({ connectionId: WRONG_ID }),
    ]) {
      expect(harness.send(datagram, nowhere)).toHaveLength(0);
    }
    expect(harness.count(COUNTER.malformed)).toBe(4);
    expect(harness.tables[family].peerCount).toBe(0);
  });

  test("a wrong connection id gets an error no longer than the request", () => {
    const harness = new HandlerHarness();
    let count = 0;
    for (let length = 16; length <= 120; length++) {
      for (const action of [1, 2]) {
        const header = { protocolId: WRONG_ID, action, transactionId: 9 };
        const datagram = buildConnect({ ...header, extra: new Uint8Array(length - 16) });
        const answer = harness.send(datagram, client);
        expect(answer).toHaveLength(Math.min(length, 8 + INVALID.length));
        expect(parseResponse(answer, family)).toEqual({
          kind: "error",
          transactionId: 9,
          message: INVALID.slice(0, length - 8),
        });
        expect(harness.count(COUNTER.invalidConnection)).toBe(++count);
      }
    }
    expect(harness.count(COUNTER.malformed)).toBe(0);
    expect(harness.tables[family].torrentCount).toBe(0);
  });

  test("a scrape of one torrent with a wrong id gets at most 36 bytes", () => {
    const infoHashes = [new Uint8Array(20)];
    const datagram = buildScrape({ connectionId: WRONG_ID, infoHashes });
    expect(new HandlerHarness().send(datagram, client)).toHaveLength(36);
  });

  test("a connection id is valid from all ports of its address and from no other network", () => {
    const harness = new HandlerHarness();
    const connectionId = harness.connect(client);
    const kind = (from: typeof client) => harness.ask(buildAnnounce({ connectionId }), from)?.kind;
    expect(kind(client)).toBe("announce");
    for (const port of [1, 999, 65535]) expect(kind(source(family, 1, port))).toBe("announce");
    for (const host of [257, 512]) expect(kind(source(family, host))).toBe("error");
    expect(kind(source(family === 4 ? 16 : 4))).toBe("error");
  });

  test("a connection id is valid from its creation to its maximum age", () => {
    const harness = new HandlerHarness({ maxConnectionAge: 120 });
    const connectionId = harness.connect(client);
    const kinds = [0, 1, 119, 120, 121, 5000, -1, -500].map((age) => {
      harness.now = 1000 + age;
      return harness.ask(buildAnnounce({ connectionId }), client)?.kind;
    });
    const [yes, no] = ["announce", "error"] as const;
    expect(kinds).toEqual([yes, yes, yes, yes, no, no, no, no]);
  });

  test("a connection id with any one bit flipped is invalid", () => {
    const harness = new HandlerHarness();
    const connectionId = harness.connect(client);
    for (let bit = 0n; bit < 64n; bit++) {
      const turned = buildAnnounce({ connectionId: connectionId ^ (1n << bit) });
      expect(harness.ask(turned, client)).toMatchObject({ kind: "error", message: INVALID });
    }
  });

  test("a connection id of a tracker with another key is invalid", () => {
    const connectionId = new HandlerHarness({ key: [1, 2] }).connect(client);
    const harness = new HandlerHarness({ key: [1, 3] });
    const answer = harness.ask(buildAnnounce({ connectionId }), client);
    expect(answer).toMatchObject({ kind: "error", message: INVALID });
  });

  test.each([3, 4, 0x01000000, 2 ** 32 - 1])(
    "action %i with a valid connection id gets an error",
    (action) => {
      const harness = new HandlerHarness();
      const protocolId = harness.connect(client);
      const answer = harness.ask(buildConnect({ protocolId, action, transactionId: 5 }), client);
      expect(answer).toEqual({ kind: "error", transactionId: 5, message: "Unknown action" });
      expect(harness.count(COUNTER.malformed)).toBe(1);
    },
  );

  test("random bytes cause no exception and no response longer than they are", () => {
    const harness = new HandlerHarness();
    const header = fc.record({
      protocolId: fc.oneof(fc.constant(PROTOCOL_ID), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      action: fc.oneof(fc.nat(5), fc.nat(2 ** 32 - 1)),
      transactionId: fc.nat(),
      extra: fc.uint8Array({ maxLength: 200, size: "max" }),
    });
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 200, size: "max" }),
      header.map(buildConnect),
    );
    fc.assert(
      fc.property(anyBytes, fc.nat(65535), (datagram, port) => {
        const answer = harness.send(datagram, source(family, 1, port));
        expect(answer.length).toBeLessThanOrEqual(datagram.length);
        if (answer.length > 0) parseResponse(answer, family);
      }),
      { numRuns: 3000 },
    );
    expect([harness.tables[4].peerCount, harness.tables[16].peerCount]).toEqual([0, 0]);
  });
});

describe.each([4, 16] as const)(
  "with a limit on requests, from addresses of %i bytes",
  (family) => {
    const client = source(family);

    test("an address beyond its rate gets errors, and in a flood nothing", () => {
      const harness = new HandlerHarness({ maxRequestsPerSecond: 2 });
      const announce = buildAnnounce({ connectionId: harness.connect(client), transactionId: 5 });
      const ask = (count: number) => {
        return Array.from(
          { length: count },
          () => harness.ask(announce, client)?.kind ?? "nothing",
        );
      };
      expect(ask(80)).toEqual(Array.from({ length: 80 }, () => "announce" as const));
      expect(harness.ask(announce, client)).toEqual({
        kind: "error",
        transactionId: 5,
        message: "Too many requests from your address",
      });
      expect(ask(3)).toEqual(["error", "nothing", "nothing"]);
      harness.now++;
      expect(ask(5)).toEqual(["announce", "announce", "error", "error", "nothing"]);
      expect(harness.count(COUNTER.rateLimited)).toBe(7);
      // The limit covers all ports of the address, but no other address.
      expect(harness.ask(announce, source(family, 1, 77))).toBeUndefined();
      const other = source(family, 300);
      expect(harness.announce(other, {})?.kind).toBe("announce");
    });

    test("an error is never longer than the request", () => {
      const harness = new HandlerHarness({ maxRequestsPerSecond: 1 });
      const connectionId = harness.connect(client);
      const scrape = buildScrape({ connectionId, infoHashes: [Buffer.alloc(20)] });
      for (let i = 0; i < 40; i++) harness.send(scrape, client);
      const short = scrape.subarray(0, 20);
      expect(harness.send(short, client).length).toBeLessThanOrEqual(20);
      expect(harness.count(COUNTER.rateLimited)).toBe(1);
    });

    test("only requests with a valid connection id count", () => {
      const harness = new HandlerHarness({ maxRequestsPerSecond: 1 });
      const connectionId = harness.connect(client);
      for (let i = 0; i < 1000; i++) {
        harness.send(buildAnnounce({ connectionId: 12345n }), client);
        harness.send(buildConnect(), client);
      }
      expect(harness.ask(buildAnnounce({ connectionId }), client)?.kind).toBe("announce");
      expect(harness.count(COUNTER.rateLimited)).toBe(0);
    });
  },
);
