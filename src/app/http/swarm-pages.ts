// The pages about single swarms: /swarms lists the largest ones, /swarms/HASH counts one, /dump
// streams all of them. They walk over the tables in short steps, and never show a peer's address.

import { INFO_HASH_WORDS, TORRENT } from "../../swarm/layout.ts";
import type { Table } from "../../swarm/table.ts";
import { TableWalk } from "../../swarm/walk.ts";
import { runInSteps } from "../steps.ts";
import { JSON_TYPE, type Page, TEXT_TYPE } from "./http-server.ts";
import type { Subject } from "./subject.ts";

const DEFAULT_TOP = 100;
const MAX_TOP = 1000;

/** Walks that may be under way at once, each for a reader that may be slow. */
const MAX_WALKS = 4;

/** Characters of a dump that are gathered before they are passed on. */
const CHUNK_CHARACTERS = 1 << 17;

interface Swarm {
  readonly infoHash: string;
  readonly ipVersion: "4" | "6" | undefined;
  readonly seeders: number;
  readonly leechers: number;
}

/** The pages of one tracker. */
export class SwarmPages {
  #walks = 0;

  constructor(private readonly subject: Subject) {}

  /** The `top` largest swarms, the largest first. */
  async list(query: URLSearchParams): Promise<Page> {
    const top = Number(query.get("top") ?? DEFAULT_TOP);
    if (!(Number.isInteger(top) && top >= 1 && top <= MAX_TOP)) {
      return badRequest(`top must be a number from 1 to ${MAX_TOP}`);
    }
    if (this.#walks >= MAX_WALKS) return BUSY;
    this.#walks++;
    try {
      return jsonPage((await this.#findLargest(top)).map(describe));
    } finally {
      this.#walks--;
    }
  }

  /** One swarm, by its info hash in hexadecimal, in each table that has it. */
  show(text: string): Page | undefined {
    if (!/^[0-9a-f]{40}$/i.test(text)) return badRequest("an info hash has 40 hexadecimal digits");
    const hash = new Int32Array(Uint8Array.fromHex(text).buffer);
    const swarms = this.subject.tables.flatMap(({ ipVersion, table }): Swarm[] => {
      table.scrape(hash, 0);
      const { leechers, seeders } = table.result;
      if (leechers + seeders === 0) return [];
      return [{ infoHash: text.toLowerCase(), ipVersion, leechers, seeders }];
    });
    return swarms.length === 0 ? undefined : jsonPage(swarms.map(describe));
  }

  /**
   * All swarms, a line for each: info hash, seeders, leechers, and the IP version if it matters.
   */
  dump(query: URLSearchParams): Page {
    if (this.#walks >= MAX_WALKS) return BUSY;
    const isCompressed = query.has("zstd");
    return {
      body: toStream(this.#readAll(), isCompressed),
      type: isCompressed ? "application/zstd" : TEXT_TYPE,
    };
  }

  async #findLargest(top: number): Promise<Swarm[]> {
    let largest: Swarm[] = [];
    let least = 0;
    const keepLargest = (): void => {
      largest = largest.toSorted((a, b) => sizeOf(b) - sizeOf(a)).slice(0, top);
      if (largest.length === top) least = sizeOf(largest[top - 1]);
    };
    for (const { ipVersion, table } of this.subject.tables) {
      const walk = new TableWalk(table, {
        visitTorrent: (record) => {
          const { words } = table;
          if (words[record + TORRENT.leechers] + words[record + TORRENT.seeders] <= least) return;
          largest.push(readSwarm(table, record, ipVersion));
          // Sorting once in a while is as good as a heap.
          if (largest.length >= 2 * top + 100) keepLargest();
        },
      });
      await runInSteps(() => walk.step());
    }
    keepLargest();
    return largest;
  }

  // Each call gives some lines. A slow reader slows down the walk, which holds no lock in between.
  async *#readAll(): AsyncGenerator<string> {
    this.#walks++;
    try {
      for (const { ipVersion, table } of this.subject.tables) {
        let lines = "";
        const walk = new TableWalk(table, {
          visitTorrent(record) {
            const { infoHash, leechers, seeders } = readSwarm(table, record, ipVersion);
            const version = ipVersion === undefined ? "" : ` ${ipVersion}`;
            lines += `${infoHash} ${seeders} ${leechers}${version}\n`;
          },
        });
        for (let isOver = false; !isOver;) {
          await runInSteps(() => {
            isOver = walk.step();
            return isOver || lines.length >= CHUNK_CHARACTERS;
          });
          if (lines !== "") yield lines;
          lines = "";
        }
      }
    } finally {
      this.#walks--;
    }
  }
}

const BUSY: Page = {
  status: 503,
  body: "too many walks over the tables are under way\n",
  type: TEXT_TYPE,
  headers: { "retry-after": "10" },
};

function badRequest(reason: string): Page {
  return { status: 400, body: `${reason}\n`, type: TEXT_TYPE };
}

function jsonPage(value: unknown): Page {
  return { body: `${JSON.stringify(value)}\n`, type: JSON_TYPE };
}

function describe({ infoHash, ipVersion, leechers, seeders }: Swarm): object {
  const version = ipVersion === undefined ? {} : { ip_version: ipVersion };
  return { info_hash: infoHash, ...version, seeders, leechers };
}

function sizeOf({ leechers, seeders }: Swarm): number {
  return leechers + seeders;
}

// The caller holds the lock of the torrent's shard.
function readSwarm({ words }: Table, record: number, ipVersion: Swarm["ipVersion"]): Swarm {
  const start = (record + TORRENT.infoHash) * 4;
  const bytes = new Uint8Array(words.buffer, start, INFO_HASH_WORDS * 4);
  return {
    infoHash: bytes.toHex(),
    ipVersion,
    leechers: words[record + TORRENT.leechers],
    seeders: words[record + TORRENT.seeders],
  };
}

// Compressed, each chunk is a frame of its own, and a file may consist of many.
function toStream(
  texts: AsyncGenerator<string>,
  isCompressed: boolean,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done === true) return controller.close();
      const bytes = Buffer.from(value);
      controller.enqueue(isCompressed ? await Bun.zstdCompress(bytes) : bytes);
    },
    async cancel() {
      await texts.return(undefined);
    },
  });
}
