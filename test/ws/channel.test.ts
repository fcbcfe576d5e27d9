// The channels of three workers, all in one thread.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { allocateControl, doorbellWord } from "../../src/app/control.ts";
import { awaitDoorbell, markAsleep, markAwake } from "../../src/memory/doorbell.ts";
import { ANNOUNCE } from "../../src/swarm/layout.ts";
import {
  allocateChannels,
  type ChannelReceiver,
  Channels,
  type LinkReceiver,
} from "../../src/ws/channel.ts";
import { KIND, type Kind, ROUTE } from "../../src/ws/deliveries.ts";
import { Draft } from "../../src/ws/message/draft.ts";

type Received =
  | [kind: Kind, name: number, generation: number, text: string]
  | [question: "probe" | "alive" | "gone", name: number, generation: number, asker?: number];

const WORKERS = 3;
const MAX_MESSAGE_BYTES = 65_536;
/** What the tracker may add to what a client wrote. */
const MAX_ADDED_BYTES = 4096;
const MAX_GATHERED = 4;

let control: Int32Array;
let channels: Channels[];

beforeEach(() => {
  control = new Int32Array(allocateControl(WORKERS));
  channels = createChannels(WORKERS, MAX_GATHERED);
});

function createChannels(workers: number, maxGathered: number): Channels[] {
  const memory = allocateChannels(workers, MAX_MESSAGE_BYTES);
  const wakeEvents = memory.map(() => -1);
  return memory.map(
    (_, worker) => new Channels(memory, { worker, maxGathered, wakeEvents }, control),
  );
}

const draft = new Draft();

function draftOf(text: string): Draft {
  draft.begin(Buffer.from(text));
  return draft;
}

/** Sends a message. Returns false if there is no room. */
function relay(from: number, to: number, kind: Kind, name: number, text: string): boolean {
  return channels[from].relay(to, name, 2, kind, draftOf(text));
}

/** Takes all that other workers have sent to a worker. */
function receive(worker: number): Received[] {
  const received: Received[] = [];
  const receiver: ChannelReceiver = {
    relay(name, generation, kind, bytes, start, length) {
      received.push([kind, name, generation, bytes.toString("utf8", start, start + length)]);
    },
    probe: (name, generation, asker) => received.push(["probe", name, generation, asker]),
    conclude(name, generation, isAlive) {
      received.push([isAlive ? "alive" : "gone", name, generation]);
    },
  };
  channels[worker].receive(receiver);
  expect(channels[worker].hasMessages).toBe(false);
  return received;
}

/** Whether worker 1 is woken by what `act` does, if it sleeps. */
function wakes(act: () => void): boolean {
  const word = doorbellWord(1);
  markAsleep(control, word);
  const asleep = control[word];
  act();
  const isWoken = control[word] !== asleep;
  markAwake(control, word);
  return isWoken;
}

describe("what a worker sends", () => {
  test("waits for the flush and arrives in order, as it was", () => {
    const texts = ["an offer", 'ÿ "\u0000\u{1f600}', "", "1", "12", "123", "1234", "12345"];
    channels = createChannels(WORKERS, 100);
    for (const [i, text] of texts.entries()) {
      expect(relay(0, 1, i % 2 === 0 ? KIND.offer : KIND.answer, i - 3, text)).toBe(true);
    }
    expect(receive(1)).toEqual([]);
    channels[0].flush();
    expect(channels.map(({ hasMessages }) => hasMessages)).toEqual([false, true, false]);
    expect(receive(1)).toEqual(
      texts.map((text, i) => [i % 2 === 0 ? KIND.offer : KIND.answer, i - 3, 2, text]),
    );
    expect([receive(0), receive(2)]).toEqual([[], []]);
  });

  test("may have any name, generation and kind", () => {
    const sent: Received[] = [
      [KIND.response, 1, 2, "a"],
      [KIND.answer, -5, 65_535, "b"],
      [KIND.offer, (63 << 24) | 7, 0, "c"],
      [KIND.offer, -(2 ** 31), 0, "d"],
    ];
    for (const [kind, name, generation, text] of sent) {
      channels[0].relay(1, name, generation, kind as Kind, draftOf(text as string));
    }
    channels[0].flush();
    expect(receive(1)).toEqual(sent);
  });

  test("does not wait for the flush when enough is gathered", () => {
    for (let i = 0; i < 11; i++) relay(0, 1, KIND.offer, i, `offer ${i}`);
    expect(receive(1)).toHaveLength(8);
    channels[0].flush();
    expect(receive(1)).toEqual([8, 9, 10].map((i) => [KIND.offer, i, 2, `offer ${i}`]));
  });

  test("reaches the right worker, from several", () => {
    for (const from of [0, 1, 2]) {
      for (const to of [0, 1, 2]) {
        if (from !== to) relay(from, to, KIND.offer, to, `from ${from} to ${to}`);
      }
    }
    for (const each of channels) each.flush();
    for (const to of [0, 1, 2]) {
      const texts = receive(to).map(([, , , text]) => text);
      expect(texts).toEqual(
        [0, 1, 2].filter((from) => from !== to).map((from) => `from ${from} to ${to}`),
      );
    }
  });

  test("may be the longest message, with what the tracker adds, whatever was sent before", () => {
    const longest = "x".repeat(MAX_MESSAGE_BYTES + MAX_ADDED_BYTES);
    for (const workers of [2, 64]) {
      channels = createChannels(workers, 100);
      for (let round = 0; round < 30; round++) {
        expect(relay(0, 1, KIND.offer, round, longest)).toBe(true);
        relay(0, 1, KIND.offer, round, "y".repeat(1000 * round));
        channels[0].flush();
        const received = receive(1);
        expect(received[0]).toEqual([KIND.offer, round, 2, longest]);
      }
    }
  });
});

