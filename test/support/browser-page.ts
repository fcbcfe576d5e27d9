// What runs in a page of the browser: webtorrent, as its users load it, the client of
// bittorrent-tracker by itself, and the functions by which a test drives them.

import TrackerClient from "bittorrent-tracker/client";

// The bundle that webtorrent ships for browsers.
import WebTorrent from "../../node_modules/webtorrent/dist/webtorrent.min.js";

/** What a leecher has when it is done. */
export interface Fetched {
  readonly sha256: string;
  /** Of each connection that brought something, such as "webrtc". */
  readonly wireTypes: readonly string[];
}

export interface PageApi {
  /** Makes a client, whose number is returned; several of a page share their connections. */
  createClient(): number;
  /** Seeds a file of so many random bytes and returns where it is found. */
  seed(client: number, bytes: number, url: string): Promise<{ magnet: string; sha256: string }>;
  /** Fetches a torrent into memory. */
  fetch(client: number, magnet: string, url: string): Promise<Fetched>;
  /** What the client's tracker answered: warnings and errors, in words. */
  complaints(client: number): string[];
  /** Counts of the swarm as the tracker gives them to a scrape. */
  scrape(client: number): Promise<{ complete: number; incomplete: number }>;
  destroy(client: number): Promise<void>;
  /** Announces with the client of bittorrent-tracker alone; ids are 40 hexadecimal digits. */
  startTracking(infoHash: string, peerId: string, url: string): Promise<Counts>;
  /** The ids of the peers that were connected to, in hexadecimal, once there are so many. */
  connectedPeers(count: number): Promise<string[]>;
  /** What a scrape and an announce of the client say, in this order. */
  askTracker(): Promise<Counts[]>;
  stopTracking(): Promise<string[]>;
}

interface Torrent {
  magnetURI: string;
  wires: { type: string; downloaded: number }[];
  files: { blob(): Promise<Blob> }[];
  discovery: {
    tracker: { scrape(): void; once(event: string, listener: (data: Counts) => void): void };
  };
  on(event: string, listener: (data: unknown) => void): void;
}

interface Counts {
  complete: number;
  incomplete: number;
}

interface Client {
  torrents: Torrent[];
  add(magnet: string, options: object): Torrent;
  seed(input: Blob, options: object, done: (torrent: Torrent) => void): Torrent;
  destroy(done: () => void): void;
}

const clients: Client[] = [];
const complaints: string[][] = [];

const api: Omit<PageApi, keyof ReturnType<typeof trackerApi>> = {
  createClient() {
    const Constructor = WebTorrent as unknown as new () => Client;
    complaints.push([]);
    return clients.push(new Constructor()) - 1;
  },

  async seed(client, bytes, url) {
    const content = new Uint8Array(bytes);
    for (let i = 0; i < bytes; i += 65_536) {
      crypto.getRandomValues(content.subarray(i, i + 65_536));
    }
    const file = new File([content], "payload.bin");
    const { promise, resolve } = Promise.withResolvers<Torrent>();
    const torrent = clients[client].seed(file, { announce: [url], store: MemoryStore }, resolve);
    listen(client, torrent);
    const { magnetURI } = await promise;
    return { magnet: magnetURI, sha256: await sha256(content) };
  },

  async fetch(client, magnet, url) {
    const torrent = clients[client].add(magnet, { announce: [url], store: MemoryStore });
    listen(client, torrent);
    const wireTypes = new Set<string>();
    torrent.on("wire", (wire) => wireTypes.add((wire as { type: string }).type));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    torrent.on("done", resolve);
    torrent.on("error", reject);
    await promise;
    const content = new Uint8Array(await (await torrent.files[0].blob()).arrayBuffer());
    return { sha256: await sha256(content), wireTypes: [...wireTypes] };
  },

  complaints: (client) => complaints[client],

  async scrape(client) {
    const { tracker } = clients[client].torrents[0].discovery;
    const { promise, resolve } = Promise.withResolvers<Counts>();
    tracker.once("scrape", resolve);
    tracker.scrape();
    const { complete, incomplete } = await promise;
    return { complete, incomplete };
  },

  destroy: (client) => new Promise((resolve) => clients[client].destroy(resolve)),
};

Object.assign(globalThis, { api: { ...api, ...trackerApi() } });

function listen(client: number, torrent: Torrent): void {
  for (const event of ["warning", "error"]) {
    torrent.on(event, (error) => complaints[client].push(`${event}: ${String(error)}`));
  }
}

function trackerApi() {
  let client: TrackerClient;
  const connected: string[] = [];
  const troubles: string[] = [];
  const once = (event: string): Promise<Counts> =>
    new Promise((resolve) => {
      client.once(event, (data: Counts) => {
        resolve({ complete: data.complete, incomplete: data.incomplete });
      });
    });
  return {
    startTracking(infoHash: string, peerId: string, url: string) {
      client = new TrackerClient({ infoHash, peerId, announce: [url] });
      client.on("warning", (error: unknown) => troubles.push(`warning: ${String(error)}`));
      client.on("error", (error: unknown) => troubles.push(`error: ${String(error)}`));
      client.on("peer", (peer: { id: string; once(event: string, act: () => void): void }) => {
        peer.once("connect", () => connected.push(peer.id));
      });
      const update = once("update");
      client.start({ left: 1 });
      return update;
    },
    async connectedPeers(count: number) {
      while (connected.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
      return connected;
    },
    async askTracker() {
      const scrape = once("scrape");
      client.scrape();
      const update = once("update");
      client.complete();
      return [await scrape, await update];
    },
    async stopTracking() {
      const update = once("update");
      client.stop();
      await update;
      client.destroy();
      return troubles;
    },
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Done<T = undefined> = (error: Error | null, value?: T) => void;

/**
 * Pieces in this client's memory. The default store is one for the whole browser: a leecher would
 * find the seeder's pieces there, without any connection between them.
 */
class MemoryStore {
  readonly #pieces = new Map<number, Uint8Array>();

  constructor(readonly chunkLength: number) {}

  put(index: number, piece: Uint8Array, done: Done = () => {}): void {
    this.#pieces.set(index, piece);
    queueMicrotask(() => done(null));
  }

  get(
    index: number,
    options: { offset?: number; length?: number } | Done<Uint8Array> | null,
    done: Done<Uint8Array> = () => {},
  ): void {
    if (typeof options === "function") return this.get(index, null, options);
    const piece = this.#pieces.get(index);
    const { offset = 0, length } = options ?? {};
    queueMicrotask(() => {
      if (piece === undefined) return done(new Error("no such piece"));
      done(null, piece.subarray(offset, length === undefined ? undefined : offset + length));
    });
  }

  close(done: Done = () => {}): void {
    this.#pieces.clear();
    queueMicrotask(() => done(null));
  }

  destroy(done: Done = () => {}): void {
    this.close(done);
  }
}
