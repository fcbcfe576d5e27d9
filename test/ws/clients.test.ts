// What one worker's clients are sent, and what becomes of those that do not read, through sockets
// that are none: they take what the test lets them take.

import { fullGC, heapSize } from "bun:jsc";
import { beforeEach, describe, expect, test } from "bun:test";
import { defaultConfig } from "../../src/app/config.ts";
import { sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";

import { CONTROL } from "../../src/app/control.ts";
import { advanceClock } from "../../src/memory/clock.ts";
import { Table } from "../../src/swarm/table.ts";
import type { Client, Socket } from "../../src/ws/client.ts";
import type { Clients } from "../../src/ws/clients.ts";
import { wsSchema } from "../../src/ws/config.ts";
import { allocateSetup, createClients, type Setup } from "../../src/ws/setup.ts";

const MOST_QUEUED = 4096;
/** The default. */
const PING_INTERVAL = 25;

class FakeSocket implements Socket {
  data!: Client;
  readonly received: string[] = [];
  /** Whether what is sent has to wait. */
  isBlocked = false;
  /** Whether it is not even taken. */
  isFull = false;
  hasEnded = false;
  pings = 0;

  constructor(private readonly clients: Clients) {
    clients.open(this, "192.0.2.1");
  }

  sendText(text: string): number {
    if (this.isFull) return 0;
    this.received.push(text);
    return this.isBlocked ? -1 : Buffer.byteLength(text);
  }

  cork(callback: () => void): void {
    callback();
  }

  ping(): void {
    this.pings++;
  }

  getBufferedAmount(): number {
    return this.isBlocked || this.isFull ? 1 : 0;
  }

  // As the runtime does it: the handlers have run when this returns.
  terminate(): void {
    this.hasEnded = true;
    this.clients.close(this.data);
  }

  close(): void {
    this.terminate();
  }

  say(message: object | string): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    this.clients.receive(this.data, text);
  }

  take(): Record<string, unknown>[] {
    return this.received.splice(0).map((text) => JSON.parse(text) as Record<string, unknown>);
  }
}

const id = (name: string): string => name.padEnd(20, ".");

const announce = (torrent: string, peer: string, sdp?: string, offers = 1): object => ({
  action: "announce",
  info_hash: id(torrent),
  peer_id: id(peer),
  left: 1,
  offers: Array.from({ length: sdp === undefined ? 0 : offers }, (_, i) => ({
    offer: { type: "offer", sdp },
    offer_id: id(`${peer}${i}`),
  })),
});

/** The end of this iteration of the event loop, when everything is sent. */
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let setup: Setup;
let clients: Clients;

beforeEach(() => {
  const config = defaultConfig(wsSchema);
  const limits = { ...config.limits, max_connections: 100, max_queued_bytes: MOST_QUEUED };
  setup = allocateSetup({ ...config, limits }, undefined);
  clients = createClients({ ...setup, worker: 0, addresses: [], ports: [undefined] });
});

/** Lets the tracker's clock and its timers go on by so many seconds, one after the other. */
function pass(seconds: number): void {
  const control = new Int32Array(setup.control);
  for (let i = 0; i < seconds; i++) {
    advanceClock(control, CONTROL.clock, clients.now + 1);
    clients.tick();
  }
}

const count = (counter: keyof typeof COUNTER): number =>
  sumCounter(setup.counters, COUNTER[counter]);

test("everything of one iteration leaves together, at its end, in order", async () => {
  const [a, b] = [new FakeSocket(clients), new FakeSocket(clients)];
  a.say(announce("t", "a"));
  b.say(announce("t", "b", "one"));
  b.say(announce("t", "c", "two", 2));
  expect([a.received, b.received]).toEqual([[], []]);
  await tick();
  expect(b.take()[0]).toMatchObject({ incomplete: 2 });
  expect(a.take()[0]).toMatchObject({ incomplete: 1 });
  expect(count("connections")).toBe(2);
});

test("who reads gets more in one iteration than may wait for others", async () => {
  const [a, b] = [new FakeSocket(clients), new FakeSocket(clients)];
  a.say(announce("t", "a"));
  const offers = 20;
  for (let i = 0; i < offers; i++) b.say(announce("t", `b${i}`, "x".repeat(1000)));
  await tick();
  const received = [...a.take(), ...b.take()].filter((message) => "offer" in message);
  expect(received).toHaveLength(offers);
  expect(count("queueFull")).toBe(0);
  expect(a.hasEnded || b.hasEnded).toBe(false);
});

