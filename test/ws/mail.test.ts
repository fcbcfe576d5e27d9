// Two ends of the mail in one thread: what is posted arrives when the event loop goes round.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { KIND } from "../../src/ws/deliveries.ts";
import { allocateMail, LETTER, type LetterKind, Mail } from "../../src/ws/mail.ts";

type Letter = [kind: LetterKind, name: number, generation: number, text: string];

const MEBI = 2 ** 20;
const WORKERS = 3;
const MOST_IN_BATCH = 4;

let underWay: SharedArrayBuffer;
let channel: MessageChannel;
/** Letters by the worker that received them. */
let received: Letter[][];
let batches: number;
let mails: [Mail, Mail];
let notify: () => void;

beforeEach(() => {
  underWay = allocateMail(WORKERS);
  channel = new MessageChannel();
  received = [[], []];
  batches = 0;
  notify = () => undefined;
  const { port1, port2 } = channel;
  mails = [end(0, [undefined, port1, undefined]), end(1, [port2, undefined, undefined])];
  // Counts the batches, beside whoever reads them.
  port2.addEventListener("message", () => batches++);
});

afterEach(() => {
  channel.port1.close();
  channel.port2.close();
});

function end(worker: number, ports: (MessagePort | undefined)[]): Mail {
  return new Mail({ worker, ports, underWay, mostInBatch: MOST_IN_BATCH }, (...letter) => {
    received[worker].push(letter);
    notify();
  });
}

/** Waits until the worker has so many letters, and has counted them. */
async function arrived(worker: number, count: number): Promise<Letter[]> {
  await new Promise<void>((resolve) => {
    notify = () => {
      if (received[worker].length >= count) resolve();
    };
    notify();
  });
  return received[worker];
}

/** Everything that is on its way, between any two workers. */
function weightUnderWay(): number {
  return new Int32Array(underWay).reduce((sum, word) => sum + word, 0);
}

test("letters wait for the flush and arrive in their order", async () => {
  const letters: Letter[] = [
    [KIND.offer, 1, 2, "an offer"],
    [KIND.answer, -5, 65_535, 'ÿ "\u0000\ud83d\ude00'],
    [LETTER.probe, (63 << 24) | 7, 0, ""],
  ];
  for (const letter of letters) expect(mails[0].post(1, ...letter)).toBe(true);
  mails[1].post(0, LETTER.gone, 9, 8, "");
  mails[1].flush();
  await arrived(0, 1);
  // Had they been sent, they would have been here before that one.
  expect(received[1]).toEqual([]);
  mails[0].flush();
  expect(await arrived(1, 3)).toEqual(letters);
  expect(received[0]).toEqual([[LETTER.gone, 9, 8, ""]]);
  expect(batches).toBe(1);
});

test("a batch leaves by itself when it is full", async () => {
  const letters = Array.from({ length: 11 }, (_, n): Letter => [KIND.offer, n, n, `offer ${n}`]);
  for (const letter of letters) mails[0].post(1, ...letter);
  expect(await arrived(1, 8)).toEqual(letters.slice(0, 8));
  mails[1].post(0, LETTER.gone, 9, 8, "");
  mails[1].flush();
  await arrived(0, 1);
  expect(received[1].length).toBe(8);
  mails[0].flush();
  expect(await arrived(1, 11)).toEqual(letters);
  expect(batches).toBe(3);
});

test("a flush of nothing sends nothing", async () => {
  mails[0].flush();
  mails[0].post(1, KIND.offer, 1, 1, "x");
  mails[0].flush();
  mails[0].flush();
  await arrived(1, 1);
  expect(batches).toBe(1);
});

test("what is on its way is counted, and nothing once it is there", async () => {
  for (let n = 0; n < 10; n++) mails[0].post(1, KIND.offer, n, 0, "x".repeat(n));
  mails[1].post(0, KIND.answer, 0, 0, "x".repeat(100));
  const before = weightUnderWay();
  expect(before).toBeGreaterThanOrEqual(45 + 100);
  mails[0].flush();
  mails[1].flush();
  await arrived(1, 10);
  await arrived(0, 1);
  expect(weightUnderWay()).toBe(0);
});

describe("a worker that does not read", () => {
  const half = "x".repeat(8 * MEBI);

  test("is sent no more offers, but answers, and at last questions alone", async () => {
    expect(mails[0].post(1, KIND.offer, 0, 0, half)).toBe(true);
    // The second one would be too much with what goes around it.
    expect(mails[0].post(1, KIND.offer, 0, 0, half)).toBe(false);
    expect(mails[0].post(1, KIND.offer, 0, 0, half.slice(200))).toBe(true);
    expect(mails[0].post(1, KIND.offer, 0, 0, half.slice(0, 200))).toBe(false);
    let posted = 2;
    while (mails[0].post(1, KIND.answer, 0, 0, half)) posted++;
    // Of 64 Mi characters, the last half of 8 has no room for what goes around all of them.
    expect(posted).toBe(7);
    // Somebody waits for those, and nobody can make many of them.
    for (const kind of [LETTER.probe, LETTER.alive, LETTER.gone]) {
      expect(mails[0].post(1, kind, 0, 0, half)).toBe(true);
      posted++;
    }
    // Others are not affected, nor is the way back.
    expect(mails[1].post(0, KIND.offer, 0, 0, "x")).toBe(true);

    mails[0].flush();
    await arrived(1, posted);
    expect(mails[0].post(1, KIND.offer, 0, 0, half)).toBe(true);
  });

  test("is sent many short letters no more than a few long ones", () => {
    let posted = 0;
    while (mails[0].post(1, KIND.offer, 0, 0, "")) posted++;
    expect(posted).toBeLessThanOrEqual(2 ** 18);
    expect(posted).toBeGreaterThan(10_000);
  });
});
