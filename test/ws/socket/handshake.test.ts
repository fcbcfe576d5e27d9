import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  answerPlainRequest,
  HeaderFields,
  isUpgrade,
  parseRequest,
  type Request,
  shakeHands,
  writeResponse,
} from "../../../src/ws/socket/handshake.ts";
import { RESPONSES } from "../../../src/ws/socket/plain-http.ts";

/** The key and the response to it of RFC 6455, 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const UPGRADE = {
  host: "tracker.example",
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": KEY,
};

/** A request with header fields; null leaves one of UPGRADE out. */
function upgradeRequest(fields: Record<string, string | null> = {}, method = "GET"): Request {
  const headers = new HeaderFields();
  for (const [name, value] of Object.entries({ ...UPGRADE, ...fields })) {
    if (value !== null) headers.add(name, value);
  }
  return { method, target: "/", headers };
}

function parseHeaders(...lines: string[]): HeaderFields | undefined {
  return parseRequest(["GET / HTTP/1.1", ...lines].join("\r\n"))?.headers;
}

describe("a request head", () => {
  test("is parsed", () => {
    const { method, target, headers } = parseRequest(
      "GET /announce?a=b HTTP/1.1\r\nHost: a.example:80\r\nX-Empty:\r\nUPGRADE: \t WebSocket \t",
    )!;
    expect([method, target]).toEqual(["GET", "/announce?a=b"]);
    expect(headers.get("Host")).toBe("a.example:80");
    expect(headers.get("x-empty")).toBe("");
    expect(headers.get("Upgrade")).toBe("WebSocket");
    expect(headers.get("connection")).toBe(null);
  });

  test("may be one of HTTP/1.0 without header fields", () => {
    expect(parseRequest("HEAD /health HTTP/1.0")).toMatchObject({ method: "HEAD" });
  });

  test.each([
    "",
    "GET",
    "GET /",
    "GET / HTTP/2.0",
    "GET / HTTP/1.2",
    "GET / HTTP/1.1 ",
    " GET / HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET /\u00e9 HTTP/1.1",
    "GET / http/1.1",
    "\x16\x03\x01\x02",
    "GET / HTTP/1.1\nHost: a",
  ])("with the request line %j is invalid", (line) => {
    expect(parseRequest(line)).toBeUndefined();
  });

  test.each([
    "no colon",
    ": no name",
    "a name: with a space",
    "name : before the colon",
    " folded: line",
    "\u00e9: not ASCII",
    "name: a\rb",
    "name: a\nother: b",
    "name: a\0b",
    "",
  ])("with the header line %j is invalid", (line) => {
    expect(parseHeaders("a: b", line, "c: d")).toBeUndefined();
  });

  test("joins fields of one name, in any case", () => {
    const headers = parseHeaders("a: 1", "b: 2", "A: 3", "a:")!;
    expect(headers.get("a")).toBe("1, 3, ");
    expect(headers.hasToken("a", "3")).toBe(true);
    expect(headers.hasToken("a", "2")).toBe(false);
  });

  test("is parsed in a time that grows with its length, whatever it contains", () => {
    // With a pattern that backtracks, each of these would take minutes.
    const blanks = " \t".repeat(4000);
    for (const value of [`${blanks}\r`, `a${blanks}b`, `${blanks}\n${blanks}`, blanks]) {
      parseHeaders(`a:${value}`);
    }
    expect(parseHeaders(`a:${blanks}b${blanks}`)?.get("a")).toBe("b");
  }, 2000);

  test("never fails with an exception", () => {
    const part = fc.constantFrom("GET", "/", "HTTP/1.1", " ", "\r\n", ":", "a", "\t", "\0", "\xff");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        const request = parseRequest(parts.join(""));
        if (request === undefined) return;
        isUpgrade(request);
        shakeHands(request, true);
        answerPlainRequest(request);
      }),
    );
  });
});