test("the oldest offers go first, then who does not read", async () => {
  const [slow, other] = [new FakeSocket(clients), new FakeSocket(clients)];
  slow.say(announce("t", "slow"));
  await tick();
  slow.take();
  slow.isBlocked = true;
  for (let i = 0; i < 20; i++) {
    other.say({ ...announce("t", "other", "x".repeat(700)) });
    await tick();
  }
  // The first was taken and has to wait; of those after it some were passed over, and none is sent.
  expect(slow.take().map(({ offer_id }) => offer_id)).toEqual([id("other0")]);
  expect(count("offers")).toBeLessThan(8);
  // Responses are never dropped: they drive out the offers, and at last the connection.
  for (let i = 0; !slow.hasEnded && i < 1000; i++) slow.say(announce("t", "slow"));
  expect(slow.hasEnded).toBe(true);
  expect(count("queueFull")).toBeGreaterThan(0);
  expect(new Table(setup.table).peerCount).toBe(1);
});

test("what waited is sent when the client has read", async () => {
  const [slow, other] = [new FakeSocket(clients), new FakeSocket(clients)];
  slow.isBlocked = true;
  slow.say(announce("t", "slow"));
  await tick();
  slow.say(announce("t", "slow"));
  other.say(announce("t", "other", "sdp"));
  await tick();
  expect(slow.take()).toHaveLength(1);
  slow.isBlocked = false;
  clients.drain(slow.data);
  await tick();
  expect(slow.take()).toMatchObject([{ incomplete: 1 }, { peer_id: id("other") }]);
});

test("what is not taken is neither lost nor sent twice", async () => {
  const [slow, other] = [new FakeSocket(clients), new FakeSocket(clients)];
  slow.isFull = true;
  slow.say(announce("t", "slow"));
  other.say(announce("t", "other", "sdp"));
  await tick();
  const sent = count("bytesOut");
  slow.say(announce("u", "slow"));
  await tick();
  expect([slow.received, count("bytesOut")]).toEqual([[], sent]);
  // It has read something, but not enough.
  clients.drain(slow.data);
  await tick();
  expect(slow.received).toEqual([]);
  slow.isFull = false;
  clients.drain(slow.data);
  await tick();
  const received = slow.received.map((text) => Buffer.byteLength(text));
  expect(count("bytesOut") - sent).toBe(received.reduce((sum, bytes) => sum + bytes));
  expect(slow.take()).toMatchObject([
    { info_hash: id("t"), incomplete: 1 },
    { peer_id: id("other") },
    { info_hash: id("u"), incomplete: 1 },
  ]);
});

describe("a client that reads nothing is given up", () => {
  const STALL_SECONDS = 30;

  test("though nothing more comes for it", async () => {
    const slow = new FakeSocket(clients);
    slow.isBlocked = true;
    slow.say(announce("t", "slow"));
    await tick();
    pass(STALL_SECONDS);
    expect(slow.hasEnded).toBe(false);
    pass(1);
    expect(slow.hasEnded).toBe(true);
    expect(new Table(setup.table).peerCount).toBe(0);
  });

  test("though all that waits are answers of the runtime to its pings", () => {
    const [deaf, other] = [new FakeSocket(clients), new FakeSocket(clients)];
    deaf.isBlocked = true;
    // It is found when it is pinged itself.
    pass(PING_INTERVAL + STALL_SECONDS + 1);
    expect([deaf.hasEnded, other.hasEnded]).toEqual([true, false]);
  });

  test("but one that reads something is not", async () => {
    const slow = new FakeSocket(clients);
    slow.isBlocked = true;
    slow.say(announce("t", "slow"));
    await tick();
    for (let i = 0; i < 5; i++) {
      pass(STALL_SECONDS - 1);
      clients.drain(slow.data);
      slow.say(announce("t", "slow"));
      await tick();
    }
    expect(slow.hasEnded).toBe(false);
    slow.isBlocked = false;
    clients.drain(slow.data);
    await tick();
    pass(2 * STALL_SECONDS);
    expect(slow.hasEnded).toBe(false);
  });
});

