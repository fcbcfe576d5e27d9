// The expected response to any datagram, from BEP 15, in the plainest possible code: the fuzzer's
// oracle.

/** The sender: its address as text, and the family by the length of an address in bytes. */
export interface Client {
  readonly address: string;
  readonly addressBytes: 4 | 16;
  readonly port: number;
}

export interface ModelSettings {
  readonly maxScrapeTorrents: number;
  readonly maxResponsePeers: number;
  readonly maxConnectionAge: number;
  readonly limits: {
    readonly maxTorrents: number;
    readonly maxPeers: number;
    readonly maxPeersPerAddress: number;
  };
}

/** The expected response; for an announce, everything but the choice of peers. */
export type Expected =
  | { kind: "nothing" }
  | { kind: "connect"; transactionId: number }
  | { kind: "error"; transactionId: number; message: string }
  | {
      kind: "announce";
      transactionId: number;
      leechers: number;
      seeders: number;
      /** The number of peers, and the candidates, each as "address port". */
      given: number;
      others: Set<string>;
    }
  | { kind: "scrape"; transactionId: number; swarms: [seeders: number, leechers: number][] };

interface Peer {
  isSeeder: boolean;
  seen: number;
}

type Swarm = Map<string, Peer>;

const PROTOCOL_ID = 0x41727101980n;

/** One tracker. */
export class TrackerModel {
  readonly swarms: Record<4 | 16, Map<string, Swarm>> = { 4: new Map(), 16: new Map() };
  /** The seconds at which an IPv4 address or IPv6 network received an id, by "address id". */
  readonly #issued = new Map<string, number>();

  constructor(private readonly settings: ModelSettings) {}

  /** Notes that the client received an id. */
  noteConnectionId(id: bigint, client: Client, now: number): void {
    this.#issued.set(`${networkOf(client)} ${id}`, now);
  }

  /** Number of peers of one family. */
  countPeers(addressBytes: 4 | 16): number {
    let count = 0;
    for (const swarm of this.swarms[addressBytes].values()) count += swarm.size;
    return count;
  }

  /** Removes peers last seen more than `maxAge` seconds ago. */
  clean(now: number, maxAge: number): void {
    for (const torrents of [this.swarms[4], this.swarms[16]]) {
      for (const [infoHash, swarm] of torrents) {
        for (const [peer, { seen }] of swarm) if (now - seen > maxAge) swarm.delete(peer);
        if (swarm.size === 0) torrents.delete(infoHash);
      }
    }
  }

  /** Carries out a datagram and returns the expected response. */
  receive(datagram: Buffer, client: Client, now: number): Expected {
    if (datagram.length < 16 || client.port === 0) return { kind: "nothing" };
    const id = datagram.readBigUInt64BE(0);
    const action = datagram.readUInt32BE(8);
    const transactionId = datagram.readUInt32BE(12);
    if (action === 0) {
      return id === PROTOCOL_ID ? { kind: "connect", transactionId } : { kind: "nothing" };
    }
    const fail = (message: string): Expected => ({ kind: "error", transactionId, message });
    if (!this.#isValid(id, client, now)) {
      if (action !== 1 && action !== 2) return { kind: "nothing" };
      return fail("Connection invalid or expired".slice(0, datagram.length - 8));
    }
    if (action === 2) return this.#scrape(datagram, client, transactionId);
    if (action !== 1) return fail("Unknown action");
    if (datagram.length < 98) return fail("Announce shorter than 98 bytes");
    if (datagram.readUInt16BE(96) === 0) return fail("Announce with port 0");
    const answer = this.#announce(datagram, client, now);
    return typeof answer === "string" ? fail(answer) : answer;
  }

  #isValid(id: bigint, client: Client, now: number): boolean {
    const issued = this.#issued.get(`${networkOf(client)} ${id}`);
    const age = issued === undefined ? -1 : now - issued;
    return age >= 0 && age <= this.settings.maxConnectionAge;
  }

  // Returns the error message if the announce is refused.
  #announce(datagram: Buffer, client: Client, now: number): Expected | string {
    const { limits, maxResponsePeers } = this.settings;
    const torrents = this.swarms[client.addressBytes];
    const infoHash = datagram.toString("hex", 16, 36);
    const left = datagram.readBigUInt64BE(64);
    const hasCompleted = datagram.readUInt32BE(80) === 1;
    const isSeeder = left === 0n || (hasCompleted && left === 2n ** 64n - 1n);
    const numwant = datagram.readInt32BE(92);
    const wanted = numwant < 0 || numwant > maxResponsePeers ? maxResponsePeers : numwant;
    const key = `${client.address} ${datagram.readUInt16BE(96)}`;
    const swarm: Swarm = torrents.get(infoHash) ?? new Map();
    const others = new Set<string>();

    if (datagram.readUInt32BE(80) === 3) {
      swarm.delete(key);
      if (swarm.size === 0) torrents.delete(infoHash);
    } else {
      const isNew = !swarm.has(key);
      if (swarm.size === 0 && torrents.size >= limits.maxTorrents) return "Tracker is full";
      if (isNew && this.#countOf(client) >= limits.maxPeersPerAddress) {
        return "Too many peers of your address";
      }
      if (isNew && this.countPeers(client.addressBytes) >= limits.maxPeers) {
        return "Tracker is full";
      }
      swarm.set(key, { isSeeder, seen: now });
      torrents.set(infoHash, swarm);
      for (const [other, peer] of swarm) {
        if (other !== key && !(isSeeder && peer.isSeeder)) others.add(other);
      }
    }
    return {
      kind: "announce",
      transactionId: datagram.readUInt32BE(12),
      ...count(swarm),
      given: Math.min(wanted, others.size),
      others,
    };
  }

  // Number of peers of the client's network.
  #countOf(client: Client): number {
    const swarms = [...this.swarms[client.addressBytes].values()];
    const names = swarms.flatMap((swarm) => [...swarm.keys()].map((key) => key.split(" ")[0]));
    return names.filter((address) => networkOf({ ...client, address }) === networkOf(client))
      .length;
  }

  #scrape(datagram: Buffer, client: Client, transactionId: number): Expected {
    const swarms: [number, number][] = [];
    for (let offset = 16; offset + 20 <= datagram.length; offset += 20) {
      if (swarms.length === this.settings.maxScrapeTorrents) break;
      const infoHash = datagram.toString("hex", offset, offset + 20);
      const { leechers, seeders } = count(this.swarms[client.addressBytes].get(infoHash));
      swarms.push([seeders, leechers]);
    }
    if (swarms.length > 0) return { kind: "scrape", transactionId, swarms };
    return { kind: "error", transactionId, message: "Scrape without an info hash" };
  }
}

/** An IPv6 address of the documentation prefix without its last 64 bits; an IPv4 address whole. */
function networkOf({ address }: Client): string {
  return address.split("::")[0];
}

function count(swarm: Swarm = new Map()): { leechers: number; seeders: number } {
  const seeders = [...swarm.values()].filter((peer) => peer.isSeeder).length;
  return { leechers: swarm.size - seeders, seeders };
}
