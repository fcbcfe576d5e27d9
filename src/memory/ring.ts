// A queue of messages from one thread to one other, in shared memory: messages are runs of words
// of any length, written and read in place. Socket and request workers are joined by a pair of
// these. The producer never waits: when there is no room, it is told so.
//
//   word   0          16         32 ............................... 32 + capacity
//        [ written ][ read ][ length · payload | length · payload | -1 (go to start) ]
//
// `written` and `read` count words for ever (modulo 2^32); their low bits are the position. They
// stand on cache lines of their own, so that the two threads do not slow each other down.

const WRITTEN = 0;
const READ = 16;
const DATA = 32;
const TO_START = -1;

/** Words of shared memory that a ring of `capacity` words (a power of two) takes. */
export function ringWords(capacity: number): number {
  return DATA + capacity;
}

/** The producer's end. */
export class RingWriter {
  #written: number;
  #read: number;
  readonly #mask: number;

  /**
   * A ring of `capacity` words in zeroed shared memory at `words[base]`. The capacity is a power
   * of two and more than twice the longest message, so that an empty ring takes any message
   * wherever it stands.
   */
  constructor(
    readonly words: Int32Array,
    private readonly baseWord: number,
    private readonly capacity: number,
  ) {
    this.#mask = capacity - 1;
    this.#written = Atomics.load(words, baseWord + WRITTEN);
    this.#read = Atomics.load(words, baseWord + READ);
  }

  /**
   * The word at which a message of up to `length` words can be written now, or -1 when the ring
   * is full. Nothing is queued before `commit`.
   */
  reserve(count: number): number {
    const position = this.#written & this.#mask;
    const toEnd = this.capacity - position;
    const skip = count + 1 > toEnd ? toEnd : 0;
    const need = skip + count + 1;
    if (this.capacity - ((this.#written - this.#read) | 0) < need) {
      // Pairs with the store in RingReader.release: those words are free to write again.
      this.#read = Atomics.load(this.words, this.baseWord + READ);
      if (this.capacity - ((this.#written - this.#read) | 0) < need) return -1;
    }
    if (skip === 0) return this.baseWord + DATA + position + 1;
    this.words[this.baseWord + DATA + position] = TO_START;
    this.#written = (this.#written + skip) | 0;
    return this.baseWord + DATA + 1;
  }

  /** Queues the message just written at the reserved place; `length` is what it came to. */
  commit(count: number): void {
    this.words[this.baseWord + DATA + (this.#written & this.#mask)] = count;
    this.#written = (this.#written + count + 1) | 0;
  }

  /** Shows all that was committed to the reader. */
  publish(): void {
    // Pairs with the load in RingReader.peek: the reader sees the messages before the count.
    Atomics.store(this.words, this.baseWord + WRITTEN, this.#written);
  }
}

/** The consumer's end. */
export class RingReader {
  #written: number;
  #read: number;
  readonly #mask: number;

  /** The same ring as its RingWriter's. */
  constructor(
    readonly words: Int32Array,
    private readonly baseWord: number,
    capacity: number,
  ) {
    this.#mask = capacity - 1;
    this.#written = Atomics.load(words, baseWord + WRITTEN);
    this.#read = Atomics.load(words, baseWord + READ);
  }

  /** The word at which the oldest message begins, or -1 when there is none. */
  peek(): number {
    if (this.#read === this.#written) {
      this.#written = Atomics.load(this.words, this.baseWord + WRITTEN);
      if (this.#read === this.#written) return -1;
    }
    let position = this.#read & this.#mask;
    if (this.words[this.baseWord + DATA + position] === TO_START) {
      this.#read = (this.#read + this.#mask + 1 - position) | 0;
      position = 0;
      if (this.#read === this.#written) return this.peek();
    }
    return this.baseWord + DATA + position + 1;
  }

  /** Passes over the message that `peek` gave. Its words stay as they are until `release`. */
  advance(): void {
    this.#read =
      (this.#read + this.words[this.baseWord + DATA + (this.#read & this.#mask)] + 1) | 0;
  }

  /** Gives the words of all messages passed over back to the writer. */
  release(): void {
    Atomics.store(this.words, this.baseWord + READ, this.#read);
  }
}
