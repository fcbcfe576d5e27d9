// What connections and peers take of the WebTorrent tracker's memory, all in: resident bytes that
// are added by a connection with one peer, and by each further peer, in swarms of two and in large
// ones.
//
// usage: bun bench/micro/ws-memory.ts [ENTRY], where ENTRY is a tracker's src/ws.ts

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";

const CONNECTIONS = 10_000;
/** Of those, the ones that are there before it is measured: the first of anything cost more. */
const FIRST = 2000;
/** Further peers of each connection, and how many it announces at once. */
const PEERS = 100;
const BATCH = 20;
const entry = process.argv[2] ?? new URL("../../src/ws.ts", import.meta.url).pathname;

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];

/** The torrent of a connection's peer. */
const swarms = {
  "in swarms of two": (connection: number, peer: number) => `${connection >> 1} ${peer}`,
  [`in swarms of ${CONNECTIONS}`]: (_connection: number, peer: number) => String(peer),
};

/** A connection that waits for as many responses as it has asked for. */
class Client {
  #missing = 0;
  #socket!: Socket;
  #resolve = (): void => undefined;

  static async connect(port: number): Promise<Client> {
    const client = new Client();
    const isUpgraded = client.#expect(1);
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: (_socket, data) => client.#receive(data), error: () => undefined },
    });
    client.#socket.write(`${HANDSHAKE.join("\r\n")}\r\n\r\n`);
    await isUpgraded;
    return client;
  }

  /** Announces, and resolves when all is answered. */
  announce(messages: readonly string[]): Promise<void> {
    const isAnswered = this.#expect(messages.length);
    this.#socket.write(Buffer.concat(messages.map(frame)));
    return isAnswered;
  }

  #expect(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#missing = count;
    this.#resolve = resolve;
    return promise;
  }

  // Each response has one of these, and so has the handshake's.
  #receive(data: Buffer): void {
    const text = data.toString("latin1");
    const responses = text.startsWith("HTTP") ? 1 : text.split('"interval"').length - 1;
    this.#missing -= responses;
    if (this.#missing === 0) this.#resolve();
  }
}

async function announce(
  clients: readonly Client[],
  torrentOf: (connection: number, peer: number) => string,
  firstClient: number,
  first: number,
  count: number,
): Promise<void> {
  for (const [i, client] of clients.entries()) {
    const connection = firstClient + i;
    const messages = Array.from({ length: count }, (_, n) => {
      const torrent = torrentOf(connection, first + n);
      const peerId = `${connection} ${first + n}`.padEnd(20, "p");
      const infoHash = torrent.padEnd(20, "t");
      return `{"action":"announce","info_hash":"${infoHash}","peer_id":"${peerId}","left":1}`;
    });
    await client.announce(messages);
  }
}

function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = [0x81, 0x80 | payload.length, 0, 0, 0, 0];
  if (payload.length > 125) throw new Error("too long for a short frame");
  return Buffer.concat([Buffer.from(head), payload]);
}

async function startTracker() {
  const config = join(tmpdir(), `ws-memory-${process.pid}.toml`);
  const cleaning = "[cleaning]\nmax_peer_age = 3600";
  writeFileSync(
    config,
    `[network]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 0\n${cleaning}\n`,
  );
  const tracker = Bun.spawn([process.execPath, entry, "-c", config], { stderr: "pipe" });
  let text = "";
  for await (const chunk of tracker.stderr) {
    text += Buffer.from(chunk).toString();
    const port = /listening on .*:(\d+)/.exec(text)?.[1];
    if (port === undefined) continue;
    rmSync(config);
    return { port: Number(port), tracker };
  }
  throw new Error(text);
}

/** Resident bytes, once they have not changed for a while. */
async function readStableMemory(pid: number): Promise<number> {
  for (let last = -1, times = 0; ;) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const memory = Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024;
    times = memory === last ? times + 1 : 0;
    last = memory;
    if (times === 5) return memory;
    await Bun.sleep(300);
  }
}

for (const [name, torrentOf] of Object.entries(swarms)) {
  const { port, tracker } = await startTracker();
  const clients: Client[] = [];
  const grow = async (count: number): Promise<number> => {
    const first = clients.length;
    while (clients.length < count) clients.push(await Client.connect(port));
    await announce(clients.slice(first), torrentOf, first, 0, 1);
    return readStableMemory(tracker.pid);
  };
  const few = await grow(FIRST);
  const many = await grow(CONNECTIONS);
  for (let peer = 1; peer <= PEERS; peer += BATCH) {
    await announce(clients, torrentOf, 0, peer, BATCH);
  }
  const full = await readStableMemory(tracker.pid);
  const perConnection = (many - few) / (CONNECTIONS - FIRST);
  const perPeer = (full - many) / (CONNECTIONS * PEERS);
  console.log(
    `${name}: ${perConnection.toFixed(0)} bytes for a connection with one peer, ` +
      `${perPeer.toFixed(1)} for each further peer`,
  );
  tracker.kill();
  await tracker.exited;
}
process.exit(0);
