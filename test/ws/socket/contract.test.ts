// What all socket backends promise, with and without TLS, over real connections. Where 'bun'
// differs, the test says how.

import { AllowedOrigins } from "../../../src/ws/origin.ts";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { type Client, SENDING } from "../../../src/ws/client.ts";
import { OPCODE } from "../../../src/ws/socket/frame.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { connectRaw, type RawWebSocket } from "../../support/raw-websocket.ts";
import { clientFrame, closePayload, COMPRESSED, deflate } from "./client-frames.ts";
import { BYTE_BACKENDS, EchoServer, type EchoSettings } from "./echo-server.ts";
import { exchange, handshake, openTcp, receiveAll } from "./http-exchange.ts";

const { binary, close, continuation, ping, pong, text } = OPCODE;

const part = { isLast: false };
const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";
const LONG = Buffer.alloc(2 ** 16, "0123456789abcdef");

const files = await makeCertificate();
const certificate = {
  cert: readFileSync(files.certificatePath, "utf8"),
  key: readFileSync(files.privateKeyPath, "utf8"),
};
afterAll(() => files[Symbol.dispose]());

const CASES = [...BYTE_BACKENDS, "bun" as const].flatMap((backend) =>
  // 'epoll' has no TLS.
  (backend === "epoll" ? (["ws"] as const) : (["ws", "wss"] as const)).map(
    (scheme) => [backend, scheme] as const,
  ),
);

