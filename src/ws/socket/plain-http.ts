// What the port answers to requests that are not, or cannot become, WebSockets. Both backends
// answer the same.

export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The path of a target, which an HTTP/1.0 client may send as a whole URL. */
const PATH = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/;

const TEXT = { "content-type": "text/plain; charset=utf-8" };

const respond = (
  status: number,
  reason: string,
  text: string,
  headers: Record<string, string> = {},
): HttpResponse => ({ status, reason, headers: { ...TEXT, ...headers }, text: `${text}\n` });

export const RESPONSES = {
  badRequest: respond(400, "Bad Request", "bad request"),
  failed: respond(500, "Internal Server Error", "error"),
  healthy: respond(200, "OK", "ok"),
  forbiddenOrigin: respond(403, "Forbidden", "pages of this origin may not connect"),
  headTooLong: respond(431, "Request Header Fields Too Large", "request head too long"),
  noHandshake: respond(400, "Bad Request", "this is no WebSocket handshake"),
  noRoom: respond(503, "Service Unavailable", "too many connections", { connection: "close" }),
  otherVersion: respond(426, "Upgrade Required", "this tracker speaks WebSocket version 13", {
    "sec-websocket-version": "13",
  }),
  upgradeRequired: respond(
    426,
    "Upgrade Required",
    "This is a WebTorrent tracker: connect with a WebSocket.",
    { connection: "Upgrade", upgrade: "websocket" },
  ),
} as const;

/** Returns the response to a request for `target` that asks for no WebSocket. */
export function plainResponse(target: string): HttpResponse {
  return PATH.exec(target)?.[1] === "/health" ? RESPONSES.healthy : RESPONSES.upgradeRequired;
}
