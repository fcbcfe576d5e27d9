// The opening handshake of a WebSocket (RFC 6455), the same for all connections of a worker.

import { createHash } from "node:crypto";

const KEY = "YXF1YXRpYy13cy1sb2FkLg==";
const ACCEPT = createHash("sha1")
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest("base64");

/** Longer responses are nothing that a tracker sends. */
const MOST_BYTES = 16384;

/** What came of a handshake. */
export type Response =
  | { readonly state: "incomplete" }
  | { readonly state: "refused"; readonly reason: string }
  /** `end`: where frames begin. */
  | { readonly state: "open"; readonly end: number; readonly deflate: boolean };

/** The request that opens a WebSocket at `url`. */
export function handshakeRequest(url: URL, deflate: boolean): Buffer {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
    `Origin: http://${url.host}`,
  ];
  if (deflate) {
    lines.push(
      "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; " +
        "server_no_context_takeover",
    );
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

/** Reads the response to it. */
export function readHandshake(bytes: Buffer): Response {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0 && bytes.length < MOST_BYTES) return { state: "incomplete" };
  const [status, ...lines] = bytes.toString("latin1", 0, Math.max(0, end)).split("\r\n");
  const refuse = (reason: string): Response => ({ state: "refused", reason });
  if (!/^HTTP\/1\.1 101\b/.test(status)) return refuse(status.slice(0, 64) || "no HTTP");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  if (headers.get("sec-websocket-accept") !== ACCEPT) return refuse("wrong Sec-WebSocket-Accept");
  const extensions = headers.get("sec-websocket-extensions") ?? "";
  const deflate = extensions.startsWith("permessage-deflate");
  // What is received is inflated message by message.
  if (deflate && !extensions.includes("server_no_context_takeover")) {
    return refuse("permessage-deflate with context takeover");
  }
  return { state: "open", end: end + 4, deflate };
}
