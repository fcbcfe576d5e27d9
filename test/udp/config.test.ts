import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/app/config.ts";
import { udpSchema } from "../../src/udp/config.ts";
import { type Range, testPrinted, testRanges } from "../app/schema-checks.ts";

/** The default configuration of aquatic_udp, from the documentation of the original. */
const originalDefaults = `\
socket_workers = 1
request_workers = 1

[network]
address = '127.0.0.1:3000'
max_scrape_torrents = 255
max_response_peers = 255
peer_announce_interval = 900
socket_recv_buffer_size = 524288
poll_event_capacity = 4096

[handlers]
max_requests_per_iter = 10000
channel_recv_timeout_microseconds = 200

[statistics]
interval = 5

[cleaning]
interval = 30
max_peer_age = 1200
max_connection_age = 300

[privileges]
drop_privileges = false
chroot_path = '.'
user = 'nobody'
`;

/** The additional lines, by section. */
const newLines = {
  "": ["log_level = 'info'"],
  "[statistics]": ["http_address = ''", "http_hosts = []"],
  "[network]": ["batch_wait_microseconds = 200", "socket_backend = 'auto'"],
  "[access_list]": ["mode = 'off'", "path = ''"],
  "[persistence]": ["path = ''", "interval = 300", "handover = false", "compress = false"],
  "[cluster]": ["servers = []", "name = 'aquatic'", "secret = ''", "node = ''"],
  "[limits]": [
    "max_torrents = 5000000",
    "max_peers = 20000000",
    "max_peers_per_ip = 50000",
    "max_requests_per_ip_per_second = 500",
  ],
};

function read(text: string) {
  return parseConfig(udpSchema, text, "udp.toml");
}

describe("the printed configuration", () => {
  testPrinted(udpSchema, originalDefaults, newLines);
});

describe("ranges", () => {
  const ranges: Range[] = [
    ["socket_workers", 1, 256],
    ["request_workers", 0, 256],
    ["network.max_scrape_torrents", 1, 3000],
    ["network.max_response_peers", 1, 3600],
    ["network.peer_announce_interval", 1, 604800],
    ["network.socket_recv_buffer_size", 0, 1073741823],
    ["network.poll_event_capacity", 1, 65536],
    ["network.batch_wait_microseconds", 0, 10000],
    ["handlers.max_requests_per_iter", 1, 1000000],
    ["handlers.channel_recv_timeout_microseconds", 0, 10000000],
    ["statistics.interval", 0, 86400],
    ["cleaning.interval", 1, 3600],
    ["cleaning.max_peer_age", 1, 32400],
    ["cleaning.max_connection_age", 1, 86400],
    ["persistence.interval", 0, 86400],
    ["limits.max_torrents", 1, 50000000],
    ["limits.max_peers", 1, 100000000],
    ["limits.max_peers_per_ip", 0, 100000000],
    ["limits.max_requests_per_ip_per_second", 0, 1000000],
  ];

  testRanges(udpSchema, ranges);

  test("keep the largest responses within a UDP datagram over IPv4", () => {
    const maxPayloadBytes = 65535 - 20 - 8;
    const range = new Map(ranges.map(([key, , max]) => [key, max]));
    expect(20 + 18 * range.get("network.max_response_peers")!).toBeLessThanOrEqual(maxPayloadBytes);
    expect(16 + 20 * range.get("network.max_scrape_torrents")!).toBeLessThanOrEqual(
      maxPayloadBytes,
    );
  });
});

describe("network.address", () => {
  test("accepts a string, or an array for IPv4 and IPv6", () => {
    const both = ["0.0.0.0:3000", "[::]:3000"];
    expect(read("network.address = '[::1]:0'").network.address).toEqual(["[::1]:0"]);
    expect(read(`[network]\naddress = ${JSON.stringify(both)}`).network.address).toEqual(both);
  });

  test.each([
    ["'localhost:3000'", "must be 'IPv4:port' or '[IPv6]:port' with a port from 0 to 65535"],
    ["'127.0.0.1'", "must be 'IPv4:port' or '[IPv6]:port' with a port from 0 to 65535"],
    ["['127.0.0.1:1', '::1:1']", "must be 'IPv4:port' or '[IPv6]:port' with a port from 0"],
    ["'[::ffff:127.0.0.1]:3000'", "must give IPv4 addresses as 'IPv4:port'"],
    ["['[::1]:1', '[0::1]:1']", "contains '[0::1]:1' twice"],
    ["3000", "must be a string or an array of strings, not 3000"],
    ["[]", "must be a string or an array of 1 to 16 strings, not of 0"],
    [
      JSON.stringify(Array.from({ length: 17 }, (_, port) => `127.0.0.1:${port + 1}`)),
      "must be a string or an array of 1 to 16 strings, not of 17",
    ],
  ])("rejects %s", (value, message) => {
    expect(() => read(`[network]\naddress = ${value}`)).toThrow(
      `udp.toml: network.address: ${message}`,
    );
  });

  test("accepts sixteen addresses", () => {
    const address = Array.from({ length: 16 }, (_, port) => `127.0.0.1:${port + 1}`);
    expect(read(`network.address = ${JSON.stringify(address)}`).network.address).toEqual(address);
  });
});

describe("other keys", () => {
  test("network.socket_backend accepts the names of the backends", () => {
    expect(read("network.socket_backend = 'bun'").network.socket_backend).toBe("bun");
    expect(() => read("network.socket_backend = 'uring'")).toThrow(
      "udp.toml: network.socket_backend: must be 'auto' or 'bun' or 'mmsg', not 'uring'",
    );
  });

  test("[privileges] accepts a directory and a user, but not empty ones", () => {
    const text = "[privileges]\ndrop_privileges = true\nchroot_path = '/srv'\nuser = 'tracker'\n";
    expect(read(text).privileges).toEqual({
      drop_privileges: true,
      chroot_path: "/srv",
      user: "tracker",
    });
    expect(() => read("privileges.user = ''")).toThrow("udp.toml: privileges.user: must be");
    expect(() => read("privileges.chroot_path = ''")).toThrow(
      "udp.toml: privileges.chroot_path: must be",
    );
  });

  test.each([
    ["address = '0.0.0.0:3000'", 'address: unknown key, did you mean "network.address"?'],
    ["socket_worker = 2", 'socket_worker: unknown key, did you mean "socket_workers"?'],
    ["[network]\nsocket_workers = 2", 'did you mean "socket_workers"?'],
    ["[network]\nmax_scrape_torrent = 2", 'did you mean "network.max_scrape_torrents"?'],
    ["interval = 2", 'did you mean "statistics.interval" or "cleaning.interval" or "pers'],
    ["[limit]\nmax_peers = 2", 'limit: unknown key, did you mean "limits"?'],
    ["[network]\nuse_tls = true", "network.use_tls: unknown key; allowed here: address, max_scra"],
  ])("a misspelt key gets a hint: %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