describe("pings", () => {
  const pingsOf = (sockets: FakeSocket[]): number[] => sockets.map(({ pings }) => pings);

  /** Connections that have said nothing for a while. */
  function openSilent(): FakeSocket[] {
    const sockets = Array.from({ length: 60 }, () => new FakeSocket(clients));
    pass(PING_INTERVAL);
    for (const socket of sockets) socket.pings = 0;
    return sockets;
  }

  test("go to every silent connection once in an interval, a few at a time", () => {
    const sockets = openSilent();
    for (let second = 0; second < PING_INTERVAL; second++) {
      const before = pingsOf(sockets).reduce((sum, pings) => sum + pings);
      pass(1);
      const pinged = pingsOf(sockets).reduce((sum, pings) => sum + pings) - before;
      expect(pinged).toBeLessThanOrEqual(3);
    }
    expect(new Set(pingsOf(sockets))).toEqual(new Set([1]));
    sockets[7].terminate();
    pass(2 * PING_INTERVAL);
    expect(new Set(pingsOf(sockets.toSpliced(7, 1)))).toEqual(new Set([3]));
    expect(sockets[7].pings).toBe(1);
  });

  test("leave no connection without anything for 60 seconds", () => {
    for (let start = 0; start < PING_INTERVAL; start++) {
      const socket = new FakeSocket(clients);
      socket.say(announce("t", `p${start}`));
      pass(1.5 * PING_INTERVAL + 1);
      expect(socket.pings).toBeGreaterThan(0);
      socket.terminate();
      pass(1);
    }
  });

  test("that are late are made up for, once", () => {
    const sockets = openSilent();
    const control = new Int32Array(setup.control);
    for (const [second, pings] of [
      [5 * PING_INTERVAL, [1]],
      [5 * PING_INTERVAL, [1]],
      [5.4 * PING_INTERVAL, [1, 2]],
      [6 * PING_INTERVAL, [2]],
    ] as const) {
      advanceClock(control, CONTROL.clock, second);
      clients.tick();
      expect(new Set(pingsOf(sockets))).toEqual(new Set(pings));
    }
  });
});

describe("a connection without a sign of life", () => {
  const MAX_AGE = 180;

  test.each([0, 1, 30, 99])("is closed after max_connection_age, slot %i", (slot) => {
    pass(7);
    const sockets = Array.from({ length: slot + 1 }, () => new FakeSocket(clients));
    pass(MAX_AGE);
    expect(sockets[slot].hasEnded).toBe(false);
    pass(1);
    expect(sockets[slot].hasEnded).toBe(true);
    expect(count("connections")).toBe(0);
  });

  test("is none that says something, or answers a ping", () => {
    const [talker, listener] = [new FakeSocket(clients), new FakeSocket(clients)];
    for (let i = 0; i < 5; i++) {
      pass(MAX_AGE);
      talker.say(announce("t", "a"));
      clients.receivePong(listener.data, Buffer.from(""));
    }
    pass(MAX_AGE);
    expect([talker.hasEnded, listener.hasEnded]).toEqual([false, false]);
    pass(1);
    expect([talker.hasEnded, listener.hasEnded]).toEqual([true, true]);
  });

  test("is asked before it is closed, after a time in which the tracker did not run", () => {
    const [alive, dead] = [new FakeSocket(clients), new FakeSocket(clients)];
    const control = new Int32Array(setup.control);
    advanceClock(control, CONTROL.clock, 10 * MAX_AGE);
    clients.tick();
    expect([alive.pings, dead.pings]).toEqual([1, 1]);
    clients.receivePong(alive.data, Buffer.from(""));
    pass(1);
    expect([alive.hasEnded, dead.hasEnded]).toEqual([false, true]);
  });

  test("is none that was closed before", () => {
    const socket = new FakeSocket(clients);
    pass(MAX_AGE - 1);
    socket.terminate();
    const next = new FakeSocket(clients);
    pass(10);
    expect(next.hasEnded).toBe(false);
  });
});

test("what waits for a client keeps nothing else in memory", async () => {
  const [slow, other] = [new FakeSocket(clients), new FakeSocket(clients)];
  for (let i = 0; i < 50; i++) slow.say(announce("t", `slow${i}`));
  await tick();
  slow.isFull = true;
  // All of one iteration, so that it is due and not blocked yet.
  const before = (fullGC(), heapSize());
  for (let i = 0; i < 20; i++) {
    const message = JSON.stringify(announce("t", "other", "x"));
    other.say(message.replace("{", `{"padding":"${String(i + 10).repeat(250_000)}",`));
  }
  slow.received.length = 0;
  await tick();
  other.received.length = 0;
  fullGC();
  expect(count("offers")).toBe(20);
  expect(heapSize() - before).toBeLessThan(2_000_000);
  slow.isFull = false;
  clients.drain(slow.data);
  await tick();
  expect(slow.take()).toHaveLength(20);
});

