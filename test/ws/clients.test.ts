// What one worker's clients are sent, and what becomes of those that do not read, through sockets
// that are none: they take what the test lets them take.

import { beforeEach, expect, test } from "bun:test";
import { defaultConfig } from "../../src/app/config.ts";
import { sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";
import { Table } from "../../src/swarm/table.ts";
import type { Client, Clients, Socket } from "../../src/ws/clients.ts";
import { wsSchema } from "../../src/ws/config.ts";
import { allocateSetup, createClients, type Setup } from "../../src/ws/setup.ts";

const MOST_QUEUED = 4096;

class FakeSocket {
  data!: Client;
  readonly remoteAddress = "192.0.2.1";
  readonly received: string[] = [];
  /** Whether what is sent has to wait. */
  isBlocked = false;
  hasEnded = false;

  constructor(private readonly clients: Clients) {
    clients.open(this as unknown as Socket);
  }

  sendText(text: string): number {
    this.received.push(text);
    return this.isBlocked ? -1 : text.length;
  }

  cork(callback: () => void): void {
    callback();
  }

  // As the runtime does it: the handlers have run when this returns.
  terminate(): void {
    this.hasEnded = true;
    this.clients.close(this.data);
  }

  close(): void {
    this.terminate();
  }

  say(message: object): void {
    this.clients.receive(this.data, JSON.stringify(message));
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
