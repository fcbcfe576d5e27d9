// What happens with a message whose peer another connection holds, as one worker sees it. The
// clients, the handler and the channels are stand-ins that log what they are asked.

import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Client } from "../../src/ws/client.ts";
import { nameConnection } from "../../src/ws/connections.ts";
import { OUTCOME, type Outcome } from "../../src/ws/handler.ts";
import { Inbox } from "../../src/ws/message/inbox.ts";
import { COUNTER } from "../../src/app/metrics.ts";
import { responseCounters } from "../../src/ws/response-counters.ts";
import type { Socket } from "../../src/ws/socket/backend.ts";
import { type TakeoverParts, Takeovers } from "../../src/ws/takeovers.ts";

const WORKER = 2;
const OTHER = 5;
const LINK = 6;
const PONG_MILLISECONDS = 5000;

let log: string[];
let clients: Map<number, Client>;
let holder: { name: number; generation: number };
/** What the handler makes of a message that it gets again. */
let outcome: Outcome;
let takeovers: Takeovers;
let inbox: Inbox;
/** Whether there is room for a question to a node. */
let hasRoom: boolean;
/** Whether something was posted that has not been flushed. */
let isFlushDue: boolean;

beforeEach(() => {
  jest.useFakeTimers();
  log = [];
  clients = new Map();
  holder = { name: 0, generation: 0 };
  outcome = OUTCOME.handled;
  inbox = new Inbox(100);
  isFlushDue = false;
  hasRoom = true;
  const handler = {
    holder,
    handle(client: Client, now: number): Outcome {
      log.push(`${label(client)} handled ${inboxText()} at ${now}`);
      return outcome;
    },
    handleAfter(gone: typeof holder, client: Client, now: number): Outcome {
      log.push(`without ${gone.name & 0xff}/${gone.generation}:`);
      return handler.handle(client, now);
    },
    heldPeer: Int32Array.of(1, 2),
    refuseHeld: (client: Client) => log.push(`${label(client)} refused ${inboxText()}`),
  };
  const post = (worker: number, what: string, name: number, generation: number): void => {
    isFlushDue = true;
    log.push(`to ${worker}: ${what} ${name}/${generation}`);
  };
  const parts = {
    inbox,
    handler,
    clock: { now: 77 },
    clients: {
      find(name: number, generation: number) {
        const client = clients.get(name);
        return client?.generation === generation ? client : undefined;
      },
    },
    channels: {
      probe: (worker: number, name: number, generation: number) =>
        post(worker, "probe", name, generation),
      conclude: (worker: number, name: number, generation: number, isAlive: boolean) =>
        post(worker, isAlive ? "alive" : "gone", name, generation),
      probeNode(worker: number, name: number, generation: number, token: number, peer: Int32Array) {
        if (hasRoom)
          post(worker, `probe ${token >>> 24}:${token & 0xff} ${peer.join(",")}`, name, generation);
        return hasRoom;
      },
    },
    delivery: { scheduleFlush: () => (isFlushDue = false), flushIfUrgent: () => undefined },
  } as unknown as TakeoverParts;
  takeovers = new Takeovers(WORKER, parts, LINK);
});

afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  expect(isFlushDue).toBe(false);
  jest.useRealTimers();
});

function inboxText(): string {
  return inbox.copy().toString();
}

function label({ name, generation }: Client): string {
  return `${name & 0xff}/${generation}`;
}

/** A connection of this worker. */
function open(slot: number, generation = 0): Client {
  const client: Client = new Client(
    {
      ping: () => log.push(`${label(client)} pinged`),
      terminate: () => log.push(`${label(client)} terminated`),
    } as unknown as Socket,
    nameConnection(WORKER, slot),
    generation,
    7,
    responseCounters(new Int32Array(4)),
    0,
  );
  clients.set(client.name, client);
  return client;
}

/** Ends a connection as the clients do. */
function close(client: Client): void {
  clients.delete(client.name);
  takeovers.settle(client, false);
}

function hold(client: Client, text: string, { name, generation }: typeof holder): void {
  Object.assign(holder, { name, generation });
  inbox.setText(text);
  takeovers.hold(client);
  // Other messages come meanwhile.
  inbox.setText("another message");
}

/** What happened since the last time. */
function happened(): string[] {
  return log.splice(0);
}