describe("bytes are counted, not characters:", () => {
  const wide = "\u20ac".repeat(1000);

  test("of what comes and of what is sent", async () => {
    const [a, b] = [new FakeSocket(clients), new FakeSocket(clients)];
    a.say(announce("t", "a"));
    await tick();
    a.take();
    const [bytesIn, bytesOut] = [count("bytesIn"), count("bytesOut")];
    const text = JSON.stringify(announce("t", "b", wide));
    b.say(text);
    clients.receive(b.data, Buffer.from(text));
    expect(count("bytesIn") - bytesIn).toBe(2 * Buffer.byteLength(text));
    await tick();
    const sent = [...a.received, ...b.received].map((each) => Buffer.byteLength(each));
    expect(count("bytesOut") - bytesOut).toBe(sent.reduce((sum, each) => sum + each));
    expect(a.received.join("")).toContain(wide);
  });

  test.each([0, -1])("of what waits for a client that takes %i", async (taken) => {
    const [slow, other] = [new FakeSocket(clients), new FakeSocket(clients)];
    slow.say(announce("t", "slow"));
    await tick();
    slow.take();
    if (taken === 0) slow.isFull = true;
    else slow.isBlocked = true;
    // Of 3,000 bytes, half of what may wait is filled by one, and all by two.
    for (let i = 0; i < 4; i++) {
      other.say(announce("t", "other", wide));
      await tick();
    }
    expect(count("offers")).toBe(taken === 0 ? 1 : 2);
    expect(slow.received).toHaveLength(taken === 0 ? 0 : 1);
  });
});

test("a client that is being closed is heard and sent no more", async () => {
  const [bad, other] = [new FakeSocket(clients), new FakeSocket(clients)];
  bad.say(announce("t", "bad"));
  await tick();
  bad.take();
  // The connection ends later than it is closed.
  bad.close = () => undefined;
  for (let i = 0; i < 16; i++) bad.say("junk");
  bad.say(announce("t", "late"));
  other.say(announce("t", "other", "sdp"));
  await tick();
  expect(bad.received).toEqual([]);
  expect([count("malformed"), new Table(setup.table).peerCount]).toEqual([16, 2]);
  bad.terminate();
  expect(new Table(setup.table).peerCount).toBe(1);
});

test("a message that is read after the connection was closed leaves no peer behind", () => {
  const socket = new FakeSocket(clients);
  socket.terminate();
  socket.say(announce("t", "a"));
  expect(new Table(setup.table).peerCount).toBe(0);
  expect(new FakeSocket(clients).data.name).toBe(socket.data.name);
});

test("a connection that is closed for an offer does not disturb the offers after it", async () => {
  const deaf = Array.from({ length: 5 }, () => new FakeSocket(clients));
  for (const [i, socket] of deaf.entries()) {
    socket.say(announce("t", `deaf${i}`));
    socket.say(announce(`own${i}`, `deaf${i}`));
  }
  await tick();
  for (const socket of deaf) {
    socket.isBlocked = true;
    // Just short of half of what may wait: it is still offered something.
    for (let i = 0; i < 14; i++) socket.say(announce("t", socket.data.name.toString()));
    await tick();
  }
  const readers = Array.from({ length: 5 }, () => new FakeSocket(clients));
  for (const [i, socket] of readers.entries()) socket.say(announce("t", `reader${i}`));
  await tick();
  for (const socket of [...deaf, ...readers]) socket.take();

  const a = new FakeSocket(clients);
  a.say(announce("t", "a", "x".repeat(MOST_QUEUED), 10));
  await tick();
  for (const socket of readers) {
    for (const message of socket.take()) {
      expect(message).toMatchObject({ info_hash: id("t"), peer_id: id("a") });
    }
  }
  for (const socket of [a, ...deaf, ...readers]) {
    if (!socket.hasEnded) socket.terminate();
  }
  expect(new Table(setup.table).peerCount).toBe(0);
  expect(count("connections")).toBe(0);
});
