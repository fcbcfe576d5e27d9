// A Worker that answers each message of one ring in another, and sleeps in between.

import { ringDoorbell, sleepAtDoorbell } from "../../src/memory/doorbell.ts";
import { RingReader, RingWriter } from "../../src/memory/ring.ts";
import { BELLS } from "./shared-words.ts";

declare const self: Worker;

export interface EchoJob {
  /** Questions and answers. */
  rings: SharedArrayBuffer[];
  control: SharedArrayBuffer;
  capacity: number;
  messages: number;
}

self.onmessage = ({ data }: MessageEvent<EchoJob>) => {
  const control = new Int32Array(data.control);
  const questions = new RingReader(new Int32Array(data.rings[0]), 0, data.capacity);
  const answers = new RingWriter(new Int32Array(data.rings[1]), 0, data.capacity);
  for (let i = 0; i < data.messages; i++) {
    while (questions.peek() < 0) {
      sleepAtDoorbell(control, BELLS.reader, Infinity, () => questions.peek() >= 0);
    }
    answers.words[answers.reserve(1)] = ~questions.words[questions.peek()];
    questions.advance();
    questions.release();
    answers.commit(1);
    answers.publish();
    ringDoorbell(control, BELLS.writer);
  }
  self.postMessage("done");
};
