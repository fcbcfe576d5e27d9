// The message that a worker is handling, as bytes. There is one at a time, so all messages use the
// same memory: nothing is allocated for a message, and the code that reads it always sees the same
// typed arrays. The backend puts a message here, and the reader reads it.

import { isUtf8 } from "node:buffer";

/** Bytes behind a message that stop every scan: see `end`. */
const SENTINEL = [0x22, 0, 0x22, 0];
const SLACK = 8;

const HIGH_BITS = 0x80808080;
const SPACES = 0x20202020;

export class Inbox {
  readonly bytes: Buffer;
  /** The same memory as 32-bit words. */
  readonly words: Int32Array;
  /** Bytes of the message. */
  length = 0;
  /** Whether any byte is a control character, U+0000 to U+001F. JSON strings have none. */
  hasControl = false;
  /** Whether the message is valid UTF-8; undefined until somebody asks. */
  #isUtf8: boolean | undefined;

  /** `maxBytes`: the length of the longest message. */
  constructor(readonly maxBytes: number) {
    const buffer = new ArrayBuffer((maxBytes + SLACK + 3) & ~3);
    this.bytes = Buffer.from(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Takes a copy of a message. */
  set(message: Uint8Array): void {
    this.bytes.set(message);
    this.end(message.length, 0);
  }

  /** Takes a message as UTF-8. Returns false if it is too long. */
  setText(text: string): boolean {
    if (Buffer.byteLength(text) > this.maxBytes) return false;
    this.end(this.bytes.write(text), 0);
    return true;
  }

  /** Returns a copy of the message. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.length);
    this.bytes.copy(copy, 0, 0, this.length);
    return copy;
  }

  /**
   * Completes a message whose `length` bytes have been written to `bytes`: XORs them with `mask`,
   * the four bytes of a WebSocket mask as a little-endian word (RFC 6455, 5.3), and looks at all of
   * them.
   */
  end(length: number, mask: number): void {
    const { bytes, words } = this;
    const whole = length >> 2;
    let high = 0;
    let control = 0;
    for (let i = 0; i < whole; i++) {
      const word = words[i] ^ mask;
      words[i] = word;
      high |= word;
      // Sets the high bit of each byte below 0x20, and perhaps of the byte above such a one.
      control |= (word - SPACES) & ~word;
    }
    for (let i = whole * 4; i < length; i++) {
      const byte = bytes[i] ^ ((mask >>> ((i & 3) * 8)) & 0xff);
      bytes[i] = byte;
      high |= byte;
      if (byte < 0x20) control |= HIGH_BITS;
    }
    // A string without an end ends here, and a scan that steps over this quote at the next.
    for (let i = 0; i < SENTINEL.length; i++) bytes[length + i] = SENTINEL[i];
    this.length = length;
    this.hasControl = (control & HIGH_BITS) !== 0;
    this.#isUtf8 = (high & HIGH_BITS) === 0 ? true : undefined;
  }

  /** Whether the message is valid UTF-8, as text frames must be (RFC 6455, 8.1). */
  get isUtf8(): boolean {
    return (this.#isUtf8 ??= isUtf8(this.bytes.subarray(0, this.length)));
  }
}
