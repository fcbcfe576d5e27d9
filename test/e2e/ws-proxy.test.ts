// The WebTorrent tracker behind real reverse proxies: wss at the proxy, ws behind it.
// With $AQUATIC_WS set to a compiled binary, that is the tracker.

import { expect, test } from "bun:test";
import { type CertificateFiles, makeCertificate } from "../support/certificate.ts";
import { type Proxy, PROXIES, type ProxyOptions } from "../support/proxy.ts";
import { connectRaw, OPCODE } from "../support/raw-websocket.ts";
import { describeWith } from "../support/requirements.ts";
import { startTracker, type Tracker } from "../support/tracker.ts";
import {
  announce,
  answer,
  connectWs,
  isAnswer,
  isOffer,
  offers,
  say,
  type WsClient,
} from "../support/ws-client.ts";

interface Site extends AsyncDisposable {
  readonly tracker: Tracker;
  readonly proxy: Proxy;
  connect(): Promise<WsClient>;
}

/** `cleaning`: lines of the tracker's section. */
async function startSite(
  startProxy: (options: ProxyOptions) => Promise<Proxy>,
  cleaning = "",
  idleSeconds?: number,
): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const certificate: CertificateFiles = stack.use(await makeCertificate());
  const config = `
    [network]
    address = '127.0.0.1:0'
    trusted_proxies = '127.0.0.1'
    [cleaning]
    ${cleaning}`;
  const tracker = stack.use(await startTracker({ program: "ws", config }));
  const proxy = stack.use(await startProxy({ port: tracker.ports[0], certificate, idleSeconds }));
  const all = stack.move();
  return {
    tracker,
    proxy,
    connect: () =>
      connectWs(`wss://127.0.0.1:${proxy.port}/announce`, { tls: { rejectUnauthorized: false } }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A proxy and a tracker have to start for each. */
const TIMEOUT_MS = 30_000;

for (const [name, startProxy] of Object.entries(PROXIES)) {
  await describeWith([name as keyof typeof PROXIES, "openssl"], `behind ${name}`, () => {
    test(
      "offers and answers get through wss",
      async () => {
        await using site = await startSite(startProxy);
        await using a = await site.connect();
        await using b = await site.connect();
        await say(b, announce("t", "b"));
        await say(a, announce("t", "a", offers("o1")));
        b.send(answer("t", "b", await b.take(isOffer)));
        expect(await a.take(isAnswer)).toMatchObject({ answer: { sdp: "answer of b" } });
        const direct = `ws://127.0.0.1:${site.tracker.ports[0]}/`;
        await using c = await connectWs(direct);
        expect(await say(c, announce("t", "c"))).toMatchObject({ incomplete: 3 });
      },
      TIMEOUT_MS,
    );

    test(
      "nobody takes the peer of a living connection",
      async () => {
        await using site = await startSite(startProxy);
        await using a = await site.connect();
        await say(a, announce("t", "a"));
        await using thief = await site.connect();
        expect(await say(thief, announce("t", "a"))).toHaveProperty("failure reason");
        expect(await say(a, announce("t", "a"))).toMatchObject({ incomplete: 1 });
      },
      TIMEOUT_MS,
    );

    test(
      "an idle connection outlives the proxy's cut-off",
      async () => {
        const IDLE_SECONDS = 3;
        await using site = await startSite(startProxy, "ping_interval = 1", IDLE_SECONDS);
        const { port } = site.proxy;
        using idle = await connectRaw("127.0.0.1", port, [], { tls: true });
        const pings = (): number =>
          idle.frames.filter(({ opcode }) => opcode === OPCODE.ping).length;
        await idle.waitUntil(() => pings() > 2 * IDLE_SECONDS);
        idle.sendFrame(OPCODE.text, JSON.stringify(announce("t", "idle")));
        await idle.waitUntil(() => idle.frames.some(({ opcode }) => opcode === OPCODE.text));
      },
      TIMEOUT_MS,
    );
  });
}
