// A tracker for one load tester: right, slow and plain, until told to answer an announce wrongly.
// It counts what it has done, for the load tester's figures to be compared with.

import { createSocket, type RemoteInfo } from "node:dgram";
import { ACTION } from "../support/bep15.ts";

/** The bytes of an announce response, and who asked for it. */
export interface Answer {
  head: Buffer;
  /** Six bytes each. */
  peers: Buffer[];
  /** Peers of the torrent but those in `peers` and the requester. */
  readonly others: Buffer[];
  readonly self: Buffer;
  /** Sends after a while. */
  sendLater(bytes: Buffer): void;
}

/** Changes an answer; what it returns is sent in place of it, as many datagrams as that is. */
export type Fault = (answer: Answer) => Buffer[];

export interface FaultyTracker extends AsyncDisposable {
  readonly port: number;
  /** How often each fault was made. */
  readonly made: Map<string, number>;
  /** Requests with a connection id that was not given to their address. */
  readonly unconnected: number;
}

const LATE_MS = 250;

interface Peer {
  bytes: Buffer;
  isSeeder: boolean;
}

/** The bytes of an answer. */
export function join({ head, peers }: Answer): Buffer {
  return Buffer.concat([head, ...peers]);
}

/**
 * Answers on 127.0.0.1. Of the announces that ask for more than one peer, as those of the load
 * tester's setup do not, each has the next of `faults`, round and round.
 */
export async function startFaultyTracker(faults: Record<string, Fault>): Promise<FaultyTracker> {
  const socket = createSocket("udp4");
  const swarms = new Map<string, Map<string, Peer>>();
  /** Address and connection id, of all that were given. */
  const connections = new Set<string>();
  const made = new Map<string, number>();
  const names = Object.keys(faults);
  let turn = 0;
  let unconnected = 0;
  let isClosed = false;

  function reply(bytes: Buffer, to: RemoteInfo): void {
    if (!isClosed) socket.send(bytes, to.port, to.address);
  }

  function answerAnnounce(request: Buffer, from: RemoteInfo): Buffer[] {
    const hash = request.toString("hex", 16, 36);
    const swarm = swarms.get(hash) ?? new Map<string, Peer>();
    swarms.set(hash, swarm);
    const self = Buffer.from([...from.address.split(".").map(Number), request[96], request[97]]);
    swarm.set(self.toString("hex"), { bytes: self, isSeeder: request.readBigUInt64BE(64) === 0n });
    const everybody = [...swarm.values()];
    const seeders = everybody.filter((peer) => peer.isSeeder).length;
    const wanted = request.readInt32BE(92);
    const others = everybody.map((peer) => peer.bytes).filter((bytes) => !bytes.equals(self));
    const head = Buffer.alloc(20);
    head.writeUInt32BE(ACTION.announce, 0);
    request.copy(head, 4, 12, 16);
    head.writeUInt32BE(900, 8);
    head.writeUInt32BE(everybody.length - seeders, 12);
    head.writeUInt32BE(seeders, 16);
    const sendLater = (bytes: Buffer) => setTimeout(() => reply(bytes, from), LATE_MS);
    const answer = { head, peers: others.splice(0, wanted), others, self, sendLater };
    if (wanted === 1) return [join(answer)];
    const name = names[turn++ % names.length];
    made.set(name, (made.get(name) ?? 0) + 1);
    return faults[name](answer);
  }

  function answerScrape(request: Buffer): Buffer {
    const hashes = (request.length - 16) / 20;
    const response = Buffer.alloc(8 + hashes * 12);
    response.writeUInt32BE(ACTION.scrape, 0);
    request.copy(response, 4, 12, 16);
    for (let i = 0; i < hashes; i++) {
      const hash = request.toString("hex", 16 + i * 20, 36 + i * 20);
      const swarm = [...(swarms.get(hash)?.values() ?? [])];
      const seeders = swarm.filter((peer) => peer.isSeeder).length;
      response.writeUInt32BE(seeders, 8 + i * 12);
      response.writeUInt32BE(swarm.length - seeders, 16 + i * 12);
    }
    return response;
  }

  function answerConnect(request: Buffer, from: RemoteInfo): Buffer {
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(8)));
    connections.add(`${from.address} ${id.toString("hex")}`);
    return Buffer.concat([Buffer.alloc(4), request.subarray(12, 16), id]);
  }

  socket.on("message", (request, from) => {
    const action = request.readUInt32BE(8);
    if (action === ACTION.connect) return reply(answerConnect(request, from), from);
    if (!connections.has(`${from.address} ${request.toString("hex", 0, 8)}`)) unconnected++;
    if (action === ACTION.scrape) return reply(answerScrape(request), from);
    for (const bytes of answerAnnounce(request, from)) reply(bytes, from);
  });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    made,
    get unconnected() {
      return unconnected;
    },
    [Symbol.asyncDispose]: () => {
      isClosed = true;
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}
