// One end of a ring as a Worker. It writes or reads messages that both ends know beforehand, and
// sleeps at its doorbell without a time limit whenever it cannot continue.

import { ringDoorbell, sleepAtDoorbell } from "../../src/memory/doorbell.ts";
import { Random } from "../../src/memory/random.ts";
import { RingReader, RingWriter } from "../../src/memory/ring.ts";
import { BELLS } from "./shared-words.ts";

declare const self: Worker;

export interface RingJob {
  role: "writer" | "reader";
  ring: SharedArrayBuffer;
  control: SharedArrayBuffer;
  capacity: number;
  messages: number;
  /** Every message has fewer words than this. */
  lengths: number;
  /** Maximum number of messages published or released at a time. */
  batch: number;
}

/** Totals of what an end has written or read. */
export interface RingReport {
  messages: number;
  words: number;
  checksum: number;
}

/** Does the job and returns the totals. Throws if a message is not the expected one. */
function runEnd(job: RingJob): RingReport {
  const control = new Int32Array(job.control);
  const ring = new Int32Array(job.ring);
  return job.role === "writer" ? writeAll(job, ring, control) : readAll(job, ring, control);
}

function writeAll(job: RingJob, ring: Int32Array, control: Int32Array): RingReport {
  const writer = new RingWriter(ring, 0, job.capacity);
  const content = new Random(1, 2, 3);
  const batches = new Random(4, 5, 6);
  const report = { messages: 0, words: 0, checksum: 0 };
  let batch = 0;
  const show = (): void => {
    writer.publish();
    ringDoorbell(control, BELLS.reader);
    batch = 1 + batches.below(job.batch);
  };
  for (let i = 0; i < job.messages; i++) {
    const length = content.below(job.lengths);
    let messageWord = writer.reserve(length);
    while (messageWord < 0) {
      show();
      sleepAtDoorbell(control, BELLS.writer, Infinity, () => writer.reserve(length) >= 0);
      messageWord = writer.reserve(length);
    }
    for (let word = 0; word < length; word++) {
      ring[messageWord + word] = content.next();
      report.checksum = (report.checksum * 31 + ring[messageWord + word]) | 0;
    }
    writer.commit(length);
    report.messages++;
    report.words += length;
    if (--batch <= 0) show();
  }
  show();
  return report;
}

function readAll(job: RingJob, ring: Int32Array, control: Int32Array): RingReport {
  const reader = new RingReader(ring, 0, job.capacity);
  const content = new Random(1, 2, 3);
  const batches = new Random(7, 8, 9);
  const report = { messages: 0, words: 0, checksum: 0 };
  let batch = 0;
  const giveBack = (): void => {
    reader.release();
    ringDoorbell(control, BELLS.writer);
    batch = 1 + batches.below(job.batch);
  };
  while (report.messages < job.messages) {
    const messageWord = reader.peek();
    if (messageWord < 0) {
      giveBack();
      sleepAtDoorbell(control, BELLS.reader, Infinity, () => reader.peek() >= 0);
      continue;
    }
    const length = content.below(job.lengths);
    for (let word = 0; word < length; word++) {
      if (ring[messageWord + word] !== content.next())
        throw new Error(`message ${report.messages}`);
      report.checksum = (report.checksum * 31 + ring[messageWord + word]) | 0;
    }
    reader.advance();
    report.messages++;
    report.words += length;
    if (--batch <= 0) giveBack();
  }
  giveBack();
  return report;
}

self.onmessage = ({ data }: MessageEvent<RingJob>) => self.postMessage(runEnd(data));