describe.each(CASES)("the backend '%s' over %s", (backend, scheme) => {
  const isBytes = backend !== "bun";
  const tls = scheme === "wss";
  const open: Disposable[] = [];

  afterEach(() => {
    for (const each of open.splice(0).toReversed()) each[Symbol.dispose]();
  });

  function serve(settings: EchoSettings = {}): EchoServer {
    const server = new EchoServer(backend, {
      certificate: tls ? certificate : undefined,
      ...settings,
    });
    open.push(server);
    return server;
  }

  async function connect({ port }: EchoServer, ...headers: string[]): Promise<RawWebSocket> {
    const raw = await connectRaw("127.0.0.1", port, headers, { tls });
    open.push(raw);
    return raw;
  }

  /** A server, one connection to it, and how the server sees that. */
  async function pair(settings: EchoSettings = {}, ...headers: string[]) {
    const server = serve(settings);
    const raw = await connect(server, ...headers);
    await server.waitUntil(() => server.clients.size === 1);
    const [client] = server.clients;
    return { server, raw, client };
  }

  /** Resolves with the close code, once the connection has ended. */
  async function endOf(raw: RawWebSocket): Promise<number> {
    await raw.waitUntil(() => raw.hasEnded);
    const last = raw.frames.at(-1);
    return last?.opcode === close ? last.payload.readUInt16BE(0) : -1;
  }

  /** Sends to a client that does not read until it has to wait. Returns how often. */
  async function fill(server: EchoServer, client: Client): Promise<number> {
    for (let count = 1; ; count++) {
      server.send(client, LONG);
      await new Promise((resolve) => setImmediate(resolve));
      if (client.sending === SENDING.blocked || !server.clients.has(client)) return count;
    }
  }

  function texts(raw: RawWebSocket): string[] {
    return raw.frames
      .filter(({ opcode }) => opcode === text)
      .map(({ payload }) => payload.toString());
  }

  describe("a handshake", () => {
    test("opens a connection", async () => {
      const { raw, server } = await pair();
      expect(raw.head).toStartWith("HTTP/1.1 101 ");
      expect(server.opened).toEqual(["127.0.0.1"]);
      const response = await exchange(server.port, handshake(), tls);
      expect(response).toMatch(/\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
      expect(response).not.toMatch(/sec-websocket-(extensions|protocol)/i);
    });

    test("may come in pieces, with the first frames right behind it", async () => {
      const server = serve();
      const socket = await openTcp(server.port, tls);
      const received = receiveAll(socket, (all) => all.endsWith("hello"));
      const request = Buffer.concat([
        Buffer.from(handshake()),
        clientFrame(text, "he", part),
        clientFrame(continuation, "llo"),
      ]);
      for (let i = 0; i < request.length; i += 30) {
        socket.write(request.subarray(i, i + 30));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await received).toEndWith("\r\n\r\n\x81\x05hello");
    });

    test("chooses the first subprotocol", async () => {
      const response = await exchange(serve().port, handshake("Sec-WebSocket-Protocol: a, b"), tls);
      expect(response).toMatch(/\r\nsec-websocket-protocol: a\r\n/i);
    });

    test.each([
      ["without a key", handshake().replace(/Sec-WebSocket-Key.*\r\n/, ""), 400],
      ["with a short key", handshake().replace("dGhl", ""), 400],
      ["of another version", handshake().replace("Version: 13", "Version: 8"), 426],
    ])("%s is refused", async (_, request, status) => {
      const server = serve();
      const response = await exchange(server.port, request, tls);
      expect(response).toStartWith(`HTTP/1.1 ${status} `);
      if (status === 426) expect(response).toMatch(/\r\nsec-websocket-version: 13\r\n/i);
      expect([server.opened, server.refusals]).toEqual([[], ["handshake"]]);
    });

    test("is refused with 503 when there is no room", async () => {
      const server = serve();
      server.isRoomLeft = false;
      const response = await exchange(server.port, handshake(), tls);
      expect(response).toStartWith("HTTP/1.1 503 Service Unavailable\r\n");
      expect(response).toEndWith("\r\n\r\ntoo many connections\n");
      // `hasRoom` has been asked, and knows.
      expect([server.opened, server.refusals]).toEqual([[], []]);
    });

    test("is refused with 403 to pages of origins that are not allowed", async () => {
      const origins = new AllowedOrigins(["https://example.com", "http://localhost:8080"]);
      const server = serve({ origins });
      for (const [header, status] of [
        [["Origin: https://example.com"], 101],
        [["Origin: HTTPS://EXAMPLE.COM"], 101],
        [["Origin: http://localhost:8080"], 101],
        [["Origin: http://example.com"], 403],
        [["Origin: https://example.com.evil.test"], 403],
        [["Origin: null"], 403],
        [[], 403],
      ] as const) {
        const response = await exchange(server.port, handshake(...header), tls);
        expect(response).toStartWith(`HTTP/1.1 ${status} `);
      }
      expect(server.opened).toHaveLength(3);
      expect(server.refusals).toEqual(["origin", "origin", "origin", "origin"]);
    });

    test("names the client behind a trusted proxy", async () => {
      const server = serve({ trustedProxies: ["127.0.0.0/8"] });
      const headers = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 2001:db8::5, 127.0.0.9"];
      await exchange(server.port, handshake(...headers), tls);
      expect(server.opened).toEqual(["2001:db8::5"]);
    });

    test("ignores what a client says of itself", async () => {
      const server = serve({ trustedProxies: ["192.0.2.1"] });
      await exchange(server.port, handshake("X-Forwarded-For: 192.0.2.7"), tls);
      expect(server.opened).toEqual(["127.0.0.1"]);
    });

    test("of a client that has gone already is no failure, and has no wrong address", async () => {
      const server = serve();
      for (let i = 0; i < 20; i++) {
        const socket = await openTcp(server.port, tls);
        socket.write(handshake());
        socket.resetAndDestroy();
      }
      await connect(server);
      await server.waitUntil(() => server.clients.size === 1);
      expect(server.failures).toEqual([]);
      expect(new Set(server.opened)).toEqual(new Set(["127.0.0.1"]));
    });

    // The runtime's own limit of 'bun' is 16 KiB.
    test("with a head that is too long is answered 431", async () => {
      const server = serve();
      const { port } = server;
      const tooLong = `X: ${"x".repeat(isBytes ? 8192 : 2 ** 16)}`;
      const response = await exchange(port, handshake(tooLong), tls);
      expect(response).toStartWith("HTTP/1.1 431 ");
      // Without its end, too.
      const socket = await openTcp(port, tls);
      socket.write(handshake(tooLong).slice(0, -4));
      expect(await receiveAll(socket)).toStartWith("HTTP/1.1 431 ");
      const fits = await exchange(port, handshake(`X: ${"x".repeat(7500)}`), tls);
      expect(fits).toStartWith("HTTP/1.1 101 ");
      expect(server.refusals).toEqual(isBytes ? ["handshake", "handshake"] : []);
    });
  });

  // The runtime does not report what happens to TLS in 'bun'.
  if (backend === "bytes" && tls) {
    test("a client without TLS is refused, unlike one that leaves", async () => {
      const server = serve();
      const leaving = await openTcp(server.port);
      leaving.end();
      await receiveAll(leaving);
      const socket = await openTcp(server.port);
      socket.write(handshake());
      await receiveAll(socket);
      await server.waitUntil(() => server.refusals.length > 0);
      expect(server.refusals).toEqual(["tls"]);
    });
  }

  describe("plain HTTP", () => {
    test.each([
      ["GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok\n"],
      ["GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "ok\n"],
      ["GET /health HTTP/1.0\r\n\r\n", 200, "ok\n"],
      ["GET http://a.example/health?b HTTP/1.1\r\nHost: a.example\r\n\r\n", 200, "ok\n"],
      ["HEAD /health HTTP/1.0\r\n\r\n", 200, ""],
      ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "connect with a WebSocket.\n"],
      ["GET /announce?info_hash=x HTTP/1.0\r\n\r\n", 426, "connect with a WebSocket.\n"],
    ])("%j is answered %i", async (request, status, body) => {
      const server = serve();
      const response = await exchange(server.port, request, tls);
      expect(response).toStartWith(`HTTP/1.1 ${status} `);
      expect(response).toEndWith(body === "" ? "\r\n\r\n" : body);
      expect(response).toMatch(/\r\ncontent-length: [1-9]/i);
      if (status === 426) expect(response).toMatch(/\r\nupgrade: websocket\r\n/i);
      expect(server.garbage).toBeGreaterThan(0);
      expect(server.refusals).toEqual([]);
    });

    test.each([
      ["bytes", "\0\x01\x02\xff"],
      ["a method alone", "GET"],
      ["a long word", "x".repeat(2000)],
    ])("that is %s is answered 400", async (_, request) => {
      const response = await exchange(serve().port, `${request}\r\n\r\n`, tls);
      expect(response).toStartWith("HTTP/1.1 400 ");
    });

    test("with garbage behind a request is answered, and ends", async () => {
      const socket = await openTcp(serve().port, tls);
      socket.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n\0\x01garbage\r\n\r\n");
      const response = await receiveAll(socket);
      expect(response).toStartWith("HTTP/1.1 200 ");
      expect(response).toContain("\r\n\r\nok\n");
    });

    test("is answered a client that has closed its side", async () => {
      const socket = await openTcp(serve().port, tls);
      socket.end("GET /health HTTP/1.0\r\n\r\n");
      expect(await receiveAll(socket)).toEndWith("ok\n");
    });
  });

  describe("messages", () => {
    test("come back as they were, in their order", async () => {
      const { raw } = await pair();
      // The tracker sends no empty ones. The runtime could not say whether it took one.
      const messages = [isBytes ? 0 : 2, 1, 125, 126, 127, 65_535, 65_536].map((length) =>
        "x".repeat(length),
      );
      messages.push("\ufeff\u00e9\u20ac\u{1f600}", "\0");
      for (const message of messages) raw.socket.write(clientFrame(text, message));
      await raw.waitUntil(() => raw.frames.length === messages.length);
      expect(texts(raw)).toEqual(messages);
    });

    test("in fragments, with control frames in between, are put together", async () => {
      const { raw, server } = await pair();
      const euro = Buffer.from("\u20ac");
      for (const frame of [
        clientFrame(text, Buffer.concat([Buffer.from("a"), euro.subarray(0, 1)]), part),
        clientFrame(ping, "1"),
        clientFrame(continuation, euro.subarray(1), part),
        clientFrame(pong, "2"),
        clientFrame(continuation, "", part),
        clientFrame(continuation, "b"),
      ]) {
        raw.socket.write(frame);
      }
      await raw.waitUntil(() => raw.frames.length === 2);
      expect(raw.frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
        [pong, "1"],
        [text, "a\u20acb"],
      ]);
      expect(server.pongs).toBe(1);
    });

    test("of bytes are taken like texts", async () => {
      const { raw } = await pair();
      raw.socket.write(clientFrame(binary, "ab\u20ac"));
      await raw.waitUntil(() => raw.frames.length === 1);
      expect(texts(raw)).toEqual(["ab\u20ac"]);
    });

    test("of bytes need not be UTF-8", async () => {
      const server = serve();
      const received: Buffer[] = [];
      server.onMessage = (_, message) => received.push(Buffer.from(message));
      const raw = await connect(server);
      raw.socket.write(clientFrame(binary, Buffer.of(0x80, 0xff)));
      await server.waitUntil(() => received.length === 1);
      expect(received).toEqual([Buffer.of(0x80, 0xff)]);
    });

    test.each([
      ["too long", [clientFrame(text, "x".repeat(1001))], 1009],
      ["claimed to be too long", [clientFrame(text, "", { claimedLength: 2 ** 40 })], 1009],
      [
        "too long together",
        [clientFrame(text, "x".repeat(600), part), clientFrame(continuation, "x".repeat(401))],
        1009,
      ],
      ["not UTF-8", [clientFrame(text, Buffer.of(0xc3, 0x28))], 1007],
      ["cut in a character", [clientFrame(text, Buffer.of(0xe2, 0x82))], 1007],
      ["not masked", [clientFrame(text, "a", { mask: undefined })], 1002],
      ["of an unknown opcode", [clientFrame(3, "a")], 1002],
      ["compressed without having agreed", [clientFrame(text, "", { reserved: 4 })], 1002],
      ["a fragment of nothing", [clientFrame(continuation, "a")], 1002],
    ])("that are %s end the connection", async (_, frames, code) => {
      const { raw, server } = await pair({ maxMessageBytes: 1000 });
      for (const frame of frames) raw.socket.write(frame);
      expect(await endOf(raw)).toBe(code);
      await server.waitUntil(() => server.clients.size === 0);
      expect(texts(raw)).toEqual([]);
      expect(server.violations).toEqual([code]);
    });

    test("of one connection make it fail alone", async () => {
      const server = serve();
      server.onMessage = (client, message) => {
        if (message.toString() === "throw") throw new Error("as the test wants it");
        server.send(client, message);
      };
      const [a, b] = [await connect(server), await connect(server)];
      a.socket.write(clientFrame(text, "throw"));
      expect(await endOf(a)).toBe(1011);
      b.socket.write(clientFrame(text, "b"));
      await b.waitUntil(() => b.frames.length === 1);
      expect(server.failures.map(String)).toEqual(["Error: as the test wants it"]);
      expect(server.clients.size).toBe(1);
    });
  });

  describe("compression", () => {
    const compressed = { reserved: COMPRESSED };

    test.each([
      ["declined", { acceptCompressed: false, compress: false }, false],
      ["accepted", { acceptCompressed: true, compress: false }, true],
    ])("is %s as configured", async (_, settings, isAccepted) => {
      const { raw } = await pair(settings, DEFLATE);
      const header = /\r\nsec-websocket-extensions: permessage-deflate/i;
      expect(header.test(raw.head)).toBe(isAccepted);
      if (!isAccepted) return;
      expect(raw.head).toMatch(/client_no_context_takeover/);
      const payload = deflate("abc abc abc");
      raw.socket.write(clientFrame(text, payload, compressed));
      raw.socket.write(clientFrame(text, payload.subarray(0, 3), { ...compressed, ...part }));
      raw.socket.write(clientFrame(ping));
      raw.socket.write(clientFrame(continuation, payload.subarray(3)));
      raw.socket.write(clientFrame(text, "plain"));
      await raw.waitUntil(() => raw.frames.length === 4);
      expect(texts(raw)).toEqual(["abc abc abc", "abc abc abc", "plain"]);
      expect(raw.frames.some((frame) => frame.isCompressed)).toBe(false);
    });

    test("of what is sent can be had", async () => {
      const { raw } = await pair({ acceptCompressed: true, compress: true }, DEFLATE);
      const message = "again and again ".repeat(100);
      raw.socket.write(clientFrame(text, deflate(message), compressed));
      await raw.waitUntil(() => raw.frames.length === 1);
      const [{ isCompressed, payload }] = raw.frames;
      expect(isCompressed).toBe(true);
      expect(payload.length).toBeLessThan(200);
      expect(inflateRawSync(payload, { finishFlush: 2 }).toString()).toBe(message);
    });

    test.each([
      ["a bomb", deflate(Buffer.alloc(10_000_000)), 1009],
      ["invalid data", Buffer.of(0xff, 0xff), 1007],
      ["what is not UTF-8", deflate(Buffer.of(0xff)), 1007],
    ])("of %s ends the connection", async (_, payload, code) => {
      const { raw, server } = await pair({ acceptCompressed: true }, DEFLATE);
      raw.socket.write(clientFrame(text, payload, compressed));
      expect(await endOf(raw)).toBe(code);
      await server.waitUntil(() => server.clients.size === 0);
      expect(server.violations).toEqual([code]);
    });
  });

  describe("closing", () => {
    test.each([
      ["1000", closePayload(1000, "good-bye"), 1000, undefined],
      ["1001", closePayload(1001), 1001, undefined],
      ["1002", closePayload(1002, "Received invalid data"), 1002, undefined],
      ["4321", closePayload(4321), 4321, undefined],
      ["1005", closePayload(1005), 1002, 1002],
      ["half a code", Buffer.of(3), 1002, 1002],
      ["a reason that is not UTF-8", closePayload(1000, Buffer.of(0xff)), 1007, 1007],
    ])("by a client with %s is answered", async (_, payload, code, violation) => {
      const { raw, server } = await pair();
      raw.socket.write(clientFrame(close, payload));
      expect(await endOf(raw)).toBe(code);
      await server.waitUntil(() => server.clients.size === 0);
      expect(server.violations).toEqual([violation]);
    });

    test("by a client without a code is answered", async () => {
      const { raw } = await pair();
      raw.socket.write(clientFrame(close));
      await raw.waitUntil(() => raw.hasEnded);
      // 'bun' answers with none, the others with 1000.
      expect(raw.frames.map(({ opcode, payload }) => [opcode, payload.toString("hex")])).toEqual([
        [close, isBytes ? "03e8" : ""],
      ]);
    });

    test("by the tracker says why, and nothing more is received", async () => {
      const { client, raw, server } = await pair();
      client.socket.close(1008, "too much");
      raw.socket.write(clientFrame(text, "a"));
      raw.socket.write(clientFrame(close, closePayload(1008)));
      expect(await endOf(raw)).toBe(1008);
      expect(raw.frames[0].payload.toString("latin1", 2)).toBe("too much");
      expect(texts(raw)).toEqual([]);
      await server.waitUntil(() => server.clients.size === 0);
      expect(server.violations).toEqual([undefined]);
    });

    test("at once is reported at once", async () => {
      const { client, raw, server } = await pair();
      client.socket.terminate();
      expect(server.clients.size).toBe(0);
      expect(await endOf(raw)).toBe(-1);
    });

    test("by ending one's side is noticed", async () => {
      const { raw, server } = await pair();
      raw.socket.end();
      await server.waitUntil(() => server.clients.size === 0);
      await raw.waitUntil(() => raw.hasEnded);
    });

    test("by a reset is noticed, also within a frame or a handshake", async () => {
      const server = serve();
      for (const bytes of ["", clientFrame(text, "abc").subarray(0, 7)]) {
        const raw = await connect(server);
        await server.waitUntil(() => server.clients.size === 1);
        raw.socket.write(bytes);
        raw.socket.resetAndDestroy();
        await server.waitUntil(() => server.clients.size === 0);
      }
      const socket = await openTcp(server.port, tls);
      socket.write(handshake().slice(0, 20));
      socket.resetAndDestroy();
      await connect(server);
      expect(server.opened.length).toBe(3);
    });

    test("of the listener closes all connections", async () => {
      const server = serve();
      const raw = await connect(server);
      server[Symbol.dispose]();
      await raw.waitUntil(() => raw.hasEnded);
      await server.waitUntil(() => server.clients.size === 0);
    });
  });

  describe("pings", () => {
    test("of a client are answered with what they contain", async () => {
      const { raw } = await pair();
      const payloads = ["", "a", "x".repeat(125)];
      for (const payload of payloads) raw.socket.write(clientFrame(ping, payload));
      await raw.waitUntil(() => raw.frames.length === 3);
      expect(raw.frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual(
        payloads.map((payload) => [pong, payload]),
      );
    });

    test("of the tracker arrive, and the pongs are reported", async () => {
      const { client, raw, server } = await pair();
      client.socket.ping();
      await raw.waitUntil(() => raw.frames.length === 1);
      expect(raw.frames[0]).toMatchObject({ opcode: ping, payload: Buffer.alloc(0) });
      raw.socket.write(clientFrame(pong));
      await server.waitUntil(() => server.pongs === 1);
    });
  });

  describe("a client that does not read", () => {
    test("gets all once it reads again", async () => {
      const { client, raw, server } = await pair();
      raw.socket.pause();
      const count = await fill(server, client);
      server.send(client, Buffer.from("last"));
      raw.socket.resume();
      await raw.waitUntil(() => raw.frames.length === count + 1);
      expect(raw.frames.pop()!.payload.toString()).toBe("last");
      expect(raw.frames.every(({ payload }) => payload.equals(LONG))).toBe(true);
      expect(server.drains).toBeGreaterThan(0);
      await server.waitUntil(() => client.sending === SENDING.idle);
      expect(client.outbox).toBeUndefined();
      expect(client.socket.bufferedBytes).toBe(0);
    });

    test("is closed if more waits than may", async () => {
      const { client, raw, server } = await pair({ maxQueued: 100_000 });
      raw.socket.pause();
      await fill(server, client);
      for (let i = 0; i < 4 && server.clients.size > 0; i++) {
        server.send(client, LONG);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(server.clients.size).toBe(0);
      raw.socket.resume();
      await raw.waitUntil(() => raw.hasEnded);
    });

    test("makes nothing grow with its pings", async () => {
      const { client, raw, server } = await pair();
      raw.socket.pause();
      await fill(server, client);
      const waiting = (): number => client.socket.bufferedBytes + (client.outbox?.length ?? 0);
      const before = waiting();
      const pings = Buffer.concat(Array(1000).fill(clientFrame(ping, "x".repeat(125))));
      for (let i = 0; i < 10; i++) raw.socket.write(pings);
      raw.socket.write(clientFrame(pong));
      await server.waitUntil(() => server.pongs === 1);
      expect(waiting() - before).toBeLessThan(isBytes ? 200 : 2 ** 17);
      // The last ping is answered (RFC 6455, 5.5.3), if the runtime does not drop it.
      if (!isBytes) return;
      raw.socket.resume();
      await raw.waitUntil(() => raw.frames.some(({ opcode }) => opcode === pong));
    });

    // A connection of 'bun' over TLS may end only when its idle time does.
    test("loses its connection, and only that, if draining fails", async () => {
      const { client, raw, server } = await pair();
      const other = await connect(server);
      raw.socket.pause();
      await fill(server, client);
      server.onDrain = () => {
        throw new Error("as the test wants it");
      };
      raw.socket.resume();
      await server.waitUntil(() => server.failures.length > 0);
      expect(String(server.failures[0])).toBe("Error: as the test wants it");
      // A connection of 'bun' over TLS may end only when its idle time does.
      if (isBytes) await raw.waitUntil(() => raw.hasEnded);
      other.socket.write(clientFrame(text, "b"));
      await other.waitUntil(() => other.frames.length === 1);
    });

    test("may still close the connection", async () => {
      const { client, raw, server } = await pair();
      raw.socket.pause();
      await fill(server, client);
      raw.socket.write(clientFrame(close, closePayload(1000)));
      await server.waitUntil(() => server.clients.size === 0);
      raw.socket.resume();
      await raw.waitUntil(() => raw.hasEnded);
    });
  });
});
