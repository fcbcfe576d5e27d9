// Where a worker gathers what one connection sends in one go: all that one read gave cause to.

const FIRST_BYTES = 1 << 16;

export class SendBuffer {
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  /** Appends a frame and returns where it begins. */
  append(frame: Uint8Array): number {
    const at = this.length;
    const end = at + frame.length;
    if (end > this.bytes.length) this.#grow(end);
    this.bytes.set(frame, at);
    this.length = end;
    return at;
  }

  #grow(least: number): void {
    const grown = Buffer.allocUnsafe(Math.max(least, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