describe("a holder of this worker", () => {
  test("that answers its ping keeps the peer", () => {
    const [old, young] = [open(1), open(2)];
    hold(young, "m1", old);
    hold(young, "m2", old);
    expect(happened()).toEqual(["1/0 pinged"]);
    takeovers.settle(old, true);
    expect(happened()).toEqual(["2/0 refused m1", "2/0 refused m2"]);
    jest.advanceTimersByTime(2 * PONG_MILLISECONDS);
    takeovers.settle(old, true);
    expect(happened()).toEqual([]);
  });

  test("that does not answer in time is closed, and what waited is handled in its order", () => {
    const [old, young, third] = [open(1), open(2), open(3)];
    hold(young, "m1", old);
    hold(third, "m2", old);
    hold(young, "m3", old);
    jest.advanceTimersByTime(PONG_MILLISECONDS - 1);
    expect(happened()).toEqual(["1/0 pinged"]);
    jest.advanceTimersByTime(1);
    expect(happened()).toEqual(["1/0 terminated"]);
    expect(old.closeCounter).toBe(COUNTER.replaced);
    close(old);
    const handled = ["2/0 handled m1 at 77", "3/0 handled m2 at 77", "2/0 handled m3 at 77"];
    expect(happened()).toEqual(handled);
  });

  test("that closes while it is asked makes room at once", () => {
    const [old, young] = [open(1), open(2)];
    hold(young, "m1", old);
    close(old);
    jest.advanceTimersByTime(2 * PONG_MILLISECONDS);
    expect(happened()).toEqual(["1/0 pinged", "2/0 handled m1 at 77"]);
  });

  test("that has gone already, or left its slot to another, makes room at once", () => {
    const young = open(2);
    hold(young, "m1", { name: nameConnection(WORKER, 1), generation: 0 });
    open(3, 6);
    hold(young, "m2", { name: nameConnection(WORKER, 3), generation: 5 });
    expect(happened()).toEqual(["2/0 handled m1 at 77", "2/0 handled m2 at 77"]);
  });

  test("is asked again when the question comes up again", () => {
    const [old, young] = [open(1), open(2)];
    hold(young, "m1", old);
    takeovers.settle(old, true);
    hold(young, "m2", old);
    takeovers.settle(old, true);
    expect(happened()).toEqual(["1/0 pinged", "2/0 refused m1", "1/0 pinged", "2/0 refused m2"]);
  });

  test("the life of others says nothing about it", () => {
    const [old, young, third] = [open(1), open(2), open(3)];
    hold(young, "m1", old);
    takeovers.settle(young, true);
    takeovers.settle(third, true);
    expect(happened()).toEqual(["1/0 pinged"]);
    close(old);
  });
});

test("a message is refused when yet another connection holds the peer by then", () => {
  const [old, young] = [open(1), open(2)];
  outcome = OUTCOME.held;
  hold(young, "m1", old);
  close(old);
  expect(happened()).toEqual(["1/0 pinged", "2/0 handled m1 at 77", "2/0 refused m1"]);
});

test("what a client sent that has left since is forgotten", () => {
  const [old, young, third] = [open(1), open(2), open(3)];
  hold(young, "m1", old);
  hold(third, "m2", old);
  close(young);
  // Its slot is another's now.
  open(2, 1);
  close(old);
  expect(happened()).toEqual(["1/0 pinged", "3/0 handled m2 at 77"]);
});

describe("a holder of another worker", () => {
  const there = { name: nameConnection(OTHER, 9), generation: 4 };

  test.each([
    [true, ["2/0 refused m1", "3/0 refused m2"]],
    [false, ["2/0 handled m1 at 77", "3/0 handled m2 at 77"]],
  ])("is asked about once; it is alive: %p", (isAlive, expected) => {
    const [young, third] = [open(2), open(3)];
    hold(young, "m1", there);
    hold(third, "m2", there);
    expect(happened()).toEqual([`to 5: probe ${there.name}/4`]);
    takeovers.conclude(there.name, there.generation, isAlive);
    expect(happened()).toEqual(expected);
    takeovers.conclude(there.name, there.generation, isAlive);
    expect(happened()).toEqual([]);
  });

  test("of another generation is another holder", () => {
    const young = open(2);
    hold(young, "m1", there);
    hold(young, "m2", { ...there, generation: 5 });
    expect(happened()).toEqual([`to 5: probe ${there.name}/4`, `to 5: probe ${there.name}/5`]);
    takeovers.conclude(there.name, 5, true);
    expect(happened()).toEqual(["2/0 refused m2"]);
  });
});