describe("a question", () => {
  test("and its answers arrive, in order", () => {
    channels[0].probe(1, 7, 8);
    channels[0].conclude(1, 9, 10, true);
    channels[0].conclude(1, 11, 12, false);
    channels[2].probe(1, 13, 14);
    expect(receive(1)).toEqual([]);
    channels[0].flush();
    channels[2].flush();
    expect(receive(1)).toEqual([
      ["probe", 7, 8, 0],
      ["alive", 9, 10],
      ["gone", 11, 12],
      ["probe", 13, 14, 2],
    ]);
  });

  test("is not lost when there is no room: it waits, and arrives once", () => {
    fill(0, 1, 1000);
    fill(0, 1, 0);
    channels[0].flush();
    for (let i = 0; i < 100; i++) channels[0].probe(1, i, i);
    channels[0].conclude(1, 100, 0, true);
    channels[0].conclude(1, 101, 0, false);
    for (let i = 0; i < 3; i++) expect(channels[0].flush()).toBe(false);
    const before = receive(1);
    expect(before.some(([kind]) => typeof kind === "string")).toBe(false);
    expect(channels[0].flush()).toBe(true);
    expect(channels[0].flush()).toBe(true);
    expect(receive(1)).toEqual([
      ...Array.from({ length: 100 }, (_, i): Received => ["probe", i, i, 0]),
      ["alive", 100, 0],
      ["gone", 101, 0],
    ]);
  });

  test("waits for one worker without holding up another", () => {
    fill(0, 1, 0);
    channels[0].probe(1, 1, 1);
    channels[0].probe(2, 2, 2);
    expect(channels[0].flush()).toBe(false);
    expect(receive(2)).toEqual([["probe", 2, 2, 0]]);
  });
});

/** Sends messages of so many bytes until there is no room for another. Returns how many. */
function fill(from: number, to: number, bytes: number): number {
  const text = "x".repeat(bytes);
  for (let sent = 0; sent < 2 ** 21; sent++) {
    if (!relay(from, to, KIND.offer, sent, text)) return sent;
  }
  throw new Error("there is always room");
}

