// A Worker that takes a lock again and again and, while it holds it, increments words that nothing
// else guards.

import { acquire, release } from "../../src/memory/lock.ts";
import { LOCK } from "./shared-words.ts";

declare const self: Worker;

export interface LockJob {
  memory: SharedArrayBuffer;
  rounds: number;
  /** The number of rounds after which the holder sleeps for a millisecond; 0 for never. */
  napEvery: number;
}

self.onmessage = ({ data }: MessageEvent<LockJob>) => {
  const words = new Int32Array(data.memory);
  for (let round = 1; round <= data.rounds; round++) {
    acquire(words, LOCK.lock);
    const before = words[LOCK.counts[0]];
    const isNapping = data.napEvery > 0 && round % data.napEvery === 0;
    if (isNapping) Atomics.wait(words, LOCK.nap, 0, 1);
    for (const count of LOCK.counts) {
      if (words[count] !== before) throw new Error("another thread holds the lock");
      words[count] = before + 1;
    }
    release(words, LOCK.lock);
  }
  self.postMessage("done");
};
