// Where messages go, and when they leave: the clients, the outgoing messages and the channels are
// stand-ins that log what they are asked.

import { beforeEach, expect, test } from "bun:test";
import { allocateCounters, Counters, sumCounter } from "../../src/app/counters.ts";
import { COUNTER } from "../../src/app/metrics.ts";
import type { Client } from "../../src/ws/client.ts";
import { nameConnection } from "../../src/ws/connections.ts";
import { KIND, type Kind } from "../../src/ws/deliveries.ts";
import { Delivery, type DeliveryParts } from "../../src/ws/delivery.ts";
import { Draft } from "../../src/ws/message/draft.ts";

const WORKER = 1;
const OTHER = 2;

let log: string[];
let draft: Draft;
let counters: SharedArrayBuffer;
let delivery: Delivery;
let isUrgent: boolean;
/** Whether the other worker has room for messages. */
let hasRoom: boolean;
/** Flushes in which it has no room for questions. */
let failures: number;
let flushed: () => void;

beforeEach(() => {
  log = [];
  draft = new Draft();
  isUrgent = false;
  hasRoom = true;
  failures = 0;
  flushed = () => undefined;
  counters = allocateCounters(2);
  const parts = {
    draft,
    clock: { now: 77 },
    latency: { end: () => undefined },
    counters: new Counters(counters, WORKER),
    clients: {
      find: (name: number, generation: number) =>
        generation === 5 ? ({ name } as Client) : undefined,
    },
    outgoing: {
      push({ name }: Client, kind: Kind, bytes: Buffer, start: number, length: number) {
        log.push(`${name & 0xff}: ${kind} ${bytes.toString("utf8", start, start + length)}`);
      },
      flush: (now: number) => log.push(`flush at ${now}`),
      get isUrgent() {
        return isUrgent;
      },
    },
    channels: {
      relay(worker: number, name: number, generation: number, kind: Kind, { length }: Draft) {
        const text = draft.toString().slice(0, length);
        if (hasRoom) log.push(`to ${worker}: ${name & 0xff}/${generation} ${kind} ${text}`);
        return hasRoom;
      },
      flush() {
        const isAllSent = failures-- <= 0;
        log.push(isAllSent ? "flush channels" : "no room");
        flushed();
        return isAllSent;
      },
    },
  } as unknown as DeliveryParts;
  delivery = new Delivery(WORKER, parts);
});

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function deliver(worker: number, slot: number, generation: number, text: string): void {
  draft.begin(Buffer.from(text));
  delivery.deliver(nameConnection(worker, slot), generation, KIND.offer);
}

test("messages go to clients here or to other workers, and leave once, at the end of the turn", async () => {
  deliver(WORKER, 3, 5, "here");
  deliver(OTHER, 4, 6, "there");
  deliver(WORKER, 3, 5, "here again");
  expect(log.splice(0)).toEqual(["3: 2 here", "to 2: 4/6 2 there", "3: 2 here again"]);
  await endOfTurn();
  await endOfTurn();
  expect(log.splice(0)).toEqual(["flush channels", "flush at 77"]);
  expect(sumCounter(counters, COUNTER.batches)).toBe(1);
});

test("a message to a connection that is gone goes nowhere", async () => {
  deliver(WORKER, 3, 4, "late");
  await endOfTurn();
  expect(log).toEqual([]);
});

test("a message for which another worker has no room is counted", async () => {
  hasRoom = false;
  deliver(OTHER, 4, 6, "there");
  await endOfTurn();
  expect(log).toEqual([]);
  expect(sumCounter(counters, COUNTER.queueFull)).toBe(1);
});

test("what is urgent leaves before the end of the turn", () => {
  delivery.flushIfUrgent();
  expect(log).toEqual([]);
  isUrgent = true;
  delivery.flushIfUrgent();
  expect(log).toEqual(["flush channels", "flush at 77"]);
});

test("a question for which another worker has no room is tried again, without another message", async () => {
  failures = 3;
  const isSent = new Promise<void>((resolve) => {
    flushed = () => failures < 0 && resolve();
  });
  delivery.scheduleFlush();
  await isSent;
  expect(log.filter((line) => line === "no room")).toHaveLength(3);
});