describe("a handshake", () => {
  test("is answered as RFC 6455 says", () => {
    expect(shakeHands(upgradeRequest(), true)).toEqual({
      response:
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
      windowBits: undefined,
    });
  });

  test.each(["websocket", "WebSocket", "WEBSOCKET"])("is asked for by Upgrade: %s", (upgrade) => {
    expect(isUpgrade(upgradeRequest({ upgrade }))).toBe(true);
  });

  test.each(["h2c", "", null])("is not asked for by Upgrade: %p", (upgrade) => {
    expect(isUpgrade(upgradeRequest({ upgrade }))).toBe(false);
  });

  test.each(["upgrade", "keep-alive, Upgrade", "UPGRADE , close"])(
    "may have Connection: %s",
    (connection) => {
      expect(shakeHands(upgradeRequest({ connection }), true)).toHaveProperty("response");
    },
  );

  test.each([
    [{ connection: null }, "GET"],
    [{ connection: "close" }, "GET"],
    [{ connection: "upgraded" }, "GET"],
    [{ "sec-websocket-key": null }, "GET"],
    [{ "sec-websocket-key": "" }, "GET"],
    [{ "sec-websocket-key": KEY.slice(1) }, "GET"],
    [{ "sec-websocket-key": `${KEY}=` }, "GET"],
    [{ "sec-websocket-key": `${KEY}, ${KEY}` }, "GET"],
    [{ "sec-websocket-key": KEY.replace("d", "*") }, "GET"],
    [{}, "POST"],
    [{}, "HEAD"],
  ])("with %j by %s is refused", (fields: Record<string, string | null>, method) => {
    expect(shakeHands(upgradeRequest(fields, method), true)).toBe(RESPONSES.noHandshake);
  });

  test.each(["8", "", "13, 13", "14", null])("of version %p is refused with 426", (version) => {
    const request = upgradeRequest({ "sec-websocket-version": version });
    expect(shakeHands(request, true)).toBe(RESPONSES.otherVersion);
  });

  test("chooses the first subprotocol", () => {
    const answer = shakeHands(upgradeRequest({ "sec-websocket-protocol": " a , b" }), true);
    expect(answer).toHaveProperty(
      "response",
      expect.stringContaining("\r\nSec-WebSocket-Protocol: a\r\n"),
    );
  });

  test("names no subprotocol for an empty list", () => {
    for (const list of ["", " ", ",", ", a"]) {
      const answer = shakeHands(upgradeRequest({ "sec-websocket-protocol": list }), true);
      expect(answer).toHaveProperty("response", expect.not.stringMatching(/Protocol: *\r\n/));
    }
  });

  test("accepts compression only if that is allowed", () => {
    const request = upgradeRequest({ "sec-websocket-extensions": "permessage-deflate" });
    expect(shakeHands(request, false)).toMatchObject({
      windowBits: undefined,
      response: expect.not.stringContaining("Extensions"),
    });
    expect(shakeHands(request, true)).toMatchObject({
      windowBits: 15,
      response: expect.stringContaining(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " +
          "client_no_context_takeover\r\n",
      ),
    });
  });
});

describe("a response", () => {
  test("ends the connection and has a length", () => {
    expect(writeResponse(RESPONSES.badRequest)).toBe(
      "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n" +
        "connection: close\r\ncontent-length: 12\r\n\r\nbad request\n",
    );
  });

  test("to HEAD has no body, but its length", () => {
    const request = parseRequest("HEAD /health HTTP/1.0")!;
    const response = answerPlainRequest(request);
    expect(response).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(response).toContain("\r\ncontent-length: 3\r\n");
    expect(response).toEndWith("\r\n\r\n");
  });

  test("to GET has a body", () => {
    expect(answerPlainRequest(parseRequest("GET /health HTTP/1.1")!)).toEndWith("\r\n\r\nok\n");
    const other = answerPlainRequest(parseRequest("GET / HTTP/1.1")!);
    expect(other).toStartWith("HTTP/1.1 426 Upgrade Required\r\n");
    expect(other).toContain("\r\nupgrade: websocket\r\n");
    expect(other).toContain("\r\nconnection: Upgrade\r\n");
  });
});
