// Access lists of both trackers: read at the start, and again at SIGHUP.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAnnounce, buildScrape, parseResponse } from "../support/bep15.ts";
import { runTracker, startTracker, type Tracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";
import { announce, answer, connectWs, id, offers, say } from "../support/ws-client.ts";

const REASON = "This tracker does not serve this torrent";

function openList() {
  const directory = mkdtempSync(join(tmpdir(), "aquatic-access-"));
  const path = join(directory, "list.txt");
  return {
    path,
    write: (...hashes: Uint8Array[]) => {
      writeFileSync(path, hashes.map((hash) => `${Buffer.from(hash).toString("hex")}\n`).join(""));
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

async function reload(tracker: Tracker, pattern: RegExp): Promise<void> {
  const before = tracker.stderr.length;
  process.kill(tracker.pid, "SIGHUP");
  await tracker.waitForOutput(
    () => pattern.test(tracker.stderr.slice(before)),
    undefined,
    `${pattern}`,
  );
}

test.each([0, 1])("aquatic-udp with %d request workers", async (requestWorkers) => {
  using list = openList();
  const [a, b] = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)];
  list.write(a);
  await using tracker = await startTracker({
    config: `request_workers = ${requestWorkers}
      [network]\naddress = '127.0.0.1:0'
      [cleaning]\ninterval = 1
      [access_list]\nmode = 'allow'\npath = '${list.path}'`,
  });
  await using client = await openUdpClient({ address: "127.0.0.1", port: tracker.ports[0] });
  const connectionId = await client.connect();
  const ask = async (request: Uint8Array) => parseResponse((await client.request(request))!, 4);
  const announceTo = (infoHash: Buffer) => ask(buildAnnounce({ connectionId, infoHash, port: 1 }));
  expect(await announceTo(a)).toMatchObject({ seeders: 1 });
  expect(await announceTo(b)).toMatchObject({ message: REASON });

  list.write(b, b);
  await reload(tracker, /the access list has been reloaded: allow, 1 info hashes"\n/);
  expect(await announceTo(b)).toMatchObject({ seeders: 1 });
  expect(await announceTo(a)).toMatchObject({ message: REASON });
  // The swarm that is forbidden now goes at the next cleaning.
  for (;;) {
    const scrape = await ask(buildScrape({ connectionId, infoHashes: [a, b] }));
    if (scrape.kind !== "scrape") throw new Error(`no scrape: ${JSON.stringify(scrape)}`);
    expect(scrape.swarms[1]).toMatchObject({ seeders: 1 });
    if (scrape.swarms[0].seeders === 0) break;
    await Bun.sleep(20);
  }

  rmSync(list.path);
  await reload(
    tracker,
    /the access list stays as it was: access_list.path: \\".*\\" does not exist"\n/,
  );
  expect(await announceTo(b)).toMatchObject({ seeders: 1 });
});

test("aquatic-ws refuses announces, offers, answers and scrapes", async () => {
  using list = openList();
  list.write(Buffer.from(id("bad"), "latin1"));
  await using tracker = await startTracker({
    program: "ws",
    config: `[network]\naddress = '127.0.0.1:0'
      [access_list]\nmode = 'deny'\npath = '${list.path}'`,
  });
  await using a = await connectWs(`ws://127.0.0.1:${tracker.ports[0]}/`);
  const refusal = { info_hash: id("bad"), "failure reason": REASON };
  expect(await say(a, announce("good", "a"))).toMatchObject({ incomplete: 1 });
  expect(await say(a, announce("bad", "a", offers("o")))).toMatchObject(refusal);
  const offer = { peer_id: id("b"), offer_id: id("o") };
  expect(await say(a, answer("bad", "a", offer))).toMatchObject(refusal);
  expect(await say(a, { action: "scrape", info_hash: id("bad") })).toMatchObject(refusal);
  a.send({ action: "scrape", info_hash: [id("bad"), id("good")] });
  expect(await a.take((message) => "files" in message)).toMatchObject({
    files: { [id("bad")]: { incomplete: 0 }, [id("good")]: { incomplete: 1 } },
  });
  list.write();
  await reload(tracker, /the access list has been reloaded: deny, 0 info hashes"\n/);
  expect(await say(a, announce("bad", "a"))).toMatchObject({ incomplete: 1 });
});

test("a list that cannot be read ends the tracker in one line", async () => {
  const config = "[network]\naddress = '127.0.0.1:0'\n[access_list]\nmode = 'allow'\n";
  expect(await runTracker({ config })).toMatchObject({
    code: 1,
    stderr: "aquatic-udp: access_list.path: is missing\n",
  });
});
