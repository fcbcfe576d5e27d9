import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath, resolve } from "node:path";
import type { Report } from "../../bench/load/udp/report.ts";
import { hasSystemCalls } from "../../src/udp/socket/system-calls.ts";
import { startChild } from "../support/child.ts";
import { findMissing } from "../support/requirements.ts";
import { NO_ADDRESS_LIMITS, startTracker } from "../support/tracker.ts";
import { type Fault, join, startFaultyTracker } from "./faulty-tracker.ts";

const LOAD_TEST = resolve(import.meta.dir, "../../bench/load/udp.ts");
/** Of the load tester in these tests: requests that may be on their way when it stops measuring. */
const OUTSTANDING = 4 * 8;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(joinPath(tmpdir(), "aquatic-load-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the load tester to its end. */
async function runLoad(config: string, args: string[] = []) {
  const path = joinPath(directory, `${Bun.randomUUIDv7()}.toml`);
  writeFileSync(path, config);
  await using child = startChild([process.execPath, "run", LOAD_TEST, "-c", path, ...args]);
  const code = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

async function measure(config: string): Promise<Report> {
  const { stdout, stderr, code } = await runLoad(config, ["--json"]);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

interface Settings {
  server: string;
  duration?: number;
  workers?: number;
  /** Lines of the section. */
  network?: string;
  timeoutMs?: number;
  weightConnect?: number;
  /** More evenly spread, with torrents large enough for every fault. */
  areLarge?: boolean;
}

function settings(given: Settings): string {
  const { areLarge, duration = 1, network = "", server, timeoutMs = 5000, workers = 1 } = given;
  const { weightConnect = 1 } = given;
  return `
server_address = '${server}'
duration = ${duration}
workers = ${workers}
[network]
client_ips = 4
window = 8
timeout_milliseconds = ${timeoutMs}
${network}
[requests]
number_of_torrents = ${areLarge ? 5 : 50}
torrent_selection_pareto_shape = ${areLarge ? 0 : 2}
number_of_peers = 2000
peers_wanted = 20
scrape_max_torrents = 3
weight_connect = ${weightConnect}
weight_announce = 8
weight_scrape = 1
`;
}

const hasIpv6 = (await findMissing(["IPv6"])).length === 0;

describe.skipIf(!hasSystemCalls)("against the tracker", () => {
  const trackerConfig = (address: string) =>
    `request_workers = 0\n[network]\naddress = '${address}'\n[statistics]\ninterval = 0\n` +
    NO_ADDRESS_LIMITS.udp;

  test("all answers are right over IPv4", async () => {
    await using tracker = await startTracker({ config: trackerConfig("127.0.0.1:0") });
    const report = await measure(settings({ server: `127.0.0.1:${tracker.ports[0]}` }));
    expectAllRight(report);
    expect(report.setup.responses.announce).toBe(2000);
    // Every torrent has its popularity's share of the peers, so most lists are full.
    expect(report.measured.peers_per_announce).toBeGreaterThan(15);
  }, 30_000);

  test.skipIf(!hasIpv6)(
    "all answers are right over IPv6, with two workers",
    async () => {
      await using tracker = await startTracker({ config: trackerConfig("[::1]:0") });
      const server = `[::1]:${tracker.ports[0]}`;
      const report = await measure(settings({ server, workers: 2 }));
      expectAllRight(report);
      expect(report.setup.responses.announce).toBe(2000);
    },
    30_000,
  );

  test("an open loop asks at its rate", async () => {
    await using tracker = await startTracker({ config: trackerConfig("127.0.0.1:0") });
    const server = `127.0.0.1:${tracker.ports[0]}`;
    const report = await measure(settings({ server, network: "rate = 2000" }));
    expectAllRight(report);
    const { overdue, requests } = report.measured;
    const asked = (requests.total + overdue) / report.seconds;
    expect(asked).toBeGreaterThan(1600);
    expect(asked).toBeLessThan(2400);
  }, 30_000);

  function expectAllRight(report: Report): void {
    const { measured, setup } = report;
    for (const part of [measured, setup]) {
      expect(part.errors_by_message).toEqual({});
      expect(part.invalid_by_fault).toEqual({});
      expect([part.errors, part.invalid, part.refused, part.not_sent]).toEqual([0, 0, 0, 0]);
    }
    const { connect, announce, scrape, total } = measured.responses;
    expect(Math.min(connect, announce, scrape)).toBeGreaterThan(0);
    expect(connect + announce + scrape).toBe(total);
    const { count, p50, p99, p999, max } = measured.latency_microseconds;
    expect(count).toBe(total);
    expect([p50, p99, p999, max]).toEqual([p50, p99, p999, max].toSorted((a, b) => a - b));
    expect(report.each_second).toHaveLength(1);
    expect(report.responses_per_second.total).toBeCloseTo(total / report.seconds, 3);
    // The system counts CPU time in ticks: little work may come to none of them.
    const { user, user_microseconds_per_response } = report.cpu;
    expect(user_microseconds_per_response).toBeCloseTo((user / total) * 1e6, 6);
    expect(report.config.requests.peers_wanted).toBe(20);
  }
});

describe.skipIf(!hasSystemCalls)("against a faulty tracker", () => {
  /** By the names that the load tester has for them. */
  const faults: Record<string, Fault> = {
    "unknown transaction": (answer) => {
      answer.head[7] ^= 0x80;
      return [join(answer)];
    },
    "wrong action": (answer) => {
      answer.head.writeUInt32BE(2, 0);
      return [join(answer)];
    },
    "wrong length": ({ head }) => [head.subarray(0, 16)],
    "wrong stride": (answer) => [join(answer).subarray(0, -1)],
    "too many peers": (answer) => {
      answer.peers.push(answer.others[0]);
      return [join(answer)];
    },
    "implausible interval": (answer) => {
      answer.head.writeUInt32BE(0, 8);
      return [join(answer)];
    },
    "implausible counts": (answer) => {
      answer.head.writeUInt32BE(answer.head.readUInt32BE(16) + 1, 16);
      return [join(answer)];
    },
    "requester among the peers": (answer) => {
      answer.peers[3] = answer.self;
      return [join(answer)];
    },
    "duplicate peer": (answer) => {
      answer.peers[7] = answer.peers[2];
      return [join(answer)];
    },
    "stranger among the peers": (answer) => {
      answer.peers[5] = Buffer.from([127, 1, 0, 9, 0, 1]);
      return [join(answer)];
    },
    "too few peers": (answer) => {
      answer.peers.pop();
      return [join(answer)];
    },
  };

  const large = (port: number, more: Partial<Settings> = {}) =>
    settings({ server: `127.0.0.1:${port}`, areLarge: true, ...more });

  test("each fault counts as what it is, and never as throughput", async () => {
    const right: Fault = (answer) => [join(answer)];
    await using tracker = await startFaultyTracker({ ...faults, right });
    const report = await measure(
      large(tracker.port, {
        duration: 2,
        timeoutMs: 100,
        weightConnect: 0,
        network: "connection_id_seconds = 1",
      }),
    );
    const { invalid, invalid_by_fault, responses } = report.measured;
    for (const name of Object.keys(faults)) {
      const made = tracker.made.get(name)!;
      const counted = invalid_by_fault[name];
      expect([name, counted > 0]).toEqual([name, true]);
      expect([name, counted <= made]).toEqual([name, true]);
    }
    const sum = Object.values(invalid_by_fault).reduce((total, count) => total + count, 0);
    expect(invalid).toBe(sum);
    // All that the tracker sent is told, but for what was on its way at the end. Of what came late
    // it is not known whether it answered an announce.
    const made = [...tracker.made.values()].reduce((total, count) => total + count, 0);
    const told = invalid + responses.announce;
    expect(told).toBeLessThanOrEqual(made);
    expect(told + report.measured.late).toBeGreaterThanOrEqual(made * 0.9 - OUTSTANDING);
    expect(responses.announce).toBeLessThanOrEqual(tracker.made.get("right")!);
    expect(responses.announce).toBeGreaterThan(0);
    // A wrong transaction id answers nobody.
    expect(report.measured.lost).toBeGreaterThan(0);
    expect(report.setup.invalid_by_fault).toEqual({});
    // Connection ids were renewed, and only those that were given were used.
    expect(responses.connect).toBeGreaterThan(0);
    expect(tracker.unconnected).toBe(0);
  }, 30_000);

  test("errors count apart, by their message", async () => {
    const refuse =
      (message: string): Fault =>
      ({ head }) => {
        head.writeUInt32BE(3, 0);
        return [Buffer.concat([head.subarray(0, 8), Buffer.from(message)])];
      };
    await using tracker = await startFaultyTracker({
      no: refuse("Go away"),
      "still no": refuse("Not you again"),
      silent: refuse(""),
    });
    const { measured } = await measure(large(tracker.port));
    expect(Object.keys(measured.errors_by_message).toSorted()).toEqual([
      "",
      "Go away",
      "Not you again",
    ]);
    const counts = Object.values(measured.errors_by_message);
    expect(measured.errors).toBe(counts.reduce((total, count) => total + count, 0));
    expect([measured.responses.announce, measured.invalid, measured.lost]).toEqual([0, 0, 0]);
    expect(measured.responses.scrape).toBeGreaterThan(0);
  }, 30_000);

  test("a second answer is an answer to nothing, a late one is late", async () => {
    await using tracker = await startFaultyTracker({
      twice: (answer) => [join(answer), join(answer)],
      never: () => [],
      "too late": (answer) => {
        answer.sendLater(join(answer));
        return [];
      },
    });
    const { measured } = await measure(large(tracker.port, { timeoutMs: 100 }));
    expect(measured.invalid_by_fault["unknown transaction"]).toBeGreaterThan(0);
    expect(Object.keys(measured.invalid_by_fault)).toEqual(["unknown transaction"]);
    const lost = tracker.made.get("never")! + tracker.made.get("too late")!;
    expect(measured.lost).toBeGreaterThanOrEqual(Math.floor(lost * 0.9) - OUTSTANDING);
    expect(measured.lost).toBeGreaterThan(measured.late);
    expect(measured.late).toBeGreaterThan(0);
  }, 30_000);
});

describe("the command line", () => {
  test("refuses to send load to others", async () => {
    for (const address of ["192.0.2.1:3000", "[2001:db8::1]:3000", "0.0.0.0:3000", "localhost:1"]) {
      const { code, stderr } = await runLoad(`server_address = '${address}'\n`);
      expect(code).toBe(1);
      expect(stderr).toContain("load goes to this machine only");
      expect(stderr.trimEnd()).not.toContain("\n");
    }
  });

  test("prints the info hashes of a seed, the same each time", async () => {
    const config = "[requests]\nnumber_of_torrents = 2500\n";
    const [first, again, other] = await Promise.all([
      runLoad(config, ["--info-hashes"]),
      runLoad(config, ["--info-hashes"]),
      runLoad(`seed = 2\n${config}`, ["--info-hashes"]),
    ]);
    const hashes = first.stdout.trimEnd().split("\n");
    expect(new Set(hashes).size).toBe(2500);
    expect(hashes.every((hash) => /^[0-9a-f]{40}$/.test(hash))).toBe(true);
    expect(again.stdout).toBe(first.stdout);
    expect(other.stdout).not.toBe(first.stdout);
  });

  test.each([
    ["[requests]\nnumber_of_peers = 9999\n", "requests.number_of_peers: less than one"],
    ["[network]\nclient_ips = 1\n[requests]\nnumber_of_peers = 5000000\n", "have ports"],
    ["workers = 64\n[network]\nclient_ips = 4096\n", "network.client_ips: with workers"],
    ["[requests]\npeer_seeder_probability = 1.5\n", "must be a number from 0 to 1, not 1.5"],
  ])("refuses %j", async (config, message) => {
    const { code, stderr } = await runLoad(config);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test("says so when nobody answers", async () => {
    const { code, stderr } = await runLoad("server_address = '127.0.0.1:9'\n");
    expect(code).toBe(1);
    expect(stderr).toContain("server_address: 127.0.0.1:9 gave no connection id\n");
  }, 15_000);

  test("has flags of its own beside the trackers'", async () => {
    const { stdout } = await runLoad("", ["--help"]);
    for (const flag of ["--config", "--print-config", "--json", "--info-hashes"]) {
      expect(stdout).toContain(flag);
    }
    const { code, stderr } = await runLoad("", ["--jsn"]);
    expect([code, stderr]).toEqual([
      1,
      "aquatic-udp-load-test: unknown option --jsn, did you mean --json? (see --help)\n",
    ]);
  });

  test("what -p prints is accepted by -c", async () => {
    const printed = await runLoad("", ["-p"]);
    const again = await runLoad(printed.stdout, ["--info-hashes"]);
    expect([again.code, again.stdout.length]).toEqual([0, 41 * 10_000]);
  });
});
