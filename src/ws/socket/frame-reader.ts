// Reads the frames that a client sends (RFC 6455, 5) from the bytes of its TCP connection, and puts
// each complete message into the inbox. One for each connection. Memory for a frame or a message
// that has not come as a whole is at most twice what has come of it.

import { isUtf8 } from "node:buffer";
import type { Inbox } from "../message/inbox.ts";
import { CLOSE, isValidCode } from "./close-code.ts";
import { INFLATED, inflateMessage } from "./deflate.ts";
import { FIN, MASK, OPCODE, RSV1, RSV2_RSV3 } from "./frame.ts";

/** Takes what a reader has read. */
export interface FrameReceiver {
  /** Whether to read on. */
  readonly isOpen: boolean;
  /** A message is in the inbox. */
  receiveMessage(): void;
  /** The payload is only valid until this returns. */
  receivePing(payload: Buffer): void;
  receivePong(): void;
  /** The client closes the connection. `code` is what to answer. */
  receiveClose(code: number): void;
  /** The client has violated the protocol or a limit. */
  receiveViolation(code: number, reason: string): void;
}

/** A frame's head without its length and its mask, and its mask. */
const HEAD_BYTES = 2;
const MASK_BYTES = 4;
const MAX_CONTROL_BYTES = 125;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

const MIN_REST_BYTES = 512;

/** Memory for the payload of a control frame, as views of all lengths: a flood of pings would make
 * more garbage than it has bytes. */
const CONTROL_MEMORY = Buffer.alloc(MAX_CONTROL_BYTES);
const CONTROL_PAYLOADS = Array.from({ length: MAX_CONTROL_BYTES + 1 }, (_, length) =>
  CONTROL_MEMORY.subarray(0, length),
);

export class FrameReader {
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | undefined;
  #restLength = 0;
  /** The fragments of a message whose last one has not come, without their masks. */
  #fragments: Buffer | undefined;
  #fragmentsLength = 0;
  /** The opcode of that message, with RSV1 if it is compressed. 0: there is none. */
  #opcode = 0;

  /** `acceptCompressed`: whether permessage-deflate has been negotiated. */
  constructor(
    private readonly inbox: Inbox,
    private readonly acceptCompressed: boolean,
  ) {}

  /** Reads the first `count` bytes of `chunk`, and changes them. */
  read(chunk: Buffer, count: number, receiver: FrameReceiver): void {
    let bytes = chunk;
    let length = count;
    if (this.#rest !== undefined) {
      this.#rest = append(this.#rest, this.#restLength, chunk, 0, count);
      this.#restLength += count;
      bytes = this.#rest;
      length = this.#restLength;
    }
    let offset = 0;
    while (receiver.isOpen && offset < length) {
      const frame = this.#readFrame(bytes, offset, length, receiver);
      if (frame === 0) break;
      offset += frame;
    }
    if (receiver.isOpen) this.#keepRest(bytes, offset, length);
    else this.release();
  }

  /** Gives up all memory. */
  release(): void {
    this.#rest = undefined;
    this.#fragments = undefined;
  }

  #keepRest(bytes: Buffer, offset: number, length: number): void {
    const rest = length - offset;
    if (rest === 0) {
      this.#rest = undefined;
    } else if (bytes === this.#rest && bytes.length <= Math.max(2 * rest, MIN_REST_BYTES)) {
      if (offset > 0) bytes.copy(bytes, 0, offset, length);
    } else {
      this.#rest = Buffer.allocUnsafeSlow(Math.max(rest, MIN_REST_BYTES));
      bytes.copy(this.#rest, 0, offset, length);
    }
    this.#restLength = rest;
  }

