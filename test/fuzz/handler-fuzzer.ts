// Sends the handler random datagrams from a few clients while the clock runs and the tables are
// cleaned, and compares every response with the model's. The same seed produces the same run.

import { SKETCH_WORDS } from "../../src/memory/counting-sketch.ts";
import { Random } from "../../src/memory/random.ts";
import { CleaningPass } from "../../src/swarm/clean.ts";
import { planTable } from "../../src/swarm/layout.ts";
import { countUsed } from "../swarm/arena-audit.ts";
import { buildAnnounce, EVENT, parseResponse } from "../support/bep15.ts";
import { HandlerHarness, source, textOf } from "../udp/harness.ts";
import { Datagrams } from "./datagrams.ts";
import { type Client, type Expected, TrackerModel } from "./tracker-model.ts";

const SETTINGS = {
  maxScrapeTorrents: 12,
  maxResponsePeers: 40,
  maxConnectionAge: 100,
  announceInterval: 900,
  limits: { maxTorrents: 30, maxPeers: 500, maxPeersPerAddress: 110 },
};
const INVALID = "Connection invalid or expired";
const MAX_PEER_AGE = 300;
/** The numbers of 40 hosts in five networks. */
const HOSTS = Array.from({ length: 40 }, (_, i) => (i % 5) * 256 + i + 1);
const FAMILIES = [4, 16] as const;

/** The number of times that each response was given; errors by message. */
export type Tally = Record<string, number>;

/** Fuzzes with `rounds` datagrams. Throws an Error that names the round if a response is wrong. */
export function fuzzHandler(seed: number, rounds: number): Tally {
  const random = new Random(seed, 0, 0);
  const harness = new HandlerHarness({ ...SETTINGS, seed, key: [seed, random.next()] });
  const model = new TrackerModel(SETTINGS);
  const datagrams = new Datagrams(random);
  // Ids that some client has received.
  const ids = Array.from({ length: 20 }, () => 0n);
  const tally: Tally = {};

  for (let round = 0; round < rounds; round++) {
    const addressBytes = FAMILIES[random.below(2)];
    const host = HOSTS[random.below(HOSTS.length)];
    const from = source(addressBytes, host, random.below(50));
    const client = { address: textOf(from), addressBytes, port: from.port };
    // Most senders have an id of their own.
    const isRightful = random.below(12) > 0;
    const id = isRightful ? connect(harness, model, client, from) : ids[random.below(ids.length)];
    const datagram = datagrams.next(id);
    const answer = harness.send(datagram, from);
    const expected = model.receive(datagram, client, harness.now);
    const wrong = findFault(expected, answer, client);
    if (wrong !== undefined) {
      throw new Error(
        `seed ${seed}, round ${round}: ${datagram.toString("hex")} from ${client.address} port ` +
          `${client.port} is answered ${answer.toString("hex")}: ${wrong}`,
      );
    }
    const outcome = nameOutcome(expected);
    tally[outcome] = (tally[outcome] ?? 0) + 1;
    if (expected.kind === "connect") {
      const given = answer.readBigUInt64BE(8);
      model.noteConnectionId(given, client, harness.now);
      ids[random.below(ids.length)] = given;
    }
    if (random.below(100) === 0) passTime(harness, model, random);
    if (round % 200 === 0) compareTotals(harness, model);
  }
  compareTotals(harness, model);
  emptyTables(harness, model);
  return tally;
}

function connect(
  harness: HandlerHarness,
  model: TrackerModel,
  client: Client,
  from: ReturnType<typeof source>,
): bigint {
  if (client.port === 0) return 1n;
  const id = harness.connect(from);
  model.noteConnectionId(id, client, harness.now);
  return id;
}

function nameOutcome(expected: Expected): string {
  if (expected.kind !== "error") return expected.kind;
  // Only this message is cut for short requests.
  return INVALID.startsWith(expected.message) ? INVALID : expected.message;
}

