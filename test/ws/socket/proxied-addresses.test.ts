// The addresses of clients behind real reverse proxies, as both backends find them.

import { afterAll, afterEach, expect, test } from "bun:test";
import { defaultConfig } from "../../../src/app/config.ts";
import { writeAddress } from "../../../src/memory/address.ts";
import { AllowedOrigins } from "../../../src/ws/origin.ts";
import { ClientAddresses } from "../../../src/ws/client-address.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { OwnConnections } from "../../../src/ws/connections.ts";
import { allocateSetup, createSocketWorker } from "../../../src/ws/setup.ts";
import type { Listen, Listener } from "../../../src/ws/socket/backend.ts";
import { listen as listenBun } from "../../../src/ws/socket/bun-backend.ts";
import { listen as listenBytes } from "../../../src/ws/socket/bytes-backend.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { type ProxyOptions, PROXIES, startHaproxy, startNginx } from "../../support/proxy.ts";
import { connectRaw } from "../../support/raw-websocket.ts";
import { testWith } from "../../support/requirements.ts";

const settings = {
  origins: new AllowedOrigins([]),
  ipv6Only: true,
  maxMessageBytes: 10_000,
  maxAge: 60,
  acceptCompressed: true,
  compress: false,
  certificate: undefined,
};

const BACKENDS = { bytes: listenBytes, bun: listenBun };

const listeners: Listener[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.stop(true);
});

const certificate = await makeCertificate().catch(() => undefined);
afterAll(() => certificate?.[Symbol.dispose]());

/** A listener that trusts these proxies, and the addresses of its connections by their slots. */
function startListener(listen: Listen, trusted: string[]) {
  const setup = allocateSetup(defaultConfig(wsSchema), undefined, "bytes");
  const { inbox, incoming } = createSocketWorker({ ...setup, worker: 0, addresses: [] });
  const addresses = new ClientAddresses({
    trusted_proxies: trusted,
    client_address_header: "X-Forwarded-For",
  });
  const address = { host: "127.0.0.1", port: 0, family: 4 } as const;
  const listener = listen(address, { ...settings, addresses }, inbox, incoming);
  listeners.push(listener);
  const connections = new OwnConnections(setup.connections[0]);
  return {
    port: listener.port,
    addressOf(slot: number): string {
      const bytes = new Uint8Array(new Int32Array(connections.address(slot)).buffer);
      return writeAddress(bytes, 0, 16);
    },
  };
}

const FORGED = "X-Forwarded-For: 198.51.100.66";

/** Connects from an address, with a header that claims another. */
async function connectFrom(localAddress: string, port: number): Promise<Disposable> {
  return connectRaw("127.0.0.1", port, [FORGED], { tls: true, localAddress });
}

for (const [backend, listen] of Object.entries(BACKENDS)) {
  for (const [name, startProxy] of Object.entries(PROXIES)) {
    await testWith(
      [name as keyof typeof PROXIES, "openssl"],
      `a client of ${name} has its own address: ${backend}`,
      async () => {
        const listener = startListener(listen, ["127.0.0.1"]);
        await using proxy = await startProxy(optionsFor(listener.port));
        using _first = await connectFrom("127.0.0.5", proxy.port);
        using _second = await connectFrom("127.7.8.9", proxy.port);
        expect([0, 1].map((slot) => listener.addressOf(slot))).toEqual([
          "::ffff:7f00:5",
          "::ffff:7f07:809",
        ]);
      },
    );
  }

  await testWith(
    ["nginx", "haproxy", "openssl"],
    `a client of a proxy behind another has its own address: ${backend}`,
    async () => {
      const listener = startListener(listen, ["127.0.0.1"]);
      await using nginx = await startNginx(optionsFor(listener.port));
      await using haproxy = await startHaproxy({ ...optionsFor(nginx.port), isTlsBehind: true });
      using _first = await connectFrom("127.0.0.5", haproxy.port);
      expect(listener.addressOf(0)).toBe("::ffff:7f00:5");
    },
  );

  await testWith(
    ["nginx", "openssl"],
    `a client of a proxy that is not trusted has the proxy's address: ${backend}`,
    async () => {
      const listener = startListener(listen, ["127.0.0.2"]);
      await using nginx = await startNginx(optionsFor(listener.port));
      using _first = await connectFrom("127.0.0.5", nginx.port);
      expect(listener.addressOf(0)).toBe("::ffff:7f00:1");
    },
  );

  test(`a client without a proxy has its own address, whatever it says: ${backend}`, async () => {
    const listener = startListener(listen, []);
    using _first = await connectRaw("127.0.0.1", listener.port, [FORGED], {
      localAddress: "127.0.0.5",
    });
    expect(listener.addressOf(0)).toBe("::ffff:7f00:5");
  });
}

function optionsFor(port: number): ProxyOptions {
  return { port, certificate: certificate! };
}
