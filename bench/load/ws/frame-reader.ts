// Takes the frames out of the bytes of one connection as they come in, and hands on whole messages.
// What lies in one piece is handed on where it lies.

import { constants, inflateRawSync } from "node:zlib";
import { OPCODE } from "./frame.ts";

/** Longer frames are nothing that a tracker sends. */
const MOST_BYTES = 1 << 20;

const NOTHING = Buffer.alloc(0);
/** What a compressed message leaves out (RFC 7692, 7.2.2). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** Why no more is read from a connection. */
export type FrameFault =
  | "frame too long"
  | "masked frame"
  | "reserved bits"
  | "unknown opcode"
  | "bad fragments"
  | "bad compression";

export interface FrameTarget {
  /** A whole text message. */
  takeText(bytes: Buffer, start: number, end: number): void;
  takeBinary(): void;
  takeControl(opcode: number, payload: Buffer): void;
  takeFault(fault: FrameFault): void;
}

export class FrameReader {
  /** Whether messages may be compressed. */
  allowsDeflate = false;
  #rest = NOTHING;
  #fragments: Buffer[] | undefined;
  #fragmentBytes = 0;
  #areCompressed = false;
  #isBinary = false;
  #isBroken = false;

  constructor(private readonly target: FrameTarget) {}

  /** Takes `chunk` from `start` on; it may be used again afterwards. */
  read(chunk: Buffer, start: number): void {
    let bytes = chunk;
    let at = start;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(start)]);
      at = 0;
      this.#rest = NOTHING;
    }
    const end = bytes.length;
    while (end - at >= 2 && !this.#isBroken) {
      let length = bytes[at + 1];
      let payload = at + 2;
      if (length > 127) return this.#break("masked frame");
      if (length === 126) {
        if (end - at < 4) break;
        length = (bytes[at + 2] << 8) | bytes[at + 3];
        payload = at + 4;
      } else if (length === 127) {
        if (end - at < 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        payload = at + 10;
      }
      if (length > MOST_BYTES) return this.#break("frame too long");
      if (end - payload < length) break;
      // A whole text, not compressed: nearly all frames are.
      if (bytes[at] === (0x80 | OPCODE.text) && this.#fragments === undefined) {
        this.target.takeText(bytes, payload, payload + length);
      } else {
        this.#takeFrame(bytes[at], bytes, payload, payload + length);
      }
      at = payload + length;
    }
    if (at < end && !this.#isBroken) this.#rest = Buffer.from(bytes.subarray(at));
  }

  #takeFrame(head: number, bytes: Buffer, start: number, end: number): void {
    const opcode = head & 0x0f;
    const isFinal = (head & 0x80) !== 0;
    const isCompressed = (head & 0x40) !== 0;
    if ((head & 0x30) !== 0) return this.#break("reserved bits");
    if (opcode >= OPCODE.close) {
      if (opcode > OPCODE.pong) return this.#break("unknown opcode");
      if (!isFinal || isCompressed) return this.#break("reserved bits");
      return this.target.takeControl(opcode, bytes.subarray(start, end));
    }
    if (opcode > OPCODE.binary) return this.#break("unknown opcode");
    if ((opcode === OPCODE.continuation) !== (this.#fragments !== undefined)) {
      return this.#break("bad fragments");
    }
    if (opcode !== OPCODE.continuation) {
      if (isCompressed && !this.allowsDeflate) return this.#break("reserved bits");
      this.#areCompressed = isCompressed;
      this.#isBinary = opcode === OPCODE.binary;
    } else if (isCompressed) {
      return this.#break("reserved bits");
    }
    if (isFinal && this.#fragments === undefined) return this.#takeMessage(bytes, start, end);
    this.#fragments ??= [];
    this.#fragments.push(Buffer.from(bytes.subarray(start, end)));
    this.#fragmentBytes += end - start;
    if (this.#fragmentBytes > MOST_BYTES) return this.#break("frame too long");
    if (!isFinal) return;
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = undefined;
    this.#fragmentBytes = 0;
    this.#takeMessage(whole, 0, whole.length);
  }

  #takeMessage(bytes: Buffer, start: number, end: number): void {
    if (this.#isBinary) return this.target.takeBinary();
    if (!this.#areCompressed) return this.target.takeText(bytes, start, end);
    const text = inflate(bytes.subarray(start, end));
    if (text === undefined) return this.#break("bad compression");
    this.target.takeText(text, 0, text.length);
  }

  #break(fault: FrameFault): void {
    this.#isBroken = true;
    this.target.takeFault(fault);
  }
}

function inflate(payload: Buffer): Buffer | undefined {
  try {
    return inflateRawSync(Buffer.concat([payload, TAIL]), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MOST_BYTES,
    });
  } catch {
    return undefined;
  }
}
