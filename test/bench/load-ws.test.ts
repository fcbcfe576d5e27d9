import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Id, RandomIds, writePeerId } from "../../bench/load/ws/ids.ts";
import type { Report } from "../../bench/load/ws/report.ts";
import { makeCertificate } from "../support/certificate.ts";
import { startChild } from "../support/child.ts";
import { NO_ADDRESS_LIMITS, startTracker } from "../support/tracker.ts";

const LOAD_TEST = resolve(import.meta.dir, "../../bench/load/ws.ts");

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-load-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the load tester to its end. */
async function runLoad(config: string, args: string[] = []) {
  const path = join(directory, `${Bun.randomUUIDv7()}.toml`);
  writeFileSync(path, config);
  await using child = startChild([process.execPath, "run", LOAD_TEST, "-c", path, ...args]);
  const code = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

async function measure(config: string): Promise<Report> {
  const { code, stderr, stdout } = await runLoad(config, ["--json"]);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** In one second, on a busy machine, a run may come to nothing. */
const SECONDS = 3;

interface Settings {
  url: string;
  workers?: number;
  torrents?: number;
  /** Lines of the sections. */
  network?: string;
  requests?: string;
}

function settings(given: Settings): string {
  const { network = "", requests = "", torrents = 4, url, workers = 1 } = given;
  return `
server_url = '${url}'
duration = ${SECONDS}
workers = ${workers}
[network]
connections = 40
${network}
[requests]
number_of_torrents = ${torrents}
offers = 5
${requests}
`;
}

describe("against the tracker", () => {
  const trackerConfig = (network = "") =>
    `[network]\naddress = '127.0.0.1:0'\n${network}\n[statistics]\ninterval = 0\n` +
    NO_ADDRESS_LIMITS.ws;

  async function measureTracker(given: Omit<Settings, "url">, network = "", scheme = "ws") {
    await using tracker = await startTracker({ program: "ws", config: trackerConfig(network) });
    return await measure(settings({ ...given, url: `${scheme}://127.0.0.1:${tracker.ports[0]}` }));
  }

  function expectAllRight({ measured, setup }: Report): void {
    for (const part of [measured, setup]) {
      expect(part.failures_by_message).toEqual({});
      expect(part.invalid_by_fault).toEqual({});
      expect(part.refused_by_reason).toEqual({});
      expect(part.closed_by_reason).toEqual({});
    }
    expect([setup.opened, setup.responses]).toEqual([40, 40]);
  }

  test.each([1, 3])(
    "a closed loop of %i at once: all is passed on and answered",
    async (count) => {
      const requests = `announces_at_once = ${count}`;
      const network = "answer_timeout_milliseconds = 60000";
      const report = await measureTracker({ workers: 2, network, requests });
      expectAllRight(report);
      const { measured } = report;
      expect(measured.responses).toBeGreaterThan(0);
      // But for what was on its way at the end.
      const underWay = 40 * 5 * count;
      expect(measured.offers_received).toBeGreaterThanOrEqual(measured.responses * 5 - underWay);
      expect(measured.answers_received).toBeGreaterThanOrEqual(measured.offers_received - underWay);
      expect([measured.lost, measured.not_sent, measured.answer_timeouts]).toEqual([0, 0, 0]);
      expect(report.cpu.share).toBeGreaterThan(0);
      // Each connection has sent all of them, or none.
      expect(measured.announces_sent % count).toBe(0);
      expect(report.announces_per_second).toBeCloseTo(measured.responses / report.seconds, 3);
      expect(report.each_second).toHaveLength(SECONDS);
      for (const latency of [
        measured.response_latency_microseconds,
        measured.answer_latency_microseconds,
      ]) {
        const { max, p50, p99, p999 } = latency;
        expect([p50, p99, p999, max]).toEqual([p50, p99, p999, max].toSorted((a, b) => a - b));
      }
    },
    30_000,
  );

  test("an open loop announces at its rate, and seeders' offers go to leechers", async () => {
    const requests = "peer_seeder_probability = 0.5\nanswer_probability = 0.5";
    const report = await measureTracker({ network: "rate = 1000", requests });
    expectAllRight(report);
    const { measured } = report;
    expect(measured.announces_sent).toBeGreaterThan(0);
    expect(measured.announces_sent).toBeLessThan(1000 * report.seconds + 200);
    expect(measured.offers_between_seeders).toBe(0);
    // Six standard deviations, however many there were.
    const { answers_sent, offers_received } = measured;
    const chance = 6 * Math.sqrt(offers_received / 4);
    expect(Math.abs(answers_sent - offers_received / 2)).toBeLessThan(chance + 1);
  }, 30_000);

  test.each([0, 1])(
    "connections that come and go leave nothing behind, share %f with 'stopped'",
    async (share) => {
      const network = `rate = 500\nchurn = 100\nchurn_stopped = ${share}`;
      const report = await measureTracker({ network });
      expectAllRight(report);
      expect(report.measured.churned).toBeGreaterThan(0);
      expect(report.measured.opened).toBeGreaterThan(0);
    },
    30_000,
  );

  test("connections from several addresses, with several torrents each", async () => {
    const network = "client_ips = 3\nrate = 500";
    const requests = "torrents_per_connection = 4";
    await using tracker = await startTracker({ program: "ws", config: trackerConfig() });
    const url = `ws://127.0.0.1:${tracker.ports[0]}`;
    const report = await measure(settings({ url, network, requests }));
    const { failures_by_message, invalid_by_fault, offers_received } = report.measured;
    expect([failures_by_message, invalid_by_fault]).toEqual([{}, {}]);
    expect([report.setup.opened, report.setup.responses]).toEqual([40, 160]);
    expect(offers_received).toBeGreaterThan(0);
  }, 30_000);

  test("some connections read nothing more, the others go on", async () => {
    const report = await measureTracker({ network: "rate = 300\nstalled = 10" });
    const { closed, invalid_by_fault, offers_received, offers_sent } = report.measured;
    expect([closed, invalid_by_fault]).toEqual([0, {}]);
    // A quarter of the offers go where nobody reads them.
    expect(offers_received).toBeGreaterThan(0);
    expect(offers_received).toBeLessThan(offers_sent * 0.9);
  }, 30_000);

  test("ids of ASCII, and long SDPs", async () => {
    const report = await measureTracker({ requests: "ids = 'ascii'\nsdp_size = 'long'" });
    expectAllRight(report);
    expect(report.measured.answers_received).toBeGreaterThan(0);
  }, 30_000);

  test("only those compress that are meant to", async () => {
    const report = await measureTracker(
      { network: "deflate_share = 0.25" },
      "accept_compressed = true",
    );
    expectAllRight(report);
    expect(report.setup.deflated).toBeLessThanOrEqual(10);
    expect(report.measured.answers_received).toBeGreaterThan(0);
  }, 30_000);

  test("compressed both ways", async () => {
    const network = "deflate_share = 1";
    const report = await measureTracker(
      { network },
      "accept_compressed = true\ncompress_responses = true",
    );
    expectAllRight(report);
    expect(report.setup.deflated).toBe(40);
    expect(report.measured.answers_received).toBeGreaterThan(0);
    // 5 offers of 630 bytes and 5 answers take 8,700 bytes otherwise.
    expect(report.measured.bytes_out / report.measured.announces_sent).toBeLessThan(6500);
  }, 30_000);

  test("over TLS", async () => {
    using certificate = await makeCertificate();
    const network =
      `use_tls = true\ntls_certificate_path = '${certificate.certificatePath}'\n` +
      `tls_private_key_path = '${certificate.privateKeyPath}'`;
    const report = await measureTracker({}, network, "wss");
    expectAllRight(report);
    expect(report.measured.answers_received).toBeGreaterThan(0);
  }, 30_000);

  test("connections that are only held", async () => {
    const held = await measureTracker({ requests: "repeat = false" });
    expectAllRight(held);
    expect([held.measured.announces_sent, held.measured.bytes_out]).toEqual([0, 0]);
    const silent = await measureTracker({
      network: "connect_concurrency = 3",
      requests: "announce = false",
    });
    expect([silent.setup.opened, silent.setup.announces_sent]).toEqual([40, 0]);
    expect(silent.setup.burst_seconds).toBeGreaterThan(0);
  }, 30_000);
});

describe("against a faulty tracker", () => {
  test("each fault counts as what it is", async () => {
    const faults: Record<string, Fault> = {
      "not JSON": ({ text }) => [text.slice(1)],
      "unknown message": () => ['{"action":"announce"}'],
      "binary message": ({ text }) => [Buffer.from(text)],
      "malformed id": (sent) => [put(sent, "offer", { peer_id: "short" })],
      "damaged SDP": ({ message, text }) => [
        message.offer || message.answer ? text.replace("a=mid:0", "a=mid:1") : text,
      ],
      "foreign torrent": (sent) => [put(sent, "offer", { info_hash: infoHash(3) })],
      stranger: (sent) => [put(sent, "answer", { peer_id: peerId(999) })],
      "own offer": (sent) => [put(sent, "offer", { peer_id: sent.to })],
      "unknown offer": (sent) => [put(sent, "offer", { offer_id: offerId(1, 5) })],
      "answered twice": ({ message, text }) => (message.answer ? [text, text] : [text]),
      "unexpected response": ({ message, text }) => (message.interval ? [text, text] : [text]),
      "implausible interval": (sent) => [put(sent, "interval", { interval: 0 })],
      "implausible counts": (sent) => [put(sent, "interval", { complete: 1000 })],
    };
    // One after the other: side by side they would be what makes a machine busy.
    for (const [name, fault] of Object.entries(faults)) {
      await using tracker = startFaultyTracker(fault);
      const config = settings({ url: tracker.url, torrents: 1, network: "rate = 200" });
      const { invalid, invalid_by_fault } = (await measure(config)).measured;
      expect([name, ...Object.keys(invalid_by_fault)]).toEqual([name, name]);
      expect(invalid).toBe(invalid_by_fault[name]);
      expect([name, tracker.made > 0, invalid <= tracker.made]).toEqual([name, true, true]);
    }
  }, 120_000);

  test("an SDP under another offer id, or from another peer, counts as damaged", async () => {
    const faults: Fault[] = [
      (sent) => [put(sent, "offer", { offer_id: offerId(2, 1) })],
      (sent) => [put(sent, "offer", { peer_id: peerId(1) })],
      ({ message, text }) =>
        message.answer ? [JSON.stringify({ ...message, peer_id: peerId(39) })] : [text],
    ];
    for (const fault of faults) {
      await using tracker = startFaultyTracker(fault);
      const config = settings({ url: tracker.url, torrents: 1, network: "rate = 200" });
      const { invalid_by_fault } = (await measure(config)).measured;
      expect(invalid_by_fault["damaged SDP"]).toBeGreaterThan(0);
    }
  }, 60_000);

  test("failures and closes count apart, by what they say", async () => {
    await using tracker = startFaultyTracker((sent) =>
      sent.message.interval ? ['{"action":"announce","failure reason":"Go away"}'] : [sent.text],
    );
    const { measured } = await measure(
      settings({ url: tracker.url, torrents: 1, network: "rate = 200" }),
    );
    expect(Object.keys(measured.failures_by_message)).toEqual(["Go away"]);
    expect([measured.invalid, measured.closed]).toEqual([0, 0]);

    await using closing = startFaultyTracker(({ close }) => {
      close();
      return [];
    });
    const { measured: closed } = await measure(
      settings({ url: closing.url, torrents: 1, network: "rate = 200" }),
    );
    expect(closed.closed_by_reason["1008 enough of you"]).toBe(closed.closed);
    expect(closed.closed).toBeGreaterThan(0);
  }, 30_000);
});

describe("the command line", () => {
  test("refuses to send load to others", async () => {
    for (const url of ["ws://192.0.2.1:3000", "wss://example.com", "http://127.0.0.1:3000", "x"]) {
      const { code, stderr } = await runLoad(`server_url = '${url}'\n`);
      expect(code).toBe(1);
      expect(stderr).toContain("load goes to this machine only");
    }
  });

  test("says so when nobody answers, or no WebSocket is there", async () => {
    const nobody = await runLoad("server_url = 'ws://127.0.0.1:9'\n");
    expect([nobody.code, nobody.stderr]).toEqual([
      1,
      expect.stringContaining("server_url: ws://127.0.0.1:9: "),
    ]);
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const other = await runLoad(`server_url = 'ws://127.0.0.1:${server.port}'\n`);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining("HTTP/1.1 200")]);
  }, 15_000);

  test("what -p prints is accepted by -c", async () => {
    const printed = await runLoad("", ["-p"]);
    const refused = await runLoad(printed.stdout.replace("127.0.0.1:3000", "127.0.0.1:9"));
    expect(refused.stderr).toContain("127.0.0.1:9");
  });
});

