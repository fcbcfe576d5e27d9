// A process that is killed while it writes snapshots leaves one that loads. $KILLS sets how often
// that is tried.

import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SnapshotReader } from "../../src/app/snapshot-file.ts";
import { SnapshotDecoder } from "../../src/swarm/snapshot.ts";
import { startChild } from "../support/child.ts";
import { TableHarness } from "../swarm/harness.ts";

const KILLS = Number(process.env.KILLS ?? 3);
const fixture = new URL("snapshot-fixture.ts", import.meta.url).pathname;

test(
  "kill -9 at any moment leaves a snapshot that loads",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "aquatic-kill-"));
    using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
    for (let round = 0; round < KILLS; round++) {
      await using child = startChild([process.execPath, fixture, directory]);
      await child.waitForLine(/^ready$/);
      await Bun.sleep(Math.random() * 50);
      await child.stop("SIGKILL");
      const fd = openSync(join(directory, "snapshot"), "r");
      const reader = new SnapshotReader(fd);
      reader.verify();
      const harness = new TableHarness(4, { maxTorrents: 2000, maxPeers: 30_000 });
      const age = { now: 0, elapsed: 0, maxAge: 1000 };
      const decoder = new SnapshotDecoder(harness.table, age);
      for (const { words } of reader.blocks()) expect(decoder.read(words)).toBe(true);
      closeSync(fd);
      for (let torrent = 0; torrent < 1000; torrent += 37) {
        expect(harness.scrape(torrent)).toEqual({ leechers: 10, seeders: 0 });
      }
    }
  },
  KILLS * 10_000,
);