describe("a holder at another node", () => {
  const there = { name: nameConnection(LINK, 9), generation: 4 };
  const token = (n: number): number => (WORKER << 24) | n;

  test("is asked about each message, as a node holds many peers", () => {
    const [young, third] = [open(2), open(3)];
    hold(young, "m1", there);
    hold(third, "m2", there);
    expect(happened()).toEqual([
      `to 6: probe 2:1 1,2 ${there.name}/4`,
      `to 6: probe 2:2 1,2 ${there.name}/4`,
    ]);
    takeovers.concludeNode(token(2), true);
    expect(happened()).toEqual(["3/0 refused m2"]);
    takeovers.concludeNode(token(1), false);
    expect(happened()).toEqual(["without 9/4:", "2/0 handled m1 at 77"]);
    for (const n of [1, 2, 3]) takeovers.concludeNode(token(n), false);
    expect(happened()).toEqual([]);
  });

  test("keeps the peer if there is no room for the question", () => {
    hasRoom = false;
    hold(open(2), "m1", there);
    expect(happened()).toEqual(["2/0 refused m1"]);
  });

  test("leaves the peer, but another connection is faster", () => {
    outcome = OUTCOME.held;
    hold(open(2), "m1", there);
    takeovers.concludeNode(token(1), false);
    expect(happened().slice(1)).toEqual(["without 9/4:", "2/0 handled m1 at 77", "2/0 refused m1"]);
  });

  test("leaves the peer to a client that has left, too", () => {
    const young = open(2);
    hold(young, "m1", there);
    close(young);
    takeovers.concludeNode(token(1), false);
    expect(happened()).toHaveLength(1);
  });
});

describe("a question from other workers", () => {
  test("about a connection that is alive", () => {
    const client = open(1, 3);
    takeovers.probe(client.name, 3, OTHER);
    takeovers.probe(client.name, 3, OTHER);
    takeovers.probe(client.name, 3, 6);
    expect(happened()).toEqual(["1/3 pinged"]);
    takeovers.settle(client, true);
    expect(happened()).toEqual([`to 5: alive ${client.name}/3`, `to 6: alive ${client.name}/3`]);
  });

  test("about one that does not answer", () => {
    const client = open(1, 3);
    takeovers.probe(client.name, 3, OTHER);
    jest.advanceTimersByTime(PONG_MILLISECONDS);
    close(client);
    expect(happened()).toEqual(["1/3 pinged", "1/3 terminated", `to 5: gone ${client.name}/3`]);
  });

  test("about one that is no more", () => {
    const client = open(1, 3);
    takeovers.probe(client.name, 2, OTHER);
    expect(happened()).toEqual([`to 5: gone ${client.name}/2`]);
  });
});

describe("messages that wait", () => {
  const MOST_EACH = 256;

  test("are so many of one client, and room comes back", () => {
    const [old, young, third] = [open(1), open(2), open(3)];
    for (let n = 0; n < MOST_EACH + 2; n++) hold(young, `m${n}`, old);
    hold(third, "t", old);
    expect(happened()).toEqual(["1/0 pinged", "2/0 refused m256", "2/0 refused m257"]);
    close(old);
    expect(happened().length).toBe(MOST_EACH + 1);
    const next = open(4);
    hold(young, "again", next);
    takeovers.settle(next, true);
    expect(happened()).toEqual(["4/0 pinged", "2/0 refused again"]);
  });

  test("of one client give way to those of others, and are refused then", () => {
    const there = { name: nameConnection(OTHER, 9), generation: 4 };
    const greedy = Array.from({ length: 4096 / MOST_EACH }, (_, n) => open(10 + n));
    for (const client of greedy) {
      for (let n = 0; n < MOST_EACH; n++) hold(client, `m${n}`, there);
    }
    expect(happened().length).toBe(1);
    const [old, young] = [open(1), open(2)];
    hold(young, "m", old);
    const [refused, ...more] = happened();
    expect(refused).toMatch(/^\d+\/0 refused m255$/);
    expect(more).toEqual(["1/0 pinged"]);
    close(old);
    expect(happened()).toEqual(["2/0 handled m at 77"]);
    takeovers.conclude(there.name, there.generation, false);
    expect(happened().length).toBe(4095);
  });
});
