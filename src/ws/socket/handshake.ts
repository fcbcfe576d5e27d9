// The opening handshake of a WebSocket (RFC 6455, 4.2), and the responses to other HTTP requests,
// for the backend 'bytes'. Pure functions on text.

import { createHash } from "node:crypto";
import { negotiateDeflate } from "./deflate.ts";
import { type HttpResponse, plainResponse, RESPONSES } from "./plain-http.ts";

/** Bytes of the longest request head. */
export const MAX_HEAD_BYTES = 8192;

/** Names, and what the values of header fields must not contain (RFC 9110, 5). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

const KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderFields;
}

/** Header fields by their names. Fields of one name are joined, as in RFC 9110, 5.3. */
export class HeaderFields {
  readonly #values = new Map<string, string>();

  add(name: string, value: string): void {
    const before = this.#values.get(name);
    this.#values.set(name, before === undefined ? value : `${before}, ${value}`);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  /** Whether a list contains a token, in any case. */
  hasToken(name: string, token: string): boolean {
    const list = this.get(name)?.toLowerCase().split(",") ?? [];
    return list.some((entry) => entry.trim() === token);
  }
}

/** Parses the head of a request, without the empty line at its end. Undefined if it is invalid. */
export function parseRequest(head: string): Request | undefined {
  const [requestLine = "", ...lines] = head.split("\r\n");
  const [, method, target] = /^([!-~]+) ([!-~]+) HTTP\/1\.[01]$/.exec(requestLine) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers = new HeaderFields();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = trimBlanks(line.slice(colon + 1));
    if (!TOKEN.test(name) || CONTROL.test(value)) return undefined;
    headers.add(name.toLowerCase(), value);
  }
  return { method, target, headers };
}

// A pattern for this would try each run of blanks once for each of its blanks.
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t";
}

/** Whether a request asks for a WebSocket. */
export function isUpgrade({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** An accepted handshake. */
export interface Handshake {
  /** The whole response. */
  readonly response: string;
  /** Whether the client may send compressed messages, and the window for those to it, in bits. */
  readonly windowBits: number | undefined;
}

/** Answers a request that asks for a WebSocket. */
export function shakeHands(
  { headers, method }: Request,
  acceptCompressed: boolean,
): Handshake | HttpResponse {
  const key = headers.get("sec-websocket-key") ?? "";
  const isValid =
    method === "GET" &&
    headers.hasToken("connection", "upgrade") &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
  if (!isValid) return RESPONSES.noHandshake;
  if (headers.get("sec-websocket-version") !== "13") return RESPONSES.otherVersion;
  const accept = createHash("sha1")
    .update(key + KEY_SUFFIX)
    .digest("base64");
  const offered = headers.get("sec-websocket-extensions");
  const deflate = acceptCompressed && offered !== null ? negotiateDeflate(offered) : undefined;
  // The tracker speaks no subprotocol, but browsers give up if none of theirs is chosen.
  const protocol = headers.get("sec-websocket-protocol")?.split(",")[0]?.trim() ?? "";
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  if (TOKEN.test(protocol)) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  if (deflate !== undefined) lines.push(`Sec-WebSocket-Extensions: ${deflate.header}`);
  return { response: `${lines.join("\r\n")}\r\n\r\n`, windowBits: deflate?.windowBits };
}

/**
 * Writes the whole response to a request that asks for no WebSocket. The connection closes then.
 */
export function answerPlainRequest({ method, target }: Request): string {
  return writeResponse(plainResponse(target), method === "HEAD");
}

/** Writes a whole response after which the connection closes. */
export function writeResponse(response: HttpResponse, isHead = false): string {
  const { headers, reason, status, text } = response;
  const fields = {
    ...headers,
    connection: headers.connection ?? "close",
    "content-length": Buffer.byteLength(text),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("\r\n")}\r\n\r\n${isHead ? "" : text}`;
}
