// Frames for the fuzzer of the socket backends: what a client may send, and what it must not.

import type { Random } from "../../src/memory/random.ts";
import { OPCODE } from "../../src/ws/socket/frame.ts";
import { clientFrame, closePayload, COMPRESSED, deflate } from "../ws/socket/client-frames.ts";

const { binary, close, continuation, ping, pong, text } = OPCODE;

/** Lengths at which something changes, with a limit of 1,000 bytes. */
const LENGTHS = [0, 1, 3, 4, 125, 126, 127, 999, 1000];
const LAST_LENGTHS = [1001, 70_000];
const CLOSE_CODES = [1000, 1001, 1003, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000, 0];
const INVALID_UTF8 = ["ff", "c080", "eda080", "f4908080", "e282"];

/** What a sequence of frames is made of; names for the tally. */
export interface FrameSequence {
  readonly frames: readonly Buffer[];
  /** What was done in the sequence. */
  readonly kinds: readonly string[];
}

/** Generates sequences of frames: the same ones for the same random numbers. */
export class Frames {
  #kinds: string[] = [];

  constructor(private readonly random: Random) {}

  /**
   * The frames of one connection. The last one closes it. `isCompressed`: compression has been
   * agreed.
   */
  next(isCompressed: boolean): FrameSequence {
    this.#kinds = [];
    const frames: Buffer[] = [];
    const count = this.random.below(10);
    for (let i = 0; i < count; i++) frames.push(...this.#item(isCompressed));
    if (this.random.below(3) === 0) frames.push(...this.#fault(isCompressed));
    frames.push(this.#closeFrame());
    return { frames, kinds: this.#kinds };
  }

  /** Cuts the bytes of frames into packets. */
  cut(frames: readonly Buffer[]): Buffer[] {
    const bytes = Buffer.concat(frames);
    if (this.random.below(3) > 0) return [bytes];
    const chunks: Buffer[] = [];
    for (let start = 0; start < bytes.length;) {
      const end = start + 1 + this.random.below(bytes.length);
      chunks.push(bytes.subarray(start, end));
      start = end;
    }
    return chunks;
  }

  // A message, perhaps in fragments, or a control frame.
  #item(isCompressed: boolean): Buffer[] {
    switch (this.random.below(6)) {
      case 0:
        return [this.#control()];
      case 1:
      case 2:
        return this.#fragments(isCompressed);
      default:
        return [this.#message(isCompressed)];
    }
  }

  #control(): Buffer {
    this.#note("control");
    const opcode = this.random.below(2) === 0 ? ping : pong;
    return clientFrame(opcode, this.#bytes(this.random.below(126)), { mask: this.#mask() });
  }

  #message(isCompressed: boolean): Buffer {
    const { isPacked, opcode, payload } = this.#payload(isCompressed);
    const lengthBytes = this.random.below(10) === 0 ? 8 : undefined;
    return clientFrame(opcode, payload, {
      mask: this.#mask(),
      reserved: isPacked ? COMPRESSED : 0,
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
    });
  }

  #fragments(isCompressed: boolean): Buffer[] {
    this.#note("fragments");
    const { isPacked, opcode, payload } = this.#payload(isCompressed);
    const frames: Buffer[] = [];
    const count = 1 + this.random.below(4);
    let start = 0;
    for (let i = 0; i < count; i++) {
      const isLast = i === count - 1;
      const end = isLast ? payload.length : start + this.random.below(payload.length - start + 1);
      const shape = { isLast, mask: this.#mask() };
      const part = payload.subarray(start, end);
      frames.push(
        i === 0
          ? clientFrame(opcode, part, { ...shape, reserved: isPacked ? COMPRESSED : 0 })
          : clientFrame(continuation, part, shape),
      );
      if (!isLast && this.random.below(3) === 0) frames.push(this.#control());
      start = end;
    }
    return frames;
  }

  #payload(isCompressed: boolean) {
    const opcode = this.random.below(4) === 0 ? binary : text;
    const length = LENGTHS[this.random.below(LENGTHS.length)];
    const message = opcode === binary ? this.#bytes(length) : this.#text(length);
    const isPacked = isCompressed && this.random.below(2) === 0;
    this.#note(isPacked ? "compressed" : opcode === binary ? "bytes" : "text");
    return { opcode, isPacked, payload: isPacked ? deflate(message) : message };
  }

  // Something after which the connection must end.
  #fault(isCompressed: boolean): Buffer[] {
    this.#note("fault");
    const { random } = this;
    const mask = this.#mask();
    switch (random.below(9)) {
      case 0:
        return [clientFrame(text, "a", { mask: undefined })];
      case 1:
        return [clientFrame(random.below(16), "a", { mask, reserved: 1 + random.below(3) })];
      case 2:
        return [clientFrame([3, 4, 5, 6, 7, 11, 12, 13, 14, 15][random.below(10)], "a", { mask })];
      case 3: {
        const length = LAST_LENGTHS[random.below(LAST_LENGTHS.length)];
        return [clientFrame(text, Buffer.alloc(length, "x"), { mask })];
      }
      case 4: {
        const invalid = INVALID_UTF8[random.below(INVALID_UTF8.length)];
        return [clientFrame(text, Buffer.from(`61${invalid}`, "hex"), { mask })];
      }
      case 5:
        return [clientFrame(8 + random.below(3), "a", { mask, isLast: false })];
      case 6:
        return [clientFrame(continuation, "a", { mask, isLast: random.below(2) === 0 })];
      case 7:
        return [clientFrame(text, "a", { isLast: false }), clientFrame(text, "b", { mask })];
      default: {
        const invalid = isCompressed ? Buffer.of(0xff, 0xff) : "a";
        return [clientFrame(text, invalid, { mask, reserved: COMPRESSED })];
      }
    }
  }

  #closeFrame(): Buffer {
    const code = CLOSE_CODES[this.random.below(CLOSE_CODES.length)];
    const payloads = [
      closePayload(1000),
      closePayload(1000, "good-bye \u20ac"),
      closePayload(1000, Buffer.of(0xff)),
      Buffer.of(3),
      closePayload(code),
    ];
    return clientFrame(close, payloads[this.random.below(payloads.length)], { mask: this.#mask() });
  }

  #mask(): number[] {
    return Array.from({ length: 4 }, () => this.random.below(256));
  }

  #bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.random.below(256)));
  }

  // A text of so many bytes with characters of one to four bytes.
  #text(length: number): Buffer {
    const characters = ["a", "\u00e9", "\u20ac", "\u{1f600}", "\0"];
    const parts: Buffer[] = [];
    let left = length;
    while (left > 0) {
      const character = Buffer.from(characters[this.random.below(characters.length)]);
      const part = character.length > left ? Buffer.from("b") : character;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  #note(kind: string): void {
    this.#kinds.push(kind);
  }
}
