// Samples which client programs announce: each worker keeps the beginning of the peer id of one
// announce in 64, and the main thread counts them by name. The peers themselves are not needed: in
// the UDP tracker's tables they have no peer ids.
//
//   worker    [ count | - ] [ peer id: 8 bytes ] x 256, the latest overwriting the oldest

import { nameClient } from "./client-names.ts";

const HEAD_WORDS = 2;
const SLOTS = 256;
const WORKER_WORDS = HEAD_WORDS + SLOTS * 2;
const SAMPLED_ANNOUNCES = 64;

/** Seconds in which a sample loses half of its weight. */
const HALF_LIFE_SECONDS = 600;
/** Names beyond so many are counted together. Peer ids are the clients' to choose. */
const MAX_NAMES = 64;
const OTHER = "other";

/** Allocates the samples of `workers` workers. */
export function allocateClientSamples(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * WORKER_WORDS * 4);
}

/** One worker's samples. */
export class ClientSampler {
  readonly #words: Int32Array;
  #announces = 0;

  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(memory, worker * WORKER_WORDS * 4, WORKER_WORDS);
  }

  /** Counts an announce, whose peer id is at `words[word]`. */
  add(words: Int32Array, word: number): void {
    this.#announces = (this.#announces + 1) % SAMPLED_ANNOUNCES;
    if (this.#announces === 1) this.#keep(words[word], words[word + 1]);
  }

  #keep(first: number, second: number): void {
    const words = this.#words;
    const count = words[0];
    const slot = HEAD_WORDS + (count % SLOTS) * 2;
    words[slot] = first;
    words[slot + 1] = second;
    // Pairs with the load in `collect`. The sum of 2^31 samples takes longer than any uptime.
    Atomics.store(words, 0, count + 1);
  }
}

/** The share of each client program among the recent samples. */
export class ClientTally {
  readonly #memory: Int32Array;
  readonly #bytes: Buffer;
  readonly #seen: number[];
  readonly #weights = new Map<string, number>();
  #second = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new Int32Array(memory);
    this.#bytes = Buffer.from(memory);
    this.#seen = Array.from({ length: this.#memory.length / WORKER_WORDS }, () => 0);
  }

  /** Takes in what the workers have sampled until second `now`. */
  collect(now: number): void {
    const decay = 0.5 ** ((now - this.#second) / HALF_LIFE_SECONDS);
    this.#second = now;
    for (const [name, weight] of this.#weights) {
      if (weight * decay < 0.01) this.#weights.delete(name);
      else this.#weights.set(name, weight * decay);
    }
    for (const worker of this.#seen.keys()) this.#collectFrom(worker);
  }

  /** Names and their shares of all samples, the largest first. */
  shares(): { name: string; share: number }[] {
    const total = this.#weights.values().reduce((sum, weight) => sum + weight, 0);
    const shares = [...this.#weights].map(([name, weight]) => ({ name, share: weight / total }));
    return shares.toSorted((a, b) => b.share - a.share);
  }

  #collectFrom(worker: number): void {
    const word = worker * WORKER_WORDS;
    const count = Atomics.load(this.#memory, word);
    // A slot that is overwritten meanwhile gives a mixture of two ids, once in a long while.
    for (let i = Math.max(this.#seen[worker], count - SLOTS); i < count; i++) {
      const start = (word + HEAD_WORDS + (i % SLOTS) * 2) * 4;
      const name = nameClient(this.#bytes.toString("latin1", start, start + 8)) ?? OTHER;
      const isKnown = this.#weights.has(name) || this.#weights.size < MAX_NAMES;
      const key = isKnown ? name : OTHER;
      this.#weights.set(key, (this.#weights.get(key) ?? 0) + 1);
    }
    this.#seen[worker] = count;
  }
}
