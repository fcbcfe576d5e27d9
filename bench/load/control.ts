// How the threads of a load tester keep step, in memory that they share: the main thread says which
// phase it is, each worker which state it is in.
//
//   word 0           phase
//   word 1 + worker  state

/** What the main thread wants. */
export const PHASE = { setUp: 0, measure: 1, finish: 2 } as const;

/** How far a worker is. Only those for UDP can be `unanswered`: they got no connection id. */
export const STATE = { settingUp: 0, ready: 1, unanswered: 2, timedOut: 3, finished: 4 } as const;

/** Parts of a run that are counted apart. */
export const PART = { setup: 0, measured: 1, after: 2 } as const;
export const PARTS = 3;

const PHASE_WORD = 0;
const STATE_WORDS = 1;

/** Shared memory for the control of so many workers, all of them setting up. */
export function allocateControl(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((STATE_WORDS + workers) * Int32Array.BYTES_PER_ELEMENT);
}

/** One thread's view of the phase and the states. */
export class Control {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  isPhase(phase: number): boolean {
    return Atomics.load(this.#words, PHASE_WORD) === phase;
  }

  /** Also wakes the workers that are in `blockDuring`. */
  setPhase(phase: number): void {
    Atomics.store(this.#words, PHASE_WORD, phase);
    Atomics.notify(this.#words, PHASE_WORD);
  }

  /** Blocks the thread, with its events, for as long as it is this phase. */
  blockDuring(phase: number): void {
    Atomics.wait(this.#words, PHASE_WORD, phase);
  }

  setState(worker: number, state: number): void {
    Atomics.store(this.#words, STATE_WORDS + worker, state);
  }

  /** Whether any worker is in this state. */
  isAnybody(state: number): boolean {
    for (let word = STATE_WORDS; word < this.#words.length; word++) {
      if (Atomics.load(this.#words, word) === state) return true;
    }
    return false;
  }

  /** Whether every worker is in this state, or in one that comes after it. */
  haveAllReached(state: number): boolean {
    for (let word = STATE_WORDS; word < this.#words.length; word++) {
      if (Atomics.load(this.#words, word) < state) return false;
    }
    return true;
  }
}
