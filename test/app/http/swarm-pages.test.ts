import { describe, expect, test } from "bun:test";
import type { Subject } from "../../../src/app/http/subject.ts";
import { SwarmPages } from "../../../src/app/http/swarm-pages.ts";
import { TableHarness } from "../../swarm/harness.ts";

/**
 * Torrent number n has n peers over IPv4, at most `maxSize`, the last of which is a seeder; torrent
 * 3 has one over IPv6 as well.
 */
function open(torrents: number, maxSize = torrents): SwarmPages {
  const limits = { maxTorrents: 5000, maxPeers: 5000 };
  const ipv4 = new TableHarness(4, limits);
  const ipv6 = new TableHarness(16, limits);
  for (let torrent = 1; torrent <= torrents; torrent++) {
    const size = Math.min(torrent, maxSize);
    for (let peer = 1; peer <= size; peer++) {
      ipv4.announce({ torrent, peer, status: peer === size ? "seeder" : "leecher", wanted: 0 });
    }
  }
  ipv6.announce({ torrent: 3, peer: 1 });
  const tables = [
    { ipVersion: "4", table: ipv4.table },
    { ipVersion: "6", table: ipv6.table },
  ];
  return new SwarmPages({ tables } as unknown as Subject);
}

const hashOf = (text: string): string => text.slice(0, 40);
const read = (body: unknown): Promise<string> => new Response(body as ReadableStream).text();

describe("/swarms", () => {
  test("lists the largest swarms of all tables, the largest first", async () => {
    const { body } = await open(80).list(new URLSearchParams("top=3"));
    expect(JSON.parse(body as string)).toEqual(
      [80, 79, 78].map((size) => ({
        info_hash: expect.stringMatching(/^[0-9a-f]{40}$/),
        ip_version: "4",
        seeders: 1,
        leechers: size - 1,
      })),
    );
    const all = await open(5).list(new URLSearchParams());
    expect(JSON.parse(all.body as string)).toHaveLength(6);
  });

  test.each(["0", "1001", "1.5", "many", "-1"])("refuses top=%s", async (top) => {
    expect(await open(1).list(new URLSearchParams({ top }))).toMatchObject({ status: 400 });
  });

  test("counts one swarm in each table that has it", async () => {
    const pages = open(5);
    const lines = (await read(pages.dump(new URLSearchParams()).body)).trimEnd().split("\n");
    const shared = lines.find((line) => line.endsWith(" 6"))!;
    const page = pages.show(hashOf(shared).toUpperCase())!;
    expect(JSON.parse(page.body as string)).toEqual([
      { info_hash: hashOf(shared), ip_version: "4", seeders: 1, leechers: 2 },
      { info_hash: hashOf(shared), ip_version: "6", seeders: 0, leechers: 1 },
    ]);
    expect(pages.show("0".repeat(40))).toBeUndefined();
    expect(pages.show("xyz")).toMatchObject({ status: 400 });
  });
});

describe("/dump", () => {
  test("streams every swarm once, compressed if wanted", async () => {
    const pages = open(300, 3);
    const plain = await read(pages.dump(new URLSearchParams()).body);
    const lines = plain.trimEnd().split("\n");
    expect(lines).toHaveLength(301);
    expect(new Set(lines).size).toBe(301);
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{40} \d+ \d+ [46]$/);
    const packed = pages.dump(new URLSearchParams("zstd"));
    expect(packed.type).toBe("application/zstd");
    const bytes = await new Response(packed.body as ReadableStream).bytes();
    expect(Bun.zstdDecompressSync(bytes).toString()).toBe(plain);
  });

  test("does only so many walks at once, and ends those whose reader leaves", async () => {
    const pages = open(3500, 1);
    const bodies = Array.from({ length: 4 }, () => {
      return pages.dump(new URLSearchParams()).body as ReadableStream<Uint8Array>;
    });
    const readers = bodies.map((body) => body.getReader());
    for (const reader of readers) expect((await reader.read()).done).toBe(false);
    expect(pages.dump(new URLSearchParams())).toMatchObject({ status: 503 });
    expect(await pages.list(new URLSearchParams())).toMatchObject({ status: 503 });
    await readers[0].cancel();
    expect(await pages.list(new URLSearchParams())).not.toHaveProperty("status");
    for (const reader of readers.slice(1)) await reader.cancel();
  });
});
