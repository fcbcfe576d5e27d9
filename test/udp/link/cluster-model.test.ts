// Three nodes of a cluster without sockets and servers: announces at random nodes, whose changes
// travel late, twice, in another order or not at all. In the end, all nodes have the same swarms.

import { expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import type { Message } from "../../../src/cluster/message.ts";
import { Sequence } from "../../../src/cluster/sequence.ts";
import { tickAge, tickOf } from "../../../src/memory/clock.ts";
import { Random } from "../../../src/memory/random.ts";
import { AccessList, allocateAccessList } from "../../../src/swarm/access-list.ts";
import { CleaningPass } from "../../../src/swarm/clean.ts";
import { ANNOUNCE, FLAG_SEEDER, FLAG_STOPPED } from "../../../src/swarm/layout.ts";
import { readSnapshotPart, SNAPSHOT_SEEDER, SnapshotEncoder } from "../../../src/swarm/snapshot.ts";
import { createTable, Table } from "../../../src/swarm/table.ts";
import { ChangeEncoder } from "../../../src/udp/link/change-codec.ts";
import {
  allocateChanges,
  CHANGE,
  ChangeWriter,
  openChangeReader,
} from "../../../src/udp/changes.ts";
import { Merger } from "../../../src/udp/link/merger.ts";

const MAX_PEER_AGE = 1200;
const TORRENTS = 3;
const PEERS = 40;
const STOPPED = -1;

/** 0 for a leecher, 1 for a seeder, or STOPPED. */
type Status = -1 | 0 | 1;

class Node {
  readonly #table: Table;
  readonly #writer: ChangeWriter;
  readonly #ring;
  readonly #encoder = new ChangeEncoder(2000);
  readonly #merger: Merger;
  readonly #sequences: readonly Sequence[];
  #sent = 0;
  /** The present, for the messages that a sequence takes. */
  #time = 0;
  /** When each message was sent. */
  readonly #request = new Int32Array(ANNOUNCE.words);

  constructor(
    readonly index: number,
    /** The true time of its second 0. */
    readonly start: number,
    random: Random,
  ) {
    const limits = { maxTorrents: 100, maxPeers: 1000 };
    const open = (bytes: 4 | 16) => {
      return new Table(createTable(bytes, limits, new Int32Array([index, bytes])), random);
    };
    this.#table = open(4);
    const counters = new Counters(allocateCounters(1), 0);
    const changes = allocateChanges(1);
    this.#writer = new ChangeWriter(changes, 0, counters, MAX_PEER_AGE);
    this.#ring = openChangeReader(changes, 0);
    this.#merger = new Merger({
      tables: { 4: this.#table, 16: open(16) },
      access: new AccessList(allocateAccessList(0)),
      counters,
      maxPeerAge: MAX_PEER_AGE,
    });
    this.#sequences = [0, 1, 2].map((from) => {
      const take = ({ payload, sent }: Message): void => {
        const now = this.#time - this.start;
        expect(this.#merger.mergeChanges(payload, this.#time - sent, now, from)).toBe(true);
      };
      return new Sequence({ duplicates: 0, lost: 0 }, { take, miss: () => {} });
    });
  }

  announce(torrent: number, peer: number, status: Status, time: number): void {
    const request = this.#request;
    const now = Math.floor(time - this.start);
    request[ANNOUNCE.flags] = status === STOPPED ? FLAG_STOPPED : status * FLAG_SEEDER;
    request.fill(torrent, ANNOUNCE.infoHash, ANNOUNCE.peer);
    request.set([0x0100000a, peer + 1], ANNOUNCE.peer);
    this.#table.hashAnnounce(request, 0);
    this.#table.announce(request, 0, tickOf(now), new Uint16Array(0), 0);
    this.#writer.add(request, 0, 2, this.#table.result, now);
  }

  /** What the link worker does now and then. Returns the message to all others, if there is one. */
  poll(time: number): Message | undefined {
    this.#writer.publish();
    const now = Math.floor(time - this.start);
    const { words } = this.#ring;
    for (let change = this.#ring.peek(); change >= 0; change = this.#ring.peek()) {
      expect(this.#encoder.add(words, change, tickOf(now))).toBe(true);
      const state = words[change + CHANGE.state];
      if ((state & FLAG_STOPPED) !== 0) {
        this.#merger.noteStop(this.#ring, change, tickAge(state >>> 16, tickOf(now)), now);
      }
      this.#ring.advance();
    }
    this.#ring.release();
    if (this.#encoder.isEmpty) return undefined;
    const payload = Buffer.from(this.#encoder.take());
    return { session: "", kind: 0, sequence: this.#sent++, sent: time, payload };
  }

  receive(from: number, message: Message, time: number): void {
    this.#time = time;
    this.#sequences[from].add(message, time * 1000);
  }

  expire(time: number): void {
    this.#time = time;
    for (const sequence of this.#sequences) sequence.expire(time * 1000);
  }

  clean(time: number): void {
    const pass = new CleaningPass(this.#table, MAX_PEER_AGE);
    while (!pass.step(tickOf(Math.floor(time - this.start))));
  }

  /** The peers with their status, in one order. */
  list(): string[] {
    const encoder = new SnapshotEncoder(this.#table, 0);
    const found: string[] = [];
    for (let isLast = false; !isLast;) {
      isLast = encoder.next();
      const part = encoder.words.slice(0, encoder.length);
      readSnapshotPart(part, 2, (head, peer) => {
        const isSeeder = ((part[peer + 1] >>> 16) & SNAPSHOT_SEEDER) !== 0;
        found.push(nameOf(part[head], (part[peer + 1] & 0xffff) - 1, isSeeder ? 1 : 0));
      });
    }
    return found.sort();
  }
}

function nameOf(torrent: number, peer: number, status: number): string {
  return `${torrent}/${peer} ${status === 1 ? "seeds" : "leeches"}`;
}

interface Chaos {
  /** Seconds that a message takes at most. */
  readonly delay: number;
  /** One in so many messages is lost, on the way to one node; 0 for none. */
  readonly loss: number;
  /** One in so many comes twice; 0 for none. */
  readonly twice: number;
}

class Model {
  readonly random: Random;
  readonly nodes: readonly Node[];
  time = 1000;
  /** By torrent and peer, what its last announce said, where and when. */
  readonly #peers = new Map<number, { status: Status; node: number; time: number }>();
  #wire: { from: number; to: number; message: Message; due: number }[] = [];

  constructor(seed: number) {
    this.random = new Random(seed, 1, 2);
    this.nodes = [0, 1, 2].map((index) => {
      return new Node(index, 900 + this.random.below(90_000) / 1000, this.random);
    });
  }

  /**
   * Some peer announces itself. At another node than last, or as a leecher after it was a seeder,
   * only after a while, as clients do.
   */
  announceSome(): void {
    const { random } = this;
    const key = random.below(TORRENTS * PEERS);
    const last = this.#peers.get(key);
    const isRested = last === undefined || this.time - last.time > 2;
    const node = isRested ? random.below(3) : last.node;
    let status: Status = random.below(4) === 0 ? STOPPED : random.below(2) === 0 ? 0 : 1;
    if (!isRested && last.status === 1 && status === 0) status = 1;
    this.announce(key, status, node);
  }

  announce(key: number, status: Status, node: number): void {
    const [torrent, peer] = [key % TORRENTS, Math.floor(key / TORRENTS)];
    this.nodes[node].announce(torrent, peer, status, this.time);
    this.#peers.set(key, { status, node, time: this.time });
  }

  /** Each peer that is there announces itself again, at any node. */
  announceAll(): void {
    for (const [key, { status }] of this.#peers) {
      if (status !== STOPPED) this.announce(key, status, this.random.below(3));
    }
  }

  pollOne(index: number, chaos: Chaos): void {
    const message = this.nodes[index].poll(this.time);
    if (message === undefined) return;
    const { random } = this;
    for (const to of [0, 1, 2].filter((other) => other !== index)) {
      if (chaos.loss > 0 && random.below(chaos.loss) === 0) continue;
      const copies = chaos.twice > 0 && random.below(chaos.twice) === 0 ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const due = this.time + (random.below(1000) / 1000) * chaos.delay;
        this.#wire.push({ from: index, to, message, due });
      }
    }
  }

  /** Delivers what is due, in any order. */
  deliver(): void {
    const due = this.#wire.filter((one) => one.due <= this.time);
    this.#wire = this.#wire.filter((one) => one.due > this.time);
    while (due.length > 0) {
      const [{ from, message, to }] = due.splice(this.random.below(due.length), 1);
      this.nodes[to].receive(from, message, this.time);
    }
    for (const node of this.nodes) node.expire(this.time);
  }

  step(chaos: Chaos): void {
    this.time += this.random.below(100) / 1000;
    if (this.random.below(3) > 0) this.announceSome();
    this.pollOne(this.random.below(3), chaos);
    this.deliver();
  }

  /** All changes are sent, and arrive. */
  settle(): void {
    for (const index of [0, 1, 2]) this.pollOne(index, { delay: 0, loss: 0, twice: 0 });
    for (let i = 0; i < 100; i++) {
      this.time += 0.1;
      this.deliver();
    }
  }

  expectSame(): void {
    const peers = [...this.#peers].filter(([, { status }]) => status !== STOPPED);
    const expected = peers.map(([key, { status }]) => {
      return nameOf(key % TORRENTS, Math.floor(key / TORRENTS), status);
    });
    expected.sort();
    expect(expected.length).toBeGreaterThan(0);
    for (const node of this.nodes) expect(node.list()).toEqual(expected);
  }
}

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

test.each(SEEDS)("all changes arrive, late, twice and in any order: seed %i", (seed) => {
  const model = new Model(seed);
  for (let i = 0; i < 1500; i++) model.step({ delay: 0.2, loss: 0, twice: 5 });
  model.settle();
  model.expectSame();
});

test.each(SEEDS)(
  "changes are lost or late, then peers announce themselves again: seed %i",
  (seed) => {
    const model = new Model(seed);
    for (let i = 0; i < 1500; i++) model.step({ delay: 5, loss: 5, twice: 5 });
    model.settle();
    // Peers whose stop was lost expire in these rounds.
    for (let round = 0; round < 3; round++) {
      model.time += 700;
      model.announceAll();
      model.settle();
    }
    for (const node of model.nodes) node.clean(model.time);
    model.expectSame();
  },
);
