// What a client hears of torrents that the access list forbids.

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/app/metrics.ts";
import { AccessListWriter, type AccessMode } from "../../src/swarm/access-list.ts";
import { buildScrape } from "../support/bep15.ts";
import { HandlerHarness, source } from "./harness.ts";

const refusal = { kind: "error", message: "This tracker does not serve this torrent" };

function hash(n: number): Buffer {
  return Buffer.alloc(20, n);
}

function open(mode: AccessMode, ...listed: number[]): HandlerHarness {
  const harness = new HandlerHarness();
  const list = new AccessListWriter(harness.accessList);
  list.begin(listed.length);
  for (const n of listed) list.add(new Int32Array(Uint8Array.from(hash(n)).buffer), 0);
  list.commit(mode);
  return harness;
}

describe.each([4, 16] as const)("from an address of %i bytes", (family) => {
  const client = source(family);

  test.each([
    ["allow", 1, 2],
    ["deny", 2, 1],
  ] as const)("mode '%s' refuses announces of other torrents", (mode, served, refused) => {
    const harness = open(mode, 1);
    expect(harness.announce(client, { infoHash: hash(served) })).toMatchObject({ seeders: 1 });
    expect(harness.announce(client, { infoHash: hash(refused) })).toMatchObject(refusal);
    expect(harness.announce(client, { infoHash: hash(refused), event: 3 })).toMatchObject(refusal);
    expect(harness.count(COUNTER.forbidden)).toBe(2);
    expect(harness.tables[family].torrentCount).toBe(1);
  });

  test("a scrape is refused only if no torrent in it is served", () => {
    const harness = open("deny", 2, 3);
    harness.announce(client, { infoHash: hash(1) });
    const connectionId = harness.connect(client);
    const scrape = (...numbers: number[]) => {
      const infoHashes = numbers.map(hash);
      return harness.ask(buildScrape({ connectionId, infoHashes }), client);
    };
    expect(scrape(2, 1)).toMatchObject({ swarms: [{ seeders: 0 }, { seeders: 1 }] });
    expect(scrape(2, 3)).toMatchObject(refusal);
  });
});
