// Records of so many words each, counted from 0, in memory that grows by chunks: nothing is copied
// when there are more, which would keep everybody waiting.

const CHUNK_BITS = 12;
const CHUNK_RECORDS = 1 << CHUNK_BITS;

export class Records {
  readonly #chunks: Int32Array<ArrayBuffer>[] = [];

  /** `words`: of one record. */
  constructor(private readonly words: number) {}

  /** How many there are, used or not. */
  get length(): number {
    return this.#chunks.length * CHUNK_RECORDS;
  }

  /** Makes sure that the record is there; new ones are zeroed. */
  reach(index: number): void {
    while (index >= this.length) this.#chunks.push(new Int32Array(CHUNK_RECORDS * this.words));
  }

  /** The words among which the record is, from `offset` of it on. It must be there. */
  chunk(index: number): Int32Array {
    return this.#chunks[index >>> CHUNK_BITS];
  }

  offset(index: number): number {
    return (index & (CHUNK_RECORDS - 1)) * this.words;
  }

  /** One word of a record. */
  get(index: number, word: number): number {
    return this.chunk(index)[this.offset(index) + word];
  }

  set(index: number, word: number, value: number): void {
    this.chunk(index)[this.offset(index) + word] = value;
  }
}
