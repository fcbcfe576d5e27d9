// Rings and doorbells between real threads. Both ends sleep without a time limit, so a lost wake-up
// makes the test hang.

import { expect, test } from "bun:test";
import { awaitDoorbell, ringDoorbell } from "../../src/memory/doorbell.ts";
import { RingReader, ringWords, RingWriter } from "../../src/memory/ring.ts";
import type { EchoJob } from "./echo-fixture.ts";
import type { RingJob, RingReport } from "./ring-fixture.ts";
import { BELLS } from "./shared-words.ts";
import { runWorker } from "./start-worker.ts";

const TIMEOUT_MS = 60_000;

test.each([
  ["in a roomy ring", { capacity: 4096, messages: 1_000_000, lengths: 24, batch: 64 }],
  ["in a tight ring", { capacity: 64, messages: 50_000, lengths: 32, batch: 3 }],
  ["published one by one", { capacity: 256, messages: 50_000, lengths: 8, batch: 1 }],
] as const)(
  "messages of all lengths arrive unchanged, %s",
  async (_name, sizes) => {
    const job = {
      ...sizes,
      ring: new SharedArrayBuffer(ringWords(sizes.capacity) * 4),
      control: new SharedArrayBuffer(128),
    };
    // On the way, the counters pass the end of 31 bits.
    const words = new Int32Array(job.ring);
    for (const counter of [0, 16]) words[counter] = 2 ** 31 - 4096;
    const [sent, received] = await Promise.all(
      (["writer", "reader"] as const).map((role) => {
        return runWorker<RingReport>("ring-fixture.ts", { ...job, role } satisfies RingJob);
      }),
    );
    expect(sent.messages).toBe(sizes.messages);
    expect(sent.words).toBeGreaterThan(sizes.messages);
    expect(received).toEqual(sent);
  },
  TIMEOUT_MS,
);

test(
  "every answer wakes an event loop, which keeps running meanwhile",
  async () => {
    const capacity = 64;
    const rounds = 5000;
    const job: EchoJob = {
      rings: [0, 1].map(() => new SharedArrayBuffer(ringWords(capacity) * 4)),
      control: new SharedArrayBuffer(128),
      capacity,
      messages: rounds,
    };
    const echo = runWorker<string>("echo-fixture.ts", job);
    const control = new Int32Array(job.control);
    const questions = new RingWriter(new Int32Array(job.rings[0]), 0, capacity);
    const answers = new RingReader(new Int32Array(job.rings[1]), 0, capacity);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let i = 0; i < rounds; i++) {
      questions.words[questions.reserve(1)] = i;
      questions.commit(1);
      questions.publish();
      ringDoorbell(control, BELLS.reader);
      while (answers.peek() < 0) {
        await awaitDoorbell(control, BELLS.writer, () => answers.peek() >= 0);
      }
      if (answers.words[answers.peek()] !== ~i) throw new Error(`answer ${i}`);
      answers.advance();
      answers.release();
    }
    expect(await echo).toBe("done");
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
