import { describe, expect, test } from "bun:test";
import { isField, type Schema } from "../../src/app/config-field.ts";
import { printConfig } from "../../src/app/config-print.ts";
import { ConfigError, defaultConfig, parseConfig } from "../../src/app/config.ts";
import { listUnusedKeys, wsSchema } from "../../src/ws/config.ts";

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
const newLines: Record<string, string[]> = {
  "[network]": [
    "tls_certificate_path = ''",
    "tls_private_key_path = ''",
    "max_message_size = 65536",
    "compress_responses = false",
  ],
  "[statistics]": ["interval = 5"],
  "[limits]": [
    "max_torrents = 2000000",
    "max_peers = 5000000",
    "max_connections = 1000000",
    "max_peers_per_connection = 2000",
    "max_queued_bytes = 262144",
    "max_pending_offers = 1000000",
  ],
};

function read(text: string) {
  return parseConfig(wsSchema, text, "ws.toml");
}

/** The lines of each section, those before the first under "". */
function splitSections(text: string): Map<string, string[]> {
  const sections = new Map<string, string[]>([["", []]]);
  let lines = sections.get("")!;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) sections.set(line, (lines = []));
    else lines.push(line);
  }
  return sections;
}

describe("the printed configuration", () => {
  const printed = printConfig(wsSchema);
  const sections = splitSections(printed);

  test("holds every key of the original with its value, in its order", () => {
    const originals = splitSections(originalDefaults);
    const names = [...sections.keys()];
    expect(names.filter((name) => originals.has(name))).toEqual([...originals.keys()]);
    for (const [name, lines] of originals) {
      const added = newLines[name] ?? [];
      expect(sections.get(name)?.filter((line) => !added.includes(line))).toEqual(lines);
    }
  });

  test("holds the new keys, each in its section, and no others", () => {
    const originals = splitSections(originalDefaults);
    for (const [name, lines] of sections) {
      const known = originals.get(name) ?? [];
      expect(lines.filter((line) => !known.includes(line))).toEqual(newLines[name] ?? []);
    }
    expect([...sections.keys()]).toContainValues(Object.keys(newLines));
  });

  test("has prose above every key, in lines of at most 100 columns", () => {
    const lines = printed.split("\n");
    for (const [i, line] of lines.entries()) {
      expect(line.length).toBeLessThanOrEqual(100);
      if (line.includes(" = ") && !line.startsWith("#")) expect(lines[i - 1]).toMatch(/^# .*\.$/);
    }
  });

  test("reads back to the defaults, as does the original's", () => {
    expect(read(printed)).toEqual(defaultConfig(wsSchema));
    expect(read(originalDefaults)).toEqual(defaultConfig(wsSchema));
  });
});

describe("ranges", () => {
  const ranges: [key: string, min: number, max: number][] = [
    ["socket_workers", 1, 64],
    ["network.max_scrape_torrents", 1, 10000],
    ["network.max_offers", 0, 100],
    ["network.peer_announce_interval", 1, 604800],
    ["network.poll_event_capacity", 1, 65536],
    ["network.poll_timeout_milliseconds", 0, 3600000],
    ["network.max_message_size", 1024, 16777216],
    ["handlers.max_requests_per_iter", 1, 1000000],
    ["handlers.channel_recv_timeout_microseconds", 0, 10000000],
    ["statistics.interval", 0, 86400],
    ["cleaning.interval", 1, 3600],
    ["cleaning.max_peer_age", 1, 32400],
    ["cleaning.max_connection_age", 8, 960],
    ["limits.max_torrents", 1, 50000000],
    ["limits.max_peers", 1, 50000000],
    ["limits.max_connections", 1, 16000000],
    ["limits.max_peers_per_connection", 1, 100000],
    ["limits.max_queued_bytes", 4096, 268435456],
    ["limits.max_pending_offers", 1000, 100000000],
  ];

  test.each(ranges)("%s: %d to %d", (key, min, max) => {
    expect(lookUp(read(`${key} = ${min}`), key)).toBe(min);
    expect(lookUp(read(`${key} = ${max}`), key)).toBe(max);
    for (const value of [min - 1, max + 1]) {
      expect(() => read(`${key} = ${value}`)).toThrow(
        new ConfigError(`ws.toml: ${key}: must be an integer from ${min} to ${max}, not ${value}`),
      );
    }
  });

  test("cover every key that holds a number", () => {
    expect(ranges.map(([key]) => key)).toEqual(listNumbers(wsSchema, ""));
  });
});

describe("keys without effect", () => {
  test("are none in the defaults", () => {
    expect(listUnusedKeys(defaultConfig(wsSchema))).toEqual([]);
    expect(listUnusedKeys(read(originalDefaults))).toEqual([]);
    expect(listUnusedKeys(read("network.poll_event_capacity = 4096"))).toEqual([]);
  });

  test.each([
    ["network.poll_event_capacity", 1],
    ["network.poll_timeout_milliseconds", 0],
    ["handlers.channel_recv_timeout_microseconds", 0],
  ])("%s is named when it is set", (key, value) => {
    expect(listUnusedKeys(read(`${key} = ${value}`))).toEqual([key]);
  });

  test("are named together", () => {
    const text =
      "handlers.channel_recv_timeout_microseconds = 1\n" +
      "[network]\npoll_timeout_milliseconds = 1\npoll_event_capacity = 1\n";
    expect(listUnusedKeys(read(text))).toEqual([
      "network.poll_event_capacity",
      "network.poll_timeout_milliseconds",
      "handlers.channel_recv_timeout_microseconds",
    ]);
  });

  test("say so in their prose, and they alone", () => {
    const fields = listFields(wsSchema, "");
    const idle = fields.filter(([, prose]) => prose.startsWith("Without effect"));
    expect(idle.map(([key]) => key)).toEqual([
      "network.poll_event_capacity",
      "network.poll_timeout_milliseconds",
      "handlers.channel_recv_timeout_microseconds",
    ]);
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

  test.each([
    ["request_workers = 2", "request_workers: unknown key"],
    ["use_tls = true", 'use_tls: unknown key, did you mean "network.use_tls"?'],
    ["[network]\nmax_offer = 2", 'did you mean "network.max_offers"?'],
    ["[network]\nsocket_backend = 'bun'", "network.socket_backend: unknown key"],
  ])("a slip is met with a hint: %j", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

function lookUp(config: object, key: string): unknown {
  return key.split(".").reduce<any>((node, part) => node[part], config);
}

function listNumbers(schema: Schema, path: string): string[] {
  return Object.entries(schema).flatMap(([key, node]) => {
    if (!isField(node)) return listNumbers(node, `${path}${key}.`);
    return typeof node.value === "number" ? [path + key] : [];
  });
}

function listFields(schema: Schema, path: string): [key: string, prose: string][] {
  return Object.entries(schema).flatMap(([key, node]) =>
    isField(node) ? [[path + key, node.prose]] : listFields(node, `${path}${key}.`),
  );
}
