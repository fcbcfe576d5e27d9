// What the operator's port answers to strangers, and to friends who ask for the wrong thing.

import { afterAll, describe, expect, test } from "bun:test";
import { serveHttp } from "../../../src/app/http/http-server.ts";
import { StartupError } from "../../../src/app/startup-error.ts";

let cancelled = 0;
const address = { host: "127.0.0.1", port: 0, family: 4 } as const;
const server = await serveHttp(address, ["Tracker.example"], {
  "/": () => ({ body: "home\n", type: "text/html" }),
  "/things/": (rest, query) => {
    if (rest === "none") return undefined;
    return { body: `${rest} ${query.get("top") ?? ""}\n`, type: "text/plain" };
  },
  "/broken": () => {
    throw new Error("a secret");
  },
  "/stream": () => ({
    body: new ReadableStream({ cancel: () => void cancelled++ }),
    type: "text/plain",
  }),
});
afterAll(() => server.stop(true));

function get(path: string, init: RequestInit & { host?: string } = {}): Promise<Response> {
  const { host = "localhost", ...rest } = init;
  return fetch(new URL(path, server.url), { ...rest, headers: { host } });
}

test("serves a path, the paths below one, and nothing else", async () => {
  const answers = await Promise.all(
    ["/", "/things/a?top=5", "/things/none", "/things", "/else", "/constructor", "/things/a/b"].map(
      async (path) => {
        const response = await get(path);
        return [response.status, await response.text()];
      },
    ),
  );
  const missing = [404, "there is no such page\n"];
  expect(answers).toEqual([
    [200, "home\n"],
    [200, "a 5\n"],
    missing,
    missing,
    missing,
    missing,
    missing,
  ]);
});

test.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s", async (method) => {
  const response = await get("/", { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("answers HEAD without a body, and ends a stream that nobody reads", async () => {
  const home = await get("/", { method: "HEAD" });
  expect([home.status, home.headers.get("content-length"), await home.text()]).toEqual([
    200,
    "5",
    "",
  ]);
  const stream = await get("/stream", { method: "HEAD" });
  expect([stream.status, await stream.text(), cancelled]).toEqual([200, "", 1]);
});

test("says nothing about what failed", async () => {
  const response = await get("/broken");
  expect([response.status, await response.text()]).toEqual([500, "error\n"]);
});

test("every answer forbids scripts, frames and guesses", async () => {
  for (const path of ["/", "/else", "/broken"]) {
    const { headers } = await get(path);
    expect(headers.get("content-security-policy")).toStartWith("default-src 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
});

describe("a host name", () => {
  test.each([
    "localhost",
    "localhost:9000",
    "LOCALHOST",
    "127.0.0.1:9000",
    "192.0.2.7",
    "[::1]:9000",
    "tracker.example",
    "tracker.example.:9000",
  ])("%s is served", async (host) => {
    expect((await get("/", { host })).status).toBe(200);
  });

  test.each([
    "evil.example",
    "127.0.0.1.evil.example",
    "tracker.example.evil",
    "[::1].evil",
    "1.2.3",
    "localhost:9000:1",
    "@localhost",
  ])("%s is refused", async (host) => {
    expect((await get("/", { host })).status).toBe(403);
  });
});

test("an address in use is one line that names the key", async () => {
  const taken = { ...address, port: server.port! };
  const error = await serveHttp(taken, [], {}).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartupError);
  expect(String(error)).toContain(
    `statistics.http_address: cannot bind 127.0.0.1:${server.port}: the address is in use`,
  );
});