  // Reads one frame and returns its length; 0 if it is incomplete or not allowed.
  #readFrame(bytes: Buffer, offset: number, end: number, receiver: FrameReceiver): number {
    if (end - offset < HEAD_BYTES) return 0;
    const first = bytes[offset];
    const second = bytes[offset + 1];
    const problem = this.#findProblem(first, second);
    if (problem !== undefined) return violate(receiver, CLOSE.protocolError, problem);
    let length = second & ~MASK;
    let mask = offset + HEAD_BYTES;
    if (length === LENGTH_16) {
      if (end - mask < 2) return 0;
      length = bytes.readUInt16BE(mask);
      mask += 2;
    } else if (length === LENGTH_64) {
      if (end - mask < 8) return 0;
      length = bytes.readUInt32BE(mask) * 2 ** 32 + bytes.readUInt32BE(mask + 4);
      mask += 8;
    }
    const isControl = (first & 8) !== 0;
    if (!isControl && this.#fragmentsLength + length > this.inbox.maxBytes) {
      return violate(receiver, CLOSE.messageTooBig, "message too big");
    }
    const payload = mask + MASK_BYTES;
    if (end - payload < length) return 0;
    if (isControl) this.#readControl(bytes, first & 0xf, mask, length, receiver);
    else this.#readData(bytes, first, mask, length, receiver);
    return payload + length - offset;
  }

  // What makes the first two bytes of a frame invalid.
  #findProblem(first: number, second: number): string | undefined {
    const opcode = first & 0xf;
    if ((first & RSV2_RSV3) !== 0) return "reserved bits";
    if ((second & MASK) === 0) return "frame without mask";
    if ((opcode & 8) !== 0) {
      if (opcode > OPCODE.pong) return "unknown opcode";
      if ((first & RSV1) !== 0) return "reserved bits";
      if ((first & FIN) === 0) return "control frame in fragments";
      return (second & ~MASK) > MAX_CONTROL_BYTES ? "control frame too long" : undefined;
    }
    if (opcode > OPCODE.binary) return "unknown opcode";
    const isFirst = opcode !== OPCODE.continuation;
    if ((first & RSV1) !== 0 && !(isFirst && this.acceptCompressed)) return "reserved bits";
    if (isFirst && this.#opcode !== 0) return "message within a message";
    if (!isFirst && this.#opcode === 0) return "fragment without a message";
    return undefined;
  }

  #readData(
    bytes: Buffer,
    first: number,
    mask: number,
    length: number,
    receiver: FrameReceiver,
  ): void {
    const { inbox } = this;
    const payload = mask + MASK_BYTES;
    const isFirst = (first & 0xf) !== OPCODE.continuation;
    const opcode = isFirst ? first & (RSV1 | 0xf) : this.#opcode;
    if (isFirst && (first & FIN) !== 0) {
      bytes.copy(inbox.bytes, 0, payload, payload + length);
      inbox.end(length, bytes.readInt32LE(mask));
      return this.#endMessage(opcode, receiver);
    }
    unmask(bytes, mask, length);
    const before = this.#fragmentsLength;
    const end = payload + length;
    this.#fragments = append(this.#fragments ?? NO_BYTES, before, bytes, payload, end);
    this.#fragmentsLength += length;
    this.#opcode = opcode;
    if ((first & FIN) === 0) return;
    inbox.set(this.#fragments.subarray(0, this.#fragmentsLength));
    this.#fragments = undefined;
    this.#fragmentsLength = 0;
    this.#opcode = 0;
    this.#endMessage(opcode, receiver);
  }

  #endMessage(opcode: number, receiver: FrameReceiver): void {
    if ((opcode & RSV1) !== 0) {
      const result = inflateMessage(this.inbox);
      if (result === INFLATED.tooBig) {
        return receiver.receiveViolation(CLOSE.messageTooBig, "message too big");
      }
      if (result === INFLATED.invalid) {
        return receiver.receiveViolation(CLOSE.invalidText, "invalid compressed data");
      }
    }
    if ((opcode & 0xf) === OPCODE.text && !this.inbox.isUtf8) {
      return receiver.receiveViolation(CLOSE.invalidText, "invalid UTF-8");
    }
    receiver.receiveMessage();
  }

  #readControl(
    bytes: Buffer,
    opcode: number,
    mask: number,
    length: number,
    receiver: FrameReceiver,
  ): void {
    if (opcode === OPCODE.pong) return receiver.receivePong();
    unmask(bytes, mask, length);
    const payload = CONTROL_PAYLOADS[length];
    bytes.copy(payload, 0, mask + MASK_BYTES, mask + MASK_BYTES + length);
    if (opcode === OPCODE.ping) return receiver.receivePing(payload);
    if (length === 0) return receiver.receiveClose(CLOSE.normal);
    const code = length >= 2 ? payload.readUInt16BE(0) : 0;
    if (!isValidCode(code)) {
      return receiver.receiveViolation(CLOSE.protocolError, "invalid close code");
    }
    if (!isUtf8(payload.subarray(2))) {
      return receiver.receiveViolation(CLOSE.invalidText, "invalid UTF-8");
    }
    receiver.receiveClose(code);
  }
}

const NO_BYTES = Buffer.alloc(0);

function violate(receiver: FrameReceiver, code: number, reason: string): number {
  receiver.receiveViolation(code, reason);
  return 0;
}

// Removes the mask at `bytes[mask]` from the `length` bytes behind it.
function unmask(bytes: Buffer, mask: number, length: number): void {
  const payload = mask + MASK_BYTES;
  for (let i = 0; i < length; i++) bytes[payload + i] ^= bytes[mask + (i & 3)];
}

// Returns memory with the first `length` bytes of `to`, then those from `start` to before `end` of
// `from`.
function append(to: Buffer, length: number, from: Buffer, start: number, end: number): Buffer {
  const needed = length + end - start;
  let memory = to;
  if (needed > to.length) {
    memory = Buffer.allocUnsafeSlow(Math.max(needed, 2 * to.length));
    to.copy(memory, 0, 0, length);
  }
  from.copy(memory, length, start, end);
  return memory;
}
