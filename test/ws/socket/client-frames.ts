// The frames that a client sends (RFC 6455, 5.2), valid or not, written plainly from the standard.

import { constants, deflateRawSync } from "node:zlib";

export interface FrameShape {
  /** Whether it is the last one of its message. Yes by default. */
  isLast?: boolean;
  /** RSV1, RSV2 and RSV3 as a number of three bits; 4 says that it is compressed. */
  reserved?: number;
  /** The four bytes to mask it with. Undefined: it is not masked. */
  mask?: readonly number[] | undefined;
  /** Bytes that the length takes beside the seven bits; by default as few as possible. */
  lengthBytes?: 0 | 2 | 8;
  /** The length that it claims to have. */
  claimedLength?: number | bigint;
}

export const COMPRESSED = 4;

const MASK = [0x12, 0xa5, 0x00, 0xfe];

/** Writes a frame. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array | string = "",
  shape: FrameShape = {},
): Buffer {
  const body = Buffer.from(payload as string);
  const { isLast = true, reserved = 0, claimedLength = body.length } = shape;
  const mask = "mask" in shape ? shape.mask : MASK;
  const lengthBytes = shape.lengthBytes ?? bytesOf(Number(claimedLength));
  const length = Buffer.alloc(1 + lengthBytes);
  length[0] =
    (mask === undefined ? 0 : 0x80) | { 0: Number(claimedLength), 2: 126, 8: 127 }[lengthBytes];
  if (lengthBytes === 2) length.writeUInt16BE(Number(claimedLength), 1);
  if (lengthBytes === 8) length.writeBigUInt64BE(BigInt(claimedLength), 1);
  const masked = mask === undefined ? body : body.map((byte, i) => byte ^ mask[i % 4]);
  return Buffer.concat([
    Buffer.of((isLast ? 0x80 : 0) | (reserved << 4) | opcode),
    length,
    Buffer.from(mask ?? []),
    masked,
  ]);
}

function bytesOf(length: number): 0 | 2 | 8 {
  if (length < 126) return 0;
  return length < 2 ** 16 ? 2 : 8;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: Uint8Array | string = ""): Buffer {
  return Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason as string)]);
}

/** Compresses a message (RFC 7692, 7.2.1). */
export function deflate(message: Uint8Array | string, windowBits = 15): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, windowBits };
  return deflateRawSync(message, options).subarray(0, -4);
}
