// A queue of messages from one thread to one other, in shared memory. A message is a run of words
// of any length, written and read in place. A pair of rings connects a socket worker and a request
// worker. The producer never waits: `reserve` fails if there is no room.
//
//   word   0          16         32 ............................... 32 + capacity
//        [ written ][ read ][ length · payload | length · payload | -1 (go to start) ]
//
// `written` and `read` count words and wrap at 2^32; their low bits are the position. Each is on a
// cache line of its own, so that the two threads do not slow each other down.

const WRITTEN = 0;
const READ = 16;
const DATA = 32;
const TO_START = -1;

/** Words of shared memory for a ring of `capacity` words, which is a power of two. */
export function ringWords(capacity: number): number {
  return DATA + capacity;
}

/** Words that are written and not yet read, as any thread sees it. */
export function ringFill(words: Int32Array, baseWord: number): number {
  // In this order, the result may be too large, but is never negative.
  const read = Atomics.load(words, baseWord + READ);
  return (Atomics.load(words, baseWord + WRITTEN) - read) >>> 0;
}

/** The producer's end. */
export class RingWriter {
  #written: number;
  #read: number;
  readonly #mask: number;

  /**
   * A ring of `capacity` words in zeroed shared memory at `words[baseWord]`. The capacity is a
   * power of two and more than twice the longest message, so that an empty ring takes any message
   * at any position.
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
   * Returns the word at which a message of up to `count` words can be written, or -1 if the ring is
   * full. The message is queued by `commit`, not before.
   */
  reserve(count: number): number {
    const position = this.#written & this.#mask;
    const toEnd = this.capacity - position;
    const skip = count + 1 > toEnd ? toEnd : 0;
    const need = skip + count + 1;
    if (this.capacity - ((this.#written - this.#read) | 0) < need) {
      // Pairs with the store in RingReader.release: those words may be written again.
      this.#read = Atomics.load(this.words, this.baseWord + READ);
      if (this.capacity - ((this.#written - this.#read) | 0) < need) return -1;
    }
    if (skip === 0) return this.baseWord + DATA + position + 1;
    this.words[this.baseWord + DATA + position] = TO_START;
    this.#written = (this.#written + skip) | 0;
    return this.baseWord + DATA + 1;
  }

  /** Queues the message just written to the reserved words. `count` is its actual length. */
  commit(count: number): void {
    this.words[this.baseWord + DATA + (this.#written & this.#mask)] = count;
    this.#written = (this.#written + count + 1) | 0;
  }

  /** Makes all committed messages visible to the reader. */
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

  /** Reads the ring that a RingWriter writes; the arguments are the same. */
  constructor(
    readonly words: Int32Array,
    private readonly baseWord: number,
    capacity: number,
  ) {
    this.#mask = capacity - 1;
    this.#written = Atomics.load(words, baseWord + WRITTEN);
    this.#read = Atomics.load(words, baseWord + READ);
  }

  /** Returns the word at which the oldest message begins, or -1 if there is none. */
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

  /** Skips the message that `peek` returned. Its words stay unchanged until `release`. */
  advance(): void {
    this.#read =
      (this.#read + this.words[this.baseWord + DATA + (this.#read & this.#mask)] + 1) | 0;
  }

  /** Where `peek` is, for `goBack`. */
  get position(): number {
    return this.#read;
  }

  /** Makes `peek` return the messages since `position` again, unless they have been released. */
  goBack(position: number): void {
    this.#read = position;
  }

  /** Returns the words of all skipped messages to the writer. */
  release(): void {
    Atomics.store(this.words, this.baseWord + READ, this.#read);
  }
}
