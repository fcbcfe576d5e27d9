import { describe, expect, test } from "bun:test";
import { defaultConfig, parseConfig } from "../../src/app/config.ts";
import { listUnusedKeys, wsSchema } from "../../src/ws/config.ts";
import { listFields, type Range, testPrinted, testRanges } from "../app/schema-checks.ts";

/** The default configuration of aquatic_ws as the original documents it. */
const originalDefaults = `\
socket_workers = 1

[network]
address = '127.0.0.1:3000'
use_tls = false
tls_pkcs12_path = ''
tls_pkcs12_password = ''
max_scrape_torrents = 255
max_offers = 10
peer_announce_interval = 120
poll_event_capacity = 4096
poll_timeout_milliseconds = 50

[handlers]
max_requests_per_iter = 10000
channel_recv_timeout_microseconds = 200

[cleaning]
interval = 30
max_peer_age = 180
max_connection_age = 180

[privileges]
drop_privileges = false
chroot_path = '.'
user = 'nobody'
`;

/** What is there beside it, by section. */
const newLines = {
  "": ["log_level = 'info'"],
  "[network]": [
    "tls_certificate_path = ''",
    "tls_private_key_path = ''",
    "trusted_proxies = []",
    "client_address_header = 'X-Forwarded-For'",
    "max_message_size = 65536",
    "socket_backend = 'auto'",
    "accept_compressed = false",
    "compress_responses = false",
  ],
  "[statistics]": ["interval = 5", "http_address = ''", "http_hosts = []"],
  "[cleaning]": ["ping_interval = 25"],
  "[cluster]": ["servers = []", "name = 'aquatic'", "secret = ''", "node = ''"],
  "[access_list]": ["mode = 'off'", "path = ''", "allowed_origins = []"],
  "[limits]": [
    "max_torrents = 2000000",
    "max_peers = 5000000",
    "max_connections = 1000000",
    "max_peers_per_connection = 2000",
    "max_connections_per_ip = 1000",
    "max_peers_per_ip = 50000",
    "max_messages_per_second = 1000",
    "max_queued_bytes = 262144",
    "max_pending_offers = 1000000",
  ],
};

function read(text: string) {
  return parseConfig(wsSchema, text, "ws.toml");
}

describe("the printed configuration", () => {
  testPrinted(wsSchema, originalDefaults, newLines);
});

describe("ranges", () => {
  const ranges: Range[] = [
    ["socket_workers", 1, 64],
    ["network.max_scrape_torrents", 1, 10000],
    ["network.max_offers", 0, 100],
    ["network.peer_announce_interval", 1, 604800],
    ["network.poll_event_capacity", 1, 65536],
    ["network.poll_timeout_milliseconds", 1, 1000],
    ["network.max_message_size", 1024, 16777216],
    ["handlers.max_requests_per_iter", 1, 1000000],
    ["handlers.channel_recv_timeout_microseconds", 0, 10000000],
    ["statistics.interval", 0, 86400],
    ["cleaning.interval", 1, 3600],
    ["cleaning.max_peer_age", 1, 32400],
    ["cleaning.max_connection_age", 8, 960],
    ["cleaning.ping_interval", 1, 480],
    ["limits.max_torrents", 1, 50000000],
    ["limits.max_peers", 1, 50000000],
    ["limits.max_connections", 1, 16000000],
    ["limits.max_peers_per_connection", 1, 100000],
    ["limits.max_connections_per_ip", 0, 16000000],
    ["limits.max_peers_per_ip", 0, 50000000],
    ["limits.max_messages_per_second", 0, 1000000],
    ["limits.max_queued_bytes", 4096, 268435456],
    ["limits.max_pending_offers", 1000, 100000000],
  ];

  testRanges(wsSchema, ranges);
});

