// Both backends: a mistake of the tracker ends the connection for which it was made, and nothing
// else; and what is no message is counted as garbage as well.

import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { defaultConfig } from "../../../src/app/config.ts";
import { standardError } from "../../../src/app/output.ts";
import { AllowedOrigins } from "../../../src/ws/origin.ts";
import { ClientAddresses } from "../../../src/ws/client-address.ts";
import { Collector } from "../../../src/ws/collector.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { allocateSetup, createSocketWorker } from "../../../src/ws/setup.ts";
import type { Listener } from "../../../src/ws/socket/backend.ts";
import { listen as listenBun } from "../../../src/ws/socket/bun-backend.ts";
import { listen as listenBytes } from "../../../src/ws/socket/bytes-backend.ts";
import { connectRaw, OPCODE } from "../../support/raw-websocket.ts";
import { announce, connectWs } from "../../support/ws-client.ts";

const settings = {
  addresses: new ClientAddresses({ trusted_proxies: [], client_address_header: "x" }),
  origins: new AllowedOrigins([]),
  ipv6Only: true,
  maxMessageBytes: 10_000,
  maxAge: 60,
  acceptCompressed: true,
  compress: false,
  certificate: undefined,
};
const address = { host: "127.0.0.1", port: 0, family: 4 } as const;

const listeners: Listener[] = [];
afterAll(() => {
  for (const listener of listeners) listener.stop(true);
});

describe.each([
  ["bytes", listenBytes],
  ["bun", listenBun],
] as const)("the backend '%s'", (_name, listen) => {
  const setup = allocateSetup(defaultConfig(wsSchema), undefined, "bytes");
  const { inbox, incoming } = createSocketWorker({ ...setup, worker: 0, addresses: [] });
  const listener = listen(address, settings, inbox, incoming);
  listeners.push(listener);

  test("closes one connection with 1011 when a handler throws", async () => {
    using logged = spyOn(standardError, "write").mockImplementation(() => true);
    const receive = incoming.receive.bind(incoming);
    incoming.receive = (client) => {
      if (inbox.copy().includes("throw")) throw new Error("as the test wants it");
      receive(client);
    };
    const url = `ws://127.0.0.1:${listener.port}/`;
    const [a, b] = [await connectWs(url), await connectWs(url)];
    a.send(announce("t", "a"));
    b.send(announce("t", "b"));
    await Promise.all([a.take(), b.take()]);
    a.send("throw");
    expect((await a.closed).code).toBe(1011);
    b.send(announce("t", "b"));
    expect(await b.take()).toMatchObject({ incomplete: 1 });
    await b.close();
    expect(logged.mock.calls.flat().join("")).toContain("as the test wants it");
  });

  test("tells the collector of answers to pings, and of plain HTTP", async () => {
    using note = spyOn(Collector.prototype, "note");
    const noted = (): number => note.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);
    using raw = await connectRaw("127.0.0.1", listener.port);
    for (const send of [
      async () => {
        for (let i = 0; i < 100; i++) raw.sendFrame(OPCODE.pong, "x".repeat(100));
        // What comes after them has been answered by then.
        raw.sendFrame(OPCODE.ping, "");
        const before = raw.frames.length;
        await raw.waitUntil(() => raw.frames.length > before);
      },
      async () => {
        for (let i = 0; i < 100; i++) await fetch(`http://127.0.0.1:${listener.port}/health`);
      },
    ]) {
      const before = noted();
      await send();
      expect(noted() - before).toBeGreaterThan(100 * 100);
    }
  });
});