// Says what is wrong with a response. Returns undefined if it is right.
function findFault(expected: Expected, answer: Buffer, client: Client): string | undefined {
  if (expected.kind === "nothing") return answer.length === 0 ? undefined : "not silence";
  if (answer.length === 0) return "silence";
  const response = parseResponse(answer, client.addressBytes);
  if (response.transactionId !== expected.transactionId) return "another transaction";
  if (response.kind === "error" && expected.kind === "error") {
    return response.message === expected.message ? undefined : `not "${expected.message}"`;
  }
  if (response.kind === "connect" && expected.kind === "connect") return undefined;
  if (response.kind === "scrape" && expected.kind === "scrape") {
    const swarms = expected.swarms.map(([seeders, leechers]) => [seeders, 0, leechers]);
    const given = response.swarms.map((swarm) => [swarm.seeders, swarm.downloads, swarm.leechers]);
    return given.join() === swarms.join() ? undefined : `not ${swarms.join()}`;
  }
  if (response.kind !== "announce" || expected.kind !== "announce") return `not ${expected.kind}`;
  const { interval, leechers, seeders } = response;
  const counts = [SETTINGS.announceInterval, expected.leechers, expected.seeders];
  if ([interval, leechers, seeders].join() !== counts.join()) return `not ${counts.join()}`;
  const peers = response.peers.map(({ address, port }) => `${address} ${port}`);
  if (peers.length !== expected.given) return `${peers.length} peers, not ${expected.given}`;
  if (new Set(peers).size < peers.length) return "a peer twice";
  return peers.every((peer) => expected.others.has(peer)) ? undefined : "a peer from elsewhere";
}

function passTime(harness: HandlerHarness, model: TrackerModel, random: Random): void {
  harness.now += random.below(random.below(60) === 0 ? 3000 : 12);
  if (random.below(3) > 0) return;
  model.clean(harness.now, MAX_PEER_AGE);
  for (const family of FAMILIES) {
    const pass = new CleaningPass(harness.tables[family], MAX_PEER_AGE);
    while (!pass.step(harness.now & 0xffff));
  }
}

function compareTotals(harness: HandlerHarness, model: TrackerModel): void {
  for (const family of FAMILIES) {
    const { peerCount, torrentCount } = harness.tables[family];
    const expected = [model.countPeers(family), model.swarms[family].size];
    if ([peerCount, torrentCount].join() !== expected.join()) {
      throw new Error(`${peerCount} peers and ${torrentCount} torrents, not ${expected.join()}`);
    }
  }
}

// Stops every peer, after which no memory may be in use.
function emptyTables(harness: HandlerHarness, model: TrackerModel): void {
  for (const family of FAMILIES) {
    for (const [infoHash, swarm] of model.swarms[family]) {
      for (const peer of swarm.keys()) stop(harness, family, infoHash, peer);
    }
    const { peerCount, torrentCount, words } = harness.tables[family];
    const plan = planTable(family, SETTINGS.limits);
    const used = countUsed(words, plan);
    const counts = words.subarray(plan.addressCounts, plan.addressCounts + SKETCH_WORDS);
    if (counts.some((count) => count !== 0)) throw new Error("an address still has peers");
    if (peerCount + torrentCount + used > 0) {
      throw new Error(`${peerCount} peers, ${torrentCount} torrents, ${used} words are left over`);
    }
  }
}

function stop(harness: HandlerHarness, family: 4 | 16, infoHash: string, peer: string): void {
  const [address, port] = peer.split(" ");
  const hosts = HOSTS.map((host) => source(family, host));
  const from = hosts.find((host) => textOf(host) === address)!;
  const request = {
    connectionId: harness.connect(from),
    infoHash: Buffer.from(infoHash, "hex"),
    event: EVENT.stopped,
    port: Number(port),
  };
  harness.send(buildAnnounce(request), from);
}
