// The operator's pages on a private port: accepts GET and HEAD for known paths from browsers and
// programs that mean this host, and answers with headers that keep a page from doing anything else.
// Runs on the main thread.

import { isIP } from "node:net";
import { claimAddresses } from "../address-claim.ts";
import { bindError } from "../bind-error.ts";
import { TCP_REUSE_PORT } from "../reuse-port.ts";
import type { SocketAddress } from "../socket-address.ts";

/** What a page answers. */
export interface Page {
  readonly status?: number;
  /** Text, bytes or a stream of bytes. */
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a request for a path below the one that it is registered for. `rest` is the part after
 * that. Returns undefined if there is no such page.
 */
type Route = (rest: string, query: URLSearchParams) => Page | undefined | Promise<Page | undefined>;

/** Routes by path. A path with a slash at its end also serves the paths below it. */
export type Routes = Readonly<Record<string, Route>>;

export const TEXT_TYPE = "text/plain; charset=utf-8";
export const JSON_TYPE = "application/json; charset=utf-8";

/** The key that sets the address. */
const KEY = "statistics.http_address";

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Seconds after which a connection without a request is closed. */
const IDLE_SECONDS = 30;

/**
 * Starts to serve, beside another tracker if `isShared`. Throws a StartupError if the address
 * cannot be bound.
 */
export async function serveHttp(
  wanted: SocketAddress,
  hosts: readonly string[],
  routes: Routes,
  isShared = false,
): Promise<Bun.Server<undefined>> {
  // The runtime would share the address with any other program.
  const claim = isShared ? undefined : await claimAddresses([wanted], "tcp", KEY);
  const address = claim?.addresses[0] ?? wanted;
  const names = new Set(["localhost", ...hosts.map((name) => name.toLowerCase())]);
  try {
    return Bun.serve({
      hostname: address.host,
      port: address.port,
      ...TCP_REUSE_PORT,
      development: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: 1024,
      fetch: async (request) => respond(request, names, routes),
      error: () => refusal(500, "error"),
    });
  } catch (error) {
    throw bindError(address, error, KEY);
  } finally {
    claim?.release();
  }
}

async function respond(
  request: Request,
  names: ReadonlySet<string>,
  routes: Routes,
): Promise<Response> {
  if (!isKnownHost(request.headers.get("host"), names)) {
    return refusal(403, "this host name is not in statistics.http_hosts");
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refusal(405, "only GET and HEAD", { allow: "GET, HEAD" });
  }
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const page = await findRoute(pathname, routes)?.(searchParams);
  if (page === undefined) return refusal(404, "there is no such page");
  if (request.method !== "HEAD" || !(page.body instanceof ReadableStream)) return answer(page);
  await page.body.cancel();
  return answer({ ...page, body: "" });
}

function findRoute(path: string, routes: Routes) {
  if (Object.hasOwn(routes, path)) return (query: URLSearchParams) => routes[path]("", query);
  const slash = path.lastIndexOf("/") + 1;
  const parent = path.slice(0, slash);
  if (slash <= 1 || !Object.hasOwn(routes, parent)) return undefined;
  return (query: URLSearchParams) => routes[parent](path.slice(slash), query);
}

/**
 * A page of a stranger may be told by its name server that it is at this address (DNS rebinding),
 * but cannot choose an IP address as its name.
 */
function isKnownHost(header: string | null, names: ReadonlySet<string>): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(header ?? "");
  if (match === null) return false;
  const [, ipv6, name = ""] = match;
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  return isIP(name) === 4 || names.has(name.toLowerCase().replace(/\.$/, ""));
}

function answer({ body, headers, status, type }: Page): Response {
  return new Response(body, {
    status: status ?? 200,
    headers: { ...HEADERS, "content-type": type, ...headers },
  });
}

function refusal(status: number, reason: string, headers = {}): Response {
  return answer({ status, body: `${reason}\n`, type: TEXT_TYPE, headers });
}
