// What a socket worker sends to the others: offers and answers for their connections, and questions
// about them. Letters travel in batches, one for each worker and iteration of the event loop, as
// arrays of strings and numbers: posted one by one they would cost seven times as much.

import { KIND } from "./deliveries.ts";

/** What a letter is, beside KIND. */
export const LETTER = {
  /** Is this connection alive? From the worker named by the text. */
  probe: 3,
  /** It is. */
  alive: 4,
  /** It is not, and has been closed. */
  gone: 5,
} as const;

export type LetterKind = (typeof KIND)[keyof typeof KIND] | (typeof LETTER)[keyof typeof LETTER];

/** Takes a letter about, or for, the connection `name`. */
export type Receive = (kind: LetterKind, name: number, generation: number, text: string) => void;

type Batch = (number | string)[];

const LETTER_FIELDS = 4;
/** A letter's weight beside its text, in characters. */
const ENVELOPE = 64;
/** Characters on their way to one worker, beyond which offers are dropped, and then answers. */
const MOST_WITH_OFFERS = 16 * 2 ** 20;
const MOST = 64 * 2 ** 20;
const LINE = 16;

/** Memory in which the workers count what is on its way between them. */
export function allocateMail(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * workers * LINE * 4);
}

export interface MailSetup {
  readonly worker: number;
  /** One for each worker, none for this one. */
  readonly ports: readonly (MessagePort | undefined)[];
  readonly underWay: SharedArrayBuffer;
  /** The most letters of a batch. */
  readonly mostInBatch: number;
}

export class Mail {
  readonly #batches: Batch[];
  readonly #underWay: Int32Array;

  constructor(
    private readonly setup: MailSetup,
    receive: Receive,
  ) {
    this.#batches = setup.ports.map(() => []);
    this.#underWay = new Int32Array(setup.underWay);
    setup.ports.forEach((port, worker) => {
      if (port === undefined) return;
      port.onmessage = ({ data }) => this.#receiveBatch(worker, data as Batch, receive);
    });
  }

  /** Puts a letter into the batch for `worker`; false when too much is on its way there. */
  post(worker: number, kind: LetterKind, name: number, generation: number, text: string): boolean {
    const weight = text.length + ENVELOPE;
    const word = this.#word(this.setup.worker, worker);
    const most = kind === KIND.offer ? MOST_WITH_OFFERS : MOST;
    const isBounded = kind === KIND.offer || kind === KIND.answer;
    if (isBounded && Atomics.load(this.#underWay, word) + weight > most) return false;
    Atomics.add(this.#underWay, word, weight);
    const batch = this.#batches[worker];
    batch.push(kind, name, generation, text);
    if (batch.length >= this.setup.mostInBatch * LETTER_FIELDS) this.#send(worker);
    return true;
  }

  /** Sends all batches. */
  flush(): void {
    for (let worker = 0; worker < this.#batches.length; worker++) {
      if (this.#batches[worker].length > 0) this.#send(worker);
    }
  }

  #send(worker: number): void {
    this.setup.ports[worker]?.postMessage(this.#batches[worker]);
    this.#batches[worker] = [];
  }

  #receiveBatch(worker: number, batch: Batch, receive: Receive): void {
    let weight = 0;
    for (let i = 0; i < batch.length; i += LETTER_FIELDS) {
      const text = batch[i + 3] as string;
      weight += text.length + ENVELOPE;
      receive(batch[i] as LetterKind, batch[i + 1] as number, batch[i + 2] as number, text);
    }
    Atomics.sub(this.#underWay, this.#word(worker, this.setup.worker), weight);
  }

  #word(from: number, to: number): number {
    return (from * this.#batches.length + to) * LINE;
  }
}