describe("the key without effect", () => {
  test("is not named by default", () => {
    expect(listUnusedKeys(defaultConfig(wsSchema))).toEqual([]);
    expect(listUnusedKeys(read(originalDefaults))).toEqual([]);
    expect(listUnusedKeys(read("handlers.max_requests_per_iter = 1"))).toEqual([]);
  });

  test("is named when it is set", () => {
    const key = "handlers.channel_recv_timeout_microseconds";
    expect(listUnusedKeys(read(`${key} = 0`))).toEqual([key]);
  });

  test("says so in its prose, and it alone", () => {
    const fields = listFields(wsSchema);
    const idle = fields.filter(([, { prose }]) => prose.startsWith("No effect"));
    expect(idle.map(([key]) => key)).toEqual(["handlers.channel_recv_timeout_microseconds"]);
  });
});

describe("other keys", () => {
  test("of TLS", () => {
    const text = `
[network]
use_tls = true
tls_pkcs12_path = '/etc/tracker.p12'
tls_pkcs12_password = "geheim ✓"
tls_certificate_path = './fullchain.pem'
tls_private_key_path = './privkey.pem'
`;
    expect(read(text).network).toMatchObject({
      use_tls: true,
      tls_pkcs12_path: "/etc/tracker.p12",
      tls_pkcs12_password: "geheim ✓",
      tls_certificate_path: "./fullchain.pem",
      tls_private_key_path: "./privkey.pem",
    });
    expect(() => read("network.use_tls = 'yes'")).toThrow("ws.toml: network.use_tls: must be");
    expect(() => read("network.tls_pkcs12_path = 5")).toThrow("ws.toml: network.tls_pkcs12_path");
  });

  test("of the socket backend", () => {
    expect(read("").network).toMatchObject({ socket_backend: "auto", accept_compressed: false });
    for (const backend of ["auto", "epoll", "bytes", "bun"] as const) {
      expect(read(`network.socket_backend = '${backend}'`).network.socket_backend).toBe(backend);
    }
    for (const wrong of ["'mmsg'", "'Bun'", "''", "5"]) {
      expect(() => read(`network.socket_backend = ${wrong}`)).toThrow(
        "ws.toml: network.socket_backend: must be",
      );
    }
    expect(read("network.accept_compressed = true").network.accept_compressed).toBe(true);
    expect(() => read("network.accept_compressed = 1")).toThrow(
      "ws.toml: network.accept_compressed: must be",
    );
  });

  test("of proxies", () => {
    expect(read("").network.trusted_proxies).toEqual([]);
    expect(read("network.trusted_proxies = '192.0.2.1'").network.trusted_proxies).toEqual([
      "192.0.2.1",
    ]);
    const many = ["10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0", "::/0"];
    const text = `
[network]
trusted_proxies = ${JSON.stringify(many)}
client_address_header = 'CF-Connecting-IP'
`;
    expect(read(text).network).toMatchObject({
      trusted_proxies: many,
      client_address_header: "CF-Connecting-IP",
    });
  });

  test.each([
    "",
    "localhost",
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "::1/129",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "10.0.0.1:80",
    "[::1]",
  ])("no proxy is %j", (proxy) => {
    expect(() => read(`network.trusted_proxies = ['192.0.2.1', ${JSON.stringify(proxy)}]`)).toThrow(
      "ws.toml: network.trusted_proxies: must hold addresses, such as '192.0.2.1'",
    );
  });

  test("no proxy is named twice, and no header like this", () => {
    expect(() => read("network.trusted_proxies = ['::1', '0::1/128']")).toThrow("twice");
    for (const name of ["X Forwarded", "X:", "\u00fc"]) {
      expect(() => read(`network.client_address_header = '${name}'`)).toThrow(
        `ws.toml: network.client_address_header: must be the name of a header`,
      );
    }
    expect(() => read("network.client_address_header = ''")).toThrow("must be a string");
  });

  test.each([
    ["request_workers = 2", "request_workers: unknown key"],
    ["use_tls = true", 'use_tls: unknown key, did you mean "network.use_tls"?'],
    ["[network]\nmax_offer = 2", 'did you mean "network.max_offers"?'],
    ["[network]\nsocket_backends = 'bun'", 'did you mean "network.socket_backend"?'],
  ])("a slip is met with a hint: %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