// ---------------------------------------------------------------------------------------------

const text = ({ bytes }: Id): string => Buffer.from(bytes).toString("latin1");
/** As the load tester makes them with its default seed. */
const ids = new RandomIds(1);

function infoHash(torrent: number): string {
  const id = new Id();
  ids.writeInfoHash(id, torrent);
  return text(id);
}

function peerId(connection: number): string {
  const id = new Id();
  writePeerId(id, connection, 0);
  return text(id);
}

function offerId(announce: number, index: number): string {
  const id = new Id();
  ids.writeOfferId(id, { connection: 0, life: 0, announce, index });
  return text(id);
}

type Json = Record<string, unknown>;

/** A message that is about to be sent. */
interface Sent {
  readonly message: Json;
  readonly text: string;
  /** The peer it goes to. */
  readonly to: string;
  readonly close: () => void;
}

/** What is sent instead. */
type Fault = (sent: Sent) => (string | Buffer)[];

/** Changes messages that have the key `kind`. */
function put({ message, text }: Sent, kind: string, change: Json): string {
  return message[kind] === undefined ? text : JSON.stringify({ ...message, ...change });
}

/** A tracker for one torrent that sends every seventh message wrongly, once all peers are there. */
function startFaultyTracker(fault: Fault) {
  const peers = new Map<string, Bun.ServerWebSocket<undefined>>();
  let count = 0;
  let made = 0;
  const send = (socket: Bun.ServerWebSocket<undefined>, to: string, message: Json): void => {
    const text = JSON.stringify(message);
    const close = (): void => socket.close(1008, "enough of you");
    const isDue = isMeasured && ++count % 7 === 0;
    const frames = isDue ? fault({ message, text, to, close }) : [text];
    if (isDue && (frames.length !== 1 || frames[0] !== text)) made++;
    for (const frame of frames) socket.send(frame);
  };
  let isMeasured = false;
  const server = Bun.serve<undefined>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no")),
    websocket: {
      message(socket, data) {
        const { action, answer, info_hash, offer_id, offers, peer_id, to_peer_id } = JSON.parse(
          String(data),
        );
        if (answer) {
          const offerer = peers.get(to_peer_id)!;
          return send(offerer, to_peer_id, { action, info_hash, peer_id, answer, offer_id });
        }
        // The first announces have none.
        isMeasured = offers.length > 0;
        peers.set(peer_id, socket);
        const incomplete = peers.size;
        send(socket, peer_id, { action, info_hash, complete: 0, incomplete, interval: 120 });
        const others = [...peers.keys()].filter((other) => other !== peer_id);
        for (const [index, other] of others.entries()) {
          if (offers[index] === undefined) break;
          const to = peers.get(other)!;
          send(to, other, { action, info_hash, peer_id, ...offers[index] });
        }
      },
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    get made() {
      return made;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