describe("a worker that does not receive", () => {
  test.each([0, 3000, MAX_MESSAGE_BYTES])(
    "is sent a few megabytes of %i-byte messages",
    (bytes) => {
      const count = fill(0, 1, bytes);
      // Each has a head of 16 bytes, and a word with its length.
      expect(count * (bytes + 20)).toBeLessThanOrEqual(4 * 2 ** 20);
      expect(count * (bytes + 20)).toBeGreaterThan(3.8 * 2 ** 20);
      // Neither an offer nor an answer has room, nor do other workers suffer, nor the way back.
      for (const kind of [KIND.offer, KIND.answer]) {
        expect(relay(0, 1, kind, 1, "x".repeat(bytes))).toBe(false);
      }
      expect(relay(0, 2, KIND.offer, 1, "x")).toBe(true);
      expect(relay(2, 1, KIND.offer, 1, "x")).toBe(true);
      expect(relay(1, 0, KIND.offer, 1, "x")).toBe(true);
      // What had room is complete, and then there is room for as much again.
      channels[0].flush();
      const received = receive(1);
      expect(received).toHaveLength(count);
      expect(received.every(([, name], i) => name === i)).toBe(true);
      expect(fill(0, 1, bytes)).toBeGreaterThanOrEqual(count - 1);
    },
  );

  test("does not lose a short message for a long one that had no room", () => {
    fill(0, 1, 3000);
    channels[0].flush();
    let short = 0;
    while (relay(0, 1, KIND.answer, short, "")) short++;
    channels[0].flush();
    const answers = receive(1).filter(([kind]) => kind === KIND.answer);
    expect(answers).toHaveLength(short);
  });
});

describe("a sleeping worker", () => {
  test("is woken by a flush that has something for it", () => {
    relay(0, 1, KIND.offer, 1, "x");
    relay(0, 2, KIND.offer, 1, "x");
    expect(wakes(() => channels[0].flush())).toBe(true);
    expect(wakes(() => channels[0].flush())).toBe(false);
    channels[0].probe(2, 1, 1);
    expect(wakes(() => channels[0].flush())).toBe(false);
    channels[0].probe(1, 1, 1);
    expect(wakes(() => channels[0].flush())).toBe(true);
    expect(receive(1)).toHaveLength(2);
  });

  test("is woken when enough is gathered for it, and not before", () => {
    for (let i = 1; i < MAX_GATHERED; i++) {
      expect(wakes(() => relay(0, 1, KIND.offer, i, "x"))).toBe(false);
    }
    expect(wakes(() => relay(0, 1, KIND.offer, 0, "x"))).toBe(true);
    expect(wakes(() => channels[0].flush())).toBe(false);
  });

  test("is woken by a question that had to wait", () => {
    fill(0, 1, 0);
    channels[0].flush();
    channels[0].probe(1, 1, 1);
    expect(wakes(() => channels[0].flush())).toBe(false);
    receive(1);
    expect(wakes(() => channels[0].flush())).toBe(true);
    expect(receive(1)).toEqual([["probe", 1, 1, 0]]);
  });

  test("misses nothing that was sent before or after it fell asleep", async () => {
    const sleep = (): Promise<void> =>
      awaitDoorbell(control, doorbellWord(1), () => channels[1].hasMessages);
    relay(0, 1, KIND.offer, 1, "before");
    channels[0].flush();
    await sleep();
    expect(receive(1)).toHaveLength(1);
    const woken = sleep();
    relay(2, 1, KIND.offer, 1, "after");
    channels[2].flush();
    await woken;
    expect(receive(1)).toEqual([[KIND.offer, 1, 2, "after"]]);
  });
});

