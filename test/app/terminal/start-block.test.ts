import { describe, expect, test } from "bun:test";
import { version } from "../../../package.json" with { type: "json" };
import { defaultConfig } from "../../../src/app/config.ts";
import {
  countShared,
  formatBytes,
  formatCount,
  formatStartBlock,
} from "../../../src/app/terminal/start-block.ts";
import { udpSchema } from "../../../src/udp/config.ts";
import { allocateSetup as allocateUdp } from "../../../src/udp/setup.ts";
import { listStartFacts as listUdpFacts } from "../../../src/udp/start-facts.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { allocateSetup as allocateWs } from "../../../src/ws/setup.ts";
import { listStartFacts as listWsFacts } from "../../../src/ws/start-facts.ts";

const facts = {
  workers: "1 socket worker, 2 request workers",
  ceilings: [`${formatCount(5000, "torrent")}, ${formatCount(1, "peer")}`],
  memory: ["at most 2.8 GiB", "1 GiB more"],
};
const urls = ["127.0.0.1:3000", "[::1]:3000"];

describe("the start-up block", () => {
  test("is for a tracker without a configuration", () => {
    const situation = { urls, pagesUrl: undefined, hasConfig: false };
    expect(formatStartBlock("aquatic-udp", facts, situation, 80, false)).toBe(`\
aquatic-udp ${version}
  listening on   127.0.0.1:3000
                 [::1]:3000
  workers        1 socket worker, 2 request workers
  at most        5,000 torrents, 1 peer
  memory         at most 2.8 GiB
                 1 GiB more
  change first   network.address, to serve other machines:
                 aquatic-udp -p > aquatic-udp.toml
                 aquatic-udp -c aquatic-udp.toml
`);
  });

  test("is for one with a configuration, on a narrow terminal", () => {
    const situation = { urls, pagesUrl: "http://127.0.0.1:9000/", hasConfig: true };
    expect(formatStartBlock("aquatic-udp", facts, situation, 38, false)).toBe(`\
aquatic-udp ${version}
  listening on   127.0.0.1:3000
                 [::1]:3000
  workers        1 socket worker, 2
                 request workers
  at most        5,000 torrents,
                 1 peer
  memory         at most 2.8 GiB
                 1 GiB more
  statistics on  http://127.0.0.1:9000/
`);
  });

  test("has a coloured heading and coloured labels", () => {
    const situation = { urls: urls.slice(1), pagesUrl: undefined, hasConfig: true };
    const lines = formatStartBlock("aquatic-ws", facts, situation, 80, true).split("\n");
    expect(lines.slice(0, 2)).toEqual([
      `\x1b[1maquatic-ws ${version}\x1b[0m`,
      "\x1b[2m  listening on   \x1b[0m[::1]:3000",
    ]);
  });
});

describe("the facts", () => {
  test("of aquatic-udp are its limits and the memory that it has reserved", () => {
    const config = defaultConfig(udpSchema);
    const setup = allocateUdp({ ...config, request_workers: 0 }, "mmsg");
    const { 4: ipv4, 16: ipv6 } = setup.tables;
    const memory = countShared({ ...setup, accessList: undefined });
    expect(memory).toBeGreaterThan(ipv4.buffer.byteLength + ipv6.buffer.byteLength);
    expect(memory).toBeLessThan(ipv4.buffer.byteLength + ipv6.buffer.byteLength + 2 ** 23);
    expect(listUdpFacts(setup)).toEqual({
      workers: "1\u00a0socket worker (backend 'mmsg')",
      ceilings: [
        "5,000,000\u00a0torrents, 20,000,000\u00a0peers, for IPv4 and IPv6 each",
        "50,000\u00a0peers, 500\u00a0requests/s per address",
      ],
      memory: [`the runtime's, and at most ${formatBytes(memory)} as torrents and peers arrive`],
    });
  });

  test("of aquatic-udp have access lists and no limits that are not set", () => {
    const config = defaultConfig(udpSchema);
    const limits = { ...config.limits, max_peers_per_ip: 0, max_requests_per_ip_per_second: 0 };
    const access_list = { mode: "deny", path: "/list" } as const;
    const facts = listUdpFacts(allocateUdp({ ...config, access_list, limits }, "bun"));
    expect(facts.workers).toBe("1\u00a0socket worker (backend 'bun'), 1\u00a0request worker");
    expect(facts.ceilings).toHaveLength(1);
    expect(facts.memory.slice(1)).toEqual(["977 MiB more for access lists"]);
  });

  test("of aquatic-ws are those of all workers together", () => {
    const config = defaultConfig(wsSchema);
    const limits = { ...config.limits, max_connections: 500 };
    const facts = listWsFacts(
      allocateWs({ ...config, socket_workers: 2, limits }, undefined, "bytes"),
    );
    expect(facts).toEqual({
      workers: "2\u00a0socket workers (backend 'bytes')",
      ceilings: [
        "2,000,000\u00a0torrents, 5,000,000\u00a0peers, 1,000\u00a0connections",
        "50,000\u00a0peers, 1,000\u00a0connections, 1,000\u00a0messages/s per address",
      ],
      memory: [
        expect.stringMatching(/^the runtime's, and at most about \d+ MiB as they arrive$/),
        "256 KiB more for each connection that reads too slowly",
      ],
    });
  });
});

test.each([
  [262_144, "256 KiB"],
  [4096, "4 KiB"],
  [100, "0.1 KiB"],
  [1_500_000, "1.4 MiB"],
  [3_020_000_000, "2.8 GiB"],
  [2 ** 34, "16 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
