// The message that a worker is writing, as bytes. There is one at a time. Delivering it copies it
// to where it is sent from.

const FIRST_BYTES = 4096;
/** Memory for larger messages is not kept. */
const MAX_KEPT_BYTES = 2 ** 20;

const ZERO = 48;
const MAX_DIGITS = 16;

export class Draft {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Bytes of the message so far. */
  length = 0;

  /** Begins a new message with this text. */
  begin(text: Uint8Array): void {
    if (this.bytes.length > MAX_KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.length = 0;
    this.add(text);
  }

  /** Goes back to the state in which the message had `length` bytes. */
  truncate(length: number): void {
    this.length = length;
  }

  add(text: Uint8Array): void {
    this.#reserve(text.length);
    const { bytes } = this;
    // Most are so short that a loop is faster than a call.
    for (let i = 0; i < text.length; i++) bytes[this.length + i] = text[i];
    this.length += text.length;
  }

  /** Adds the bytes from `start` to before `end`. */
  addPart(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.length += from.copy(this.bytes, this.length, start, end);
  }

  /** Adds a whole number that is not negative, in decimal. */
  addNumber(number: number): void {
    this.#reserve(MAX_DIGITS);
    const { bytes, length } = this;
    let digits = 1;
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let rest = number;
    for (let i = length + digits - 1; i >= length; i--) {
      const next = Math.floor(rest / 10);
      bytes[i] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.length = length + digits;
  }

  /** The message as text, for tests and for logs. */
  toString(): string {
    return this.bytes.toString("utf8", 0, this.length);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
