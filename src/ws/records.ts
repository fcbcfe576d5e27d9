// Records of a fixed number of words, counted from 0, in memory that grows by chunks. Growing
// copies nothing: a copy of all would delay every client.

const CHUNK_BITS = 12;
const CHUNK_RECORDS = 1 << CHUNK_BITS;

export class Records {
  readonly #chunks: Int32Array<ArrayBuffer>[] = [];

  /** `words`: the words of a record. */
  constructor(private readonly words: number) {}

  /** The number of records, used or not. */
  get length(): number {
    return this.#chunks.length * CHUNK_RECORDS;
  }

  /** Makes sure that the record exists. New ones are zeroed. */
  reach(index: number): void {
    while (index >= this.length) this.#chunks.push(new Int32Array(CHUNK_RECORDS * this.words));
  }

  /** The memory that contains the record, at `offset`. The record must exist. */
  chunk(index: number): Int32Array {
    return this.#chunks[index >>> CHUNK_BITS];
  }

  offset(index: number): number {
    return (index & (CHUNK_RECORDS - 1)) * this.words;
  }

  /** Returns a word of a record. */
  get(index: number, word: number): number {
    return this.chunk(index)[this.offset(index) + word];
  }

  set(index: number, word: number, value: number): void {
    this.chunk(index)[this.offset(index) + word] = value;
  }
}
