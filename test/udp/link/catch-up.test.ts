// Nodes that ask each other for what they have missed, over channels of this test.

import { describe, expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../../src/app/counters.ts";
import type { Node } from "../../../src/cluster/members.ts";
import { BATCH_BYTES } from "../../../src/cluster/message.ts";
import { AccessList, allocateAccessList } from "../../../src/swarm/access-list.ts";
import { CatchUp, type Channels, KIND } from "../../../src/udp/link/catch-up.ts";
import { Merger } from "../../../src/udp/link/merger.ts";
import { TableHarness } from "../../swarm/harness.ts";

const TURN_MILLISECONDS = 50;

class TestNode implements Node, Channels {
  readonly session: string;
  readonly tables = { 4: new TableHarness(4), 16: new TableHarness(16) };
  readonly catchUp: CatchUp;
  readonly caughtUp: string[] = [];
  readonly bytesPerKind = new Map<number, number>();
  nodes: TestNode[] = [];
  hasRoom = true;

  constructor(
    readonly name: string,
    readonly index: number,
    private readonly network: Network,
  ) {
    this.session = `session of ${name}`;
    const tables = { 4: this.tables[4].table, 16: this.tables[16].table };
    const merger = new Merger({
      tables,
      access: new AccessList(allocateAccessList(0)),
      counters: new Counters(allocateCounters(1), 0),
      maxPeerAge: 1200,
    });
    this.catchUp = new CatchUp(this, {
      tables,
      mergePart: (family, part, age) => merger.mergePart(family, part, age, network.second),
      caughtUp: (node, isEverything) => {
        this.caughtUp.push(`${node.name}${isEverything ? "" : ", in part"}`);
      },
    });
  }

  publish(kind: number, payload: Uint8Array): void {
    for (const node of this.nodes) this.send(node, kind, payload);
  }

  send(to: Node, kind: number, payload: Uint8Array): void {
    expect(payload.length).toBeLessThanOrEqual(BATCH_BYTES);
    this.bytesPerKind.set(kind, (this.bytesPerKind.get(kind) ?? 0) + payload.length);
    this.network.send(this, to as TestNode, kind, Buffer.from(payload));
  }

  /** Announces peers first … last of a torrent, `ago` seconds ago. */
  announce(torrent: number, first: number, last: number, ago = 0, family: 4 | 16 = 4): void {
    for (let peer = first; peer <= last; peer++) {
      this.tables[family].announce({ torrent, peer, wanted: 0, tick: this.network.second - ago });
    }
  }

  count(torrent: number, family: 4 | 16 = 4): number {
    return this.tables[family].scrape(torrent).leechers;
  }
}

class Network {
  milliseconds = 5_000_000;
  isLost: (from: TestNode, to: TestNode, kind: number) => boolean = () => false;
  readonly nodes: TestNode[] = [];
  #queue: (() => void)[] = [];

  get second(): number {
    return Math.floor(this.milliseconds / 1000);
  }

  open(name: string): TestNode {
    const node = new TestNode(name, this.nodes.length, this);
    this.nodes.push(node);
    return node;
  }

  /** Two nodes see each other. */
  join(a: TestNode, b: TestNode): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      one.nodes = [...one.nodes, other];
      one.catchUp.join(other, this.milliseconds);
    }
  }

  lose(a: TestNode, b: TestNode): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      one.nodes = one.nodes.filter((node) => node !== other);
      one.catchUp.lose(other, this.milliseconds);
    }
  }

  send(from: TestNode, to: TestNode, kind: number, payload: Buffer): void {
    if (!to.nodes.includes(from) || this.isLost(from, to, kind)) return;
    this.#queue.push(() => {
      expect(to.catchUp.receive(from, kind, payload, 0, this.milliseconds)).toBe(true);
    });
  }

  run(seconds: number): void {
    const end = this.milliseconds + seconds * 1000;
    while (this.milliseconds < end) {
      this.milliseconds += TURN_MILLISECONDS;
      for (const node of this.nodes) node.catchUp.work(this.milliseconds, this.second);
      const queue = this.#queue;
      this.#queue = [];
      for (const deliver of queue) deliver();
    }
  }
}

