// Swarms and connection ids that survive a restart of the UDP tracker.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAnnounce, buildScrape, parseResponse } from "../support/bep15.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker, type Tracker } from "../support/tracker.ts";
import { openUdpClient, type UdpClient } from "../support/udp-client.ts";
import { readMessages } from "../support/log.ts";

function openDirectory() {
  const path = mkdtempSync(join(tmpdir(), "aquatic-state-"));
  const configure = (more = "", top = "") => `${top}
    [network]\naddress = '127.0.0.1:0'
    [persistence]\npath = '${path}'\n${more}`;
  return {
    path,
    snapshot: join(path, "swarms.snapshot"),
    start: (more = "", top = "") => startTracker({ config: configure(more, top) }),
    configure,
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

function openClient(tracker: Tracker): Promise<UdpClient> {
  return openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
}

async function ask(client: UdpClient, request: Uint8Array) {
  return parseResponse((await client.request(request))!, 4);
}

describe.each([
  ["", ""],
  ["compress = true", "socket_workers = 2\nrequest_workers = 0"],
])("with %j", (more, top) => {
  test("clients do not notice a restart", async () => {
    using directory = openDirectory();
    const infoHash = randomBytes(20);
    let connectionId: bigint;
    {
      await using tracker = await directory.start(more, top);
      await using client = await openClient(tracker);
      connectionId = await client.connect();
      for (let port = 1; port <= 100; port++) {
        const left = port <= 30 ? 0n : 1n;
        await ask(client, buildAnnounce({ connectionId, infoHash, port, left }));
      }
      expect(await tracker.stop()).toBe(0);
    }
    await using tracker = await directory.start(more, top);
    expect(tracker.stderr).toMatch(
      /"100 peers of 1 torrents have been restored in \d\.\d s; 0 have/,
    );
    await using client = await openClient(tracker);
    // The id of the first process.
    const scrape = buildScrape({ connectionId, infoHashes: [infoHash] });
    expect(await ask(client, scrape)).toMatchObject({ swarms: [{ seeders: 30, leechers: 70 }] });
    const announce = buildAnnounce({ connectionId, infoHash, port: 50, left: 1n });
    const response = await ask(client, announce);
    expect(response).toMatchObject({ seeders: 30, leechers: 70 });
    if (response.kind !== "announce") throw new Error("no announce");
    const ports = response.peers.map(({ port }) => port).toSorted((a, b) => a - b);
    expect(ports).toEqual(Array.from({ length: 100 }, (_, i) => i + 1).filter((n) => n !== 50));
  });
});

test("a snapshot is written after each interval, and kill -9 leaves the last one", async () => {
  using directory = openDirectory();
  {
    await using tracker = await directory.start("interval = 1");
    await using client = await openClient(tracker);
    const connectionId = await client.connect();
    await ask(client, buildAnnounce({ connectionId, infoHash: randomBytes(20), port: 1 }));
    const announcedAt = Date.now();
    const writtenAt = () => statSync(directory.snapshot, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    while (writtenAt() < announcedAt) await Bun.sleep(20);
    await tracker.stop("SIGKILL");
  }
  await using tracker = await directory.start();
  expect(tracker.stderr).toContain('"1 peers of 1 torrents have been restored');
  for (const file of readdirSync(directory.path).filter((name) => name !== "owner")) {
    expect(statSync(join(directory.path, file)).mode & 0o777).toBe(0o600);
  }
});

test("peers that have expired meanwhile stay away", async () => {
  using directory = openDirectory();
  const age = "[cleaning]\nmax_peer_age = 1";
  {
    await using tracker = await directory.start(age);
    await using client = await openClient(tracker);
    const connectionId = await client.connect();
    await ask(client, buildAnnounce({ connectionId, infoHash: randomBytes(20), port: 1 }));
    await tracker.stop();
  }
  // The Unix time of the ages, two hours earlier.
  const bytes = readFileSync(directory.snapshot);
  bytes.writeDoubleLE(bytes.readDoubleLE(16) - 7200, 16);
  bytes.writeUInt32LE(Bun.hash.crc32(bytes.subarray(0, 24)), 24);
  writeFileSync(directory.snapshot, bytes);
  await using tracker = await directory.start(age);
  expect(tracker.stderr).toContain('"0 peers of 0 torrents have been restored');
  expect(tracker.stderr).toContain("; 1 have expired since");
});

test.each([
  ["torn", (bytes: Buffer<ArrayBuffer>) => bytes.subarray(0, -5), "is not complete"],
  ["foreign", () => Buffer.from("#!/bin/sh\n".repeat(10)), "is no snapshot"],
  ["empty", () => Buffer.alloc(0), "is no snapshot"],
] as const)("a %s file is one warning, and is kept aside", async (_what, spoil, reason) => {
  using directory = openDirectory();
  {
    await using tracker = await directory.start();
    expect(await tracker.stop()).toBe(0);
  }
  const spoilt = spoil(readFileSync(directory.snapshot));
  writeFileSync(directory.snapshot, spoilt);
  writeFileSync(join(directory.path, "connection-keys"), "{}");
  await using tracker = await directory.start();
  const warnings = readMessages(tracker.stderr).filter((message) =>
    message.includes("persistence.path"),
  );
  expect(warnings).toEqual([
    "persistence.path: connection-keys cannot be used; connection ids begin anew",
    `persistence.path: swarms.snapshot ${reason}; it is kept as ` +
      "swarms.snapshot.unusable, and no swarms are",
  ]);
  expect(readFileSync(`${directory.snapshot}.unusable`)).toEqual(spoilt);
  await using client = await openClient(tracker);
  await client.connect();
});

test("a directory that is not there, or cannot be written, ends the tracker in one line", async () => {
  const readOnly = await runTracker({ config: "[persistence]\npath = '/proc'" });
  expect([readOnly.code, readOnly.stderr]).toEqual([
    1,
    "aquatic-udp: persistence.path: cannot write /proc/owner.new: No such file or directory\n",
  ]);
  const config = "[persistence]\npath = '/no/such/directory'";
  expect(await runTracker({ config })).toEqual({
    code: 1,
    stdout: "",
    stderr: `aquatic-udp: persistence.path: "/no/such/directory" does not exist\n`,
  });
});

await testWith(["root"], "works after chroot and as another user", async () => {
  using directory = openDirectory();
  const nobody = Number(Bun.spawnSync(["id", "-u", "nobody"]).stdout.toString());
  chmodSync(directory.path, 0o700);
  chownSync(directory.path, nobody, nobody);
  const privileges = "[privileges]\ndrop_privileges = true\nchroot_path = '/usr'";
  {
    await using tracker = await directory.start(privileges);
    await using client = await openClient(tracker);
    const connectionId = await client.connect();
    await ask(client, buildAnnounce({ connectionId, infoHash: randomBytes(20), port: 1 }));
    expect(await tracker.stop()).toBe(0);
    expect(tracker.stderr).not.toContain("persistence.path");
  }
  await using tracker = await directory.start(privileges);
  expect(tracker.stderr).toContain('"1 peers of 1 torrents have been restored');
});
