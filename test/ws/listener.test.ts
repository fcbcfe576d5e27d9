// A listener: a handler that throws ends the connection that made it throw, and nothing else; what is
// no message makes garbage as well.

import { afterAll, expect, spyOn, test } from "bun:test";
import { defaultConfig } from "../../src/app/config.ts";
import { wsSchema } from "../../src/ws/config.ts";
import { ClientAddresses } from "../../src/ws/client-address.ts";
import { listen } from "../../src/ws/listener.ts";
import { allocateSetup, createClients } from "../../src/ws/setup.ts";
import { Collector } from "../../src/ws/collector.ts";
import { connectRaw, OPCODE } from "../support/raw-websocket.ts";
import { announce, connectWs } from "../support/ws-client.ts";

const settings = {
  addresses: new ClientAddresses({ trusted_proxies: [], client_address_header: "x" }),
  ipv6Only: true,
  maxMessageBytes: 10_000,
  maxAge: 60,
  compress: false,
  certificate: undefined,
};

const clients = createClients({
  ...allocateSetup(defaultConfig(wsSchema), undefined),
  worker: 0,
  addresses: [],
  ports: [undefined],
});
const server = listen({ host: "127.0.0.1", port: 0, family: 4 }, settings, clients);

afterAll(() => server.stop(true));

test("a handler that throws closes one connection with 1011", async () => {
  const { handler } = clients;
  const handle = handler.handle.bind(handler);
  handler.handle = (from, text, now) => {
    if (text.includes("throw")) throw new Error("as the test wants it");
    return handle(from, text, now);
  };
  const url = `ws://127.0.0.1:${server.port}/`;
  const [a, b] = [await connectWs(url), await connectWs(url)];
  a.send(announce("t", "a"));
  b.send(announce("t", "b"));
  await Promise.all([a.take(), b.take()]);
  a.send("throw");
  expect((await a.closed).code).toBe(1011);
  b.send(announce("t", "b"));
  expect(await b.take()).toMatchObject({ incomplete: 1 });
  await b.close();
});

test("the collector knows of answers to pings, and of plain HTTP", async () => {
  using note = spyOn(Collector.prototype, "note");
  const noted = (): number => note.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);
  using raw = await connectRaw("127.0.0.1", server.port!);
  for (const send of [
    async () => {
      for (let i = 0; i < 100; i++) raw.sendFrame(OPCODE.pong, "x".repeat(100));
      // What comes after them has been answered by then.
      raw.sendFrame(OPCODE.ping, "");
      const before = raw.frames.length;
      await raw.waitUntil(() => raw.frames.length > before);
    },
    async () => {
      for (let i = 0; i < 100; i++) await fetch(`http://127.0.0.1:${server.port}/health`);
    },
  ]) {
    const before = noted();
    await send();
    expect(noted() - before).toBeGreaterThan(100 * 100);
  }
});