describe("a node that joins", () => {
  test("has all peers of both families, from one node", () => {
    const network = new Network();
    const [a, b, c] = ["a", "b", "c"].map((name) => network.open(name));
    network.join(a, b);
    network.run(5);
    a.announce(1, 1, 2000);
    a.announce(2, 1, 3, 1000);
    a.announce(3, 1, 500, 0, 16);
    network.join(a, c);
    network.join(b, c);
    network.run(3);
    expect([c.count(1), c.count(2), c.count(3, 16)]).toEqual([2000, 3, 500]);
    expect(c.caughtUp).toEqual(["a"]);
    expect(b.bytesPerKind.get(KIND.part) ?? 0).toBeLessThan(100);
  });

  test("asks another one if the first does not answer, or is lost", () => {
    for (const failure of ["silent", "lost"]) {
      const network = new Network();
      const [a, b, c] = ["a", "b", "c"].map((name) => network.open(name));
      b.announce(1, 1, 10);
      network.isLost = (from, to) => from === a && to === c;
      network.join(a, c);
      network.join(b, c);
      network.run(0.5);
      if (failure === "lost") network.lose(a, c);
      network.run(failure === "lost" ? 1 : 3);
      expect(c.count(1)).toBe(10);
      expect(c.caughtUp).toEqual(["b"]);
    }
  });

  test("asks again until there is an answer, also if it is torn", () => {
    const network = new Network();
    const [a, b] = ["a", "b"].map((name) => network.open(name));
    // From before the start of this process, which sends them only to nodes that ask.
    network.milliseconds = 100_000;
    a.announce(1, 1, 5000, 300);
    network.isLost = (_, __, kind) => kind === KIND.ask;
    network.join(a, b);
    network.run(10);
    expect(b.count(1)).toBe(0);
    let parts = 0;
    network.isLost = (from, _, kind) => {
      const isPart = from === a && kind === KIND.part && parts++ === 1;
      // The gap in the numbers is noticed before the next part.
      if (isPart) b.catchUp.miss(a, network.milliseconds);
      return isPart;
    };
    network.run(12);
    expect(b.count(1)).toBe(5000);
    expect(b.caughtUp).toContain("a");
  });

  test("sends the others what it knows from before, but not what it restored", () => {
    const network = new Network();
    const [a, b, c] = ["a", "b", "c"].map((name) => network.open(name));
    network.milliseconds = 100_000;
    network.join(a, b);
    network.run(5);
    c.announce(1, 1, 10, 50);
    c.announce(2, 1, 10, 200);
    network.join(a, c);
    network.join(b, c);
    network.run(3);
    expect([a.count(1), b.count(1), a.count(2), b.count(2)]).toEqual([10, 10, 0, 0]);
  });
});