describe("a link thread", () => {
  const LINK = 1;
  const hashes = Array.from({ length: 10 }, (_, i) => i * 1001 - 3000);
  const request = Int32Array.from({ length: ANNOUNCE.words }, (_, i) => {
    return i === ANNOUNCE.flags ? 5 : (hashes[i - ANNOUNCE.infoHash] ?? -1);
  });
  const route = Int32Array.from({ length: ROUTE.words }, (_, i) => -i * 77_777_777);

  /** Takes all that was sent to the link thread. */
  function receiveAsLink(): unknown[] {
    const received: unknown[] = [];
    const receiver: LinkReceiver = {
      relay: () => received.push("relay"),
      probe: () => received.push("probe"),
      conclude: (name, generation, isAlive) => received.push([name, generation, isAlive]),
      relayToNode(name, generation, kind, words, word, bytes, start, length) {
        const text = bytes.toString("utf8", start, start + length);
        const copy = [...words.subarray(word, word + ROUTE.words)];
        received.push([name, generation, kind, copy, text]);
      },
      change: (flags, words, word) => received.push([flags, [...words.subarray(word, word + 10)]]),
      probeNode(name, generation, token, words, word) {
        received.push([name, generation, token, [...words.subarray(word, word + 10)]]);
      },
    };
    channels[LINK].receive(receiver);
    return received;
  }

  test("gets changes, offers and answers for nodes, and questions, in order", () => {
    const texts = ["", "1", 'ÿ "\u0000\u{1f600}', "x".repeat(MAX_MESSAGE_BYTES + MAX_ADDED_BYTES)];
    channels[0].change(LINK, request);
    for (const [i, text] of texts.entries()) {
      const kind = i % 2 === 0 ? KIND.offer : KIND.answer;
      channels[0].relayToNode(LINK, i - 2, 65_535, kind, route, draftOf(text));
      channels[0].change(LINK, request);
    }
    channels[0].probeNode(LINK, 7, 8, (63 << 24) | 9, request);
    channels[0].conclude(LINK, 1, 2, true);
    channels[0].flush();
    expect(receiveAsLink()).toEqual([
      [5, hashes],
      ...texts.flatMap((text, i) => [
        [i - 2, 65_535, i % 2 === 0 ? KIND.offer : KIND.answer, [...route], text],
        [5, hashes],
      ]),
      [7, 8, (63 << 24) | 9, hashes],
      [1, 2, true],
    ]);
  });

  test("is woken for offers and questions, but only for many changes", () => {
    for (let i = 1; i < MAX_GATHERED; i++) {
      expect(wakes(() => channels[0].change(LINK, request))).toBe(false);
    }
    expect(wakes(() => channels[0].flush())).toBe(false);
    expect(receiveAsLink()).toHaveLength(MAX_GATHERED - 1);
    channels[0].change(LINK, request);
    channels[0].relayToNode(LINK, 1, 1, KIND.offer, route, draftOf("x"));
    expect(wakes(() => channels[0].flush())).toBe(true);
    channels[0].probeNode(LINK, 1, 1, 1, request);
    expect(wakes(() => channels[0].flush())).toBe(true);
    for (let i = 1; i < MAX_GATHERED; i++) channels[0].change(LINK, request);
    expect(wakes(() => channels[0].change(LINK, request))).toBe(true);
  });

  test("that does not receive is sent no more than there is room for", () => {
    let sent = 0;
    while (channels[0].change(LINK, request)) sent++;
    expect(channels[0].relayToNode(LINK, 1, 1, KIND.offer, route, draftOf("x"))).toBe(false);
    expect(channels[0].probeNode(LINK, 1, 1, 1, request)).toBe(false);
    channels[0].flush();
    expect(receiveAsLink()).toHaveLength(sent);
    expect(channels[0].change(LINK, request)).toBe(true);
  });

  test("answers questions", () => {
    channels[LINK].concludeNode(0, (1 << 24) | 7, true);
    channels[LINK].concludeNode(0, -5, false);
    channels[LINK].flush();
    const answers: unknown[] = [];
    channels[0].receive({
      relay: () => undefined,
      probe: () => undefined,
      conclude: () => undefined,
      concludeNode: (token, isHeld) => answers.push([token, isHeld]),
    });
    expect(answers).toEqual([
      [(1 << 24) | 7, true],
      [-5, false],
    ]);
  });
});

test("whatever is sent, flushed and received, nothing is lost or changed, in order", () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom<Kind>(KIND.offer, KIND.answer),
        length: fc.oneof(fc.nat(50), fc.nat(MAX_MESSAGE_BYTES)),
      }),
    },
    { weight: 2, arbitrary: fc.constant("ask" as const) },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
    { weight: 1, arbitrary: fc.constant("receive" as const) },
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 200, size: "max" }), (steps) => {
      // The rings of many workers are small.
      channels = createChannels(16, MAX_GATHERED);
      const texts: Received[] = [];
      const questions: Received[] = [];
      const received: Received[] = [];
      for (const [i, todo] of steps.entries()) {
        if (todo === "flush") {
          channels[0].flush();
        } else if (todo === "receive") {
          received.push(...receive(1));
        } else if (todo === "ask") {
          channels[0].probe(1, i, 3);
          questions.push(["probe", i, 3, 0]);
        } else {
          const text = `${i} `.padEnd(todo.length, "x");
          if (relay(0, 1, todo.kind, i, text)) texts.push([todo.kind, i, 2, text]);
          else refused++;
        }
      }
      while (!channels[0].flush()) received.push(...receive(1));
      received.push(...receive(1));
      const isText = ([kind]: Received): boolean => typeof kind === "number";
      expect(received.filter(isText)).toEqual(texts);
      expect(received.filter((each) => !isText(each))).toEqual(questions);
    }),
    { numRuns: 40 },
  );
  expect(refused).toBeGreaterThan(0);
});
