// Writes WebSocket frames as a client sends them (RFC 6455): masked, each payload composed of known
// pieces and of what differs. The four bytes of the mask are equal, and the same in all frames of a
// writer: so pieces lie ready masked, wherever in a payload they begin.

import { constants, deflateRawSync } from "node:zlib";
import { MOST_TEXT_BYTES, writeIdText } from "./id-text.ts";
import { writeSession } from "./sdp.ts";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const FINAL = 0x80;
const COMPRESSED = 0x40;
const MASKED = 0x80;
const MASK_BYTES = 4;
const FIRST_BYTES = 1 << 16;
/** The head of nearly all frames: those from 126 to 65,535 bytes. */
const USUAL_HEAD_BYTES = 4 + MASK_BYTES;
const LONG_HEAD_BYTES = 10 + MASK_BYTES;
/** The end of a flushed block, which a message leaves out (RFC 7692, 7.2.1). */
const TAIL_BYTES = 4;

/** A masked part of many payloads. */
export type Piece = Uint8Array;

/** For what is not sent as it is written. */
export const NO_MASK = 0;

export class FrameWriter {
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;
  #payload = 0;

  /** `mask`: the byte that it is made of. */
  constructor(private readonly mask: number) {}

  /** Makes a piece for this writer. */
  pieceOf(text: string | Uint8Array): Piece {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    return Uint8Array.from(bytes, (byte) => byte ^ this.mask);
  }

  /** Begins a text. */
  begin(): void {
    this.#reserve(LONG_HEAD_BYTES);
    this.#payload = this.length + USUAL_HEAD_BYTES;
    this.length = this.#payload;
  }

  append(piece: Piece): void {
    this.#reserve(piece.length);
    this.bytes.set(piece, this.length);
    this.length += piece.length;
  }

  /** Appends the id of 20 bytes. */
  appendId(id: Uint8Array): void {
    this.#reserve(MOST_TEXT_BYTES);
    this.length = writeIdText(id, this.bytes, this.length, this.mask);
  }

  /** Appends the session of a peer's SDP. */
  appendSession(offerId: Uint8Array, peerId: Uint8Array): void {
    this.#reserve(MOST_TEXT_BYTES);
    this.length = writeSession(offerId, peerId, this.bytes, this.length, this.mask);
  }

  /** Ends the text that `begin` began. */
  end(): void {
    this.#close(FINAL | OPCODE.text);
  }

  /** Appends a whole frame of what another writer has been told since its `begin`, compressed. */
  appendCompressed(plain: FrameWriter): void {
    const text = plain.bytes.subarray(plain.#payload, plain.length);
    // Browsers flush at the end of a message; the lowest level keeps the load tester cheap.
    const packed = deflateRawSync(text, { level: 1, finishFlush: constants.Z_SYNC_FLUSH });
    plain.length = 0;
    this.#appendFrame(FINAL | COMPRESSED | OPCODE.text, packed.subarray(0, -TAIL_BYTES));
  }

  appendControl(opcode: number, payload: Uint8Array): void {
    this.#appendFrame(FINAL | opcode, payload);
  }

  #appendFrame(first: number, payload: Uint8Array): void {
    this.begin();
    this.#reserve(payload.length);
    const { bytes, length, mask } = this;
    for (let i = 0; i < payload.length; i++) bytes[length + i] = payload[i] ^ mask;
    this.length += payload.length;
    this.#close(first);
  }

  // Writes the head in front of the payload, which moves if the head has another length.
  #close(first: number): void {
    this.#reserve(LONG_HEAD_BYTES);
    const { bytes, mask } = this;
    const start = this.#payload - USUAL_HEAD_BYTES;
    const length = this.length - this.#payload;
    const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    const payload = start + 2 + extended + MASK_BYTES;
    if (payload !== this.#payload) {
      bytes.copyWithin(payload, this.#payload, this.length);
      this.length = payload + length;
    }
    bytes[start] = first;
    bytes[start + 1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
    if (extended === 2) bytes.writeUInt16BE(length, start + 2);
    if (extended === 8) bytes.writeBigUInt64BE(BigInt(length), start + 2);
    bytes.fill(mask, payload - MASK_BYTES, payload);
  }

  #reserve(more: number): void {
    const least = this.length + more;
    if (least <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(least, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