describe("a node that returns", () => {
  const cut = (seconds: number) => {
    const network = new Network();
    const nodes = ["a", "b", "c", "d"].map((name) => network.open(name));
    const pairs = nodes.flatMap((a, i) => nodes.slice(i + 1).map((b) => [a, b] as const));
    for (const [a, b] of pairs) network.join(a, b);
    network.run(10);
    for (const node of nodes) node.bytesPerKind.clear();
    const split = (isCut: (a: TestNode, b: TestNode) => boolean, meanwhile: () => void): void => {
      const lost = pairs.filter(([a, b]) => isCut(a, b));
      for (const [a, b] of lost) network.lose(a, b);
      network.run(seconds);
      meanwhile();
      network.run(1);
      for (const [a, b] of lost) network.join(a, b);
      network.run(5);
    };
    return { network, nodes, split };
  };

  test("and the others learn what was announced meanwhile, and only that", () => {
    const { nodes, split } = cut(100);
    const [a, b, c, d] = nodes;
    for (const node of nodes) node.announce(1, 1, 3000, 300);
    split(
      (one, other) => one === d || other === d,
      () => {
        d.announce(2, 1, 20, 50);
        for (const node of [a, b, c]) node.announce(3, 1, 20, 50);
      },
    );
    for (const node of nodes) expect([node.count(2), node.count(3)]).toEqual([20, 20]);
    for (const node of nodes) expect(node.bytesPerKind.get(KIND.part) ?? 0).toBeLessThan(5000);
  });

  test("and both halves of a cluster merge", () => {
    const { nodes, split } = cut(30);
    const isLeft = (node: TestNode) => node.name < "c";
    split(
      (one, other) => isLeft(one) !== isLeft(other),
      () => {
        for (const node of nodes) node.announce(isLeft(node) ? 1 : 2, 1, 9);
      },
    );
    for (const node of nodes) expect([node.count(1), node.count(2)]).toEqual([9, 9]);
  });
});

test("a node of which messages are lost is asked for the time since, at most every 10 s", () => {
  const network = new Network();
  const [a, b] = ["a", "b"].map((name) => network.open(name));
  network.join(a, b);
  network.run(20);
  let asks = 0;
  network.isLost = (_, __, kind) => {
    if (kind === KIND.ask) asks++;
    return false;
  };
  a.announce(1, 1, 5, 3);
  a.announce(2, 1, 5, 60);
  for (let i = 0; i < 50; i++) {
    b.catchUp.miss(a, network.milliseconds);
    network.run(0.5);
    if (i === 1) expect([b.count(1), b.count(2)]).toEqual([5, 0]);
  }
  expect(asks).toBeGreaterThanOrEqual(2);
  expect(asks).toBeLessThanOrEqual(4);
});

test("parts wait while the link has no room, and are limited to 4 MiB/s", () => {
  const network = new Network();
  const [a, b] = ["a", "b"].map((name) => network.open(name));
  for (let torrent = 1; torrent <= 40; torrent++) a.announce(torrent, 1, 2000);
  a.hasRoom = false;
  network.join(a, b);
  network.run(1);
  expect(b.tables[4].table.peerCount).toBe(0);
  a.hasRoom = true;
  // 80,000 peers of 8 bytes.
  for (let turn = 0; turn < 400 && b.caughtUp.length === 0; turn++) {
    const before = a.bytesPerKind.get(KIND.part) ?? 0;
    network.run(TURN_MILLISECONDS / 1000);
    expect((a.bytesPerKind.get(KIND.part) ?? 0) - before).toBeLessThan(100_000);
  }
  expect(b.tables[4].table.peerCount).toBe(80_000);
});

test("messages that are not valid are refused", () => {
  const network = new Network();
  const [a, b] = ["a", "b"].map((name) => network.open(name));
  const refused: [number, number[]][] = [
    [KIND.ask, []],
    [KIND.ask, [1, 2, 3]],
    [KIND.ask, [1, 2, 3, 4, 5]],
    [KIND.part, []],
    [KIND.part, [4, 0, 0]],
    [KIND.part, [5, 0, 0, 0]],
    [KIND.part, [4, 2, 0, 0]],
    [KIND.part, [4, 0, 0, 0, 1, 2]],
    [KIND.share, [4, 0, 0, 0, 1, 2, 3, 4]],
    [KIND.share + 1, [4, 0, 0, 0]],
  ];
  for (const [kind, bytes] of refused) {
    expect(a.catchUp.receive(b, kind, Buffer.from(bytes), 0, 0)).toBe(false);
  }
  expect(a.catchUp.receive(b, KIND.part, Buffer.from([16, 1, 0, 0]), 0, 0)).toBe(true);
  expect(a.catchUp.isStreaming).toBe(false);
});
