// The bytes of WebSocket frames (RFC 6455, 5.2), as a server writes them: not masked.

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The bits of the first byte beside the opcode. */
export const FIN = 0x80;
export const RSV1 = 0x40;
export const RSV2_RSV3 = 0x30;

/** The bit of the second byte that says whether a frame is masked. */
export const MASK = 0x80;

/** Payload lengths from which on the length takes two more bytes, or eight. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MAX_LENGTH_16 = 0xffff;

/** The longest head of a frame that is not masked. */
export const FRAME_HEAD_BYTES = 10;

/**
 * Writes the head of a final frame to `bytes[offset]` and returns where its payload goes. `opcode`
 * may include RSV1; the payload has `length` bytes.
 */
export function writeFrameHead(
  bytes: Uint8Array,
  offset: number,
  opcode: number,
  length: number,
): number {
  bytes[offset] = FIN | opcode;
  if (length < LENGTH_16) {
    bytes[offset + 1] = length;
    return offset + 2;
  }
  if (length <= MAX_LENGTH_16) {
    bytes[offset + 1] = LENGTH_16;
    bytes[offset + 2] = length >>> 8;
    bytes[offset + 3] = length;
    return offset + 4;
  }
  bytes[offset + 1] = LENGTH_64;
  for (let i = 0; i < 4; i++) bytes[offset + 2 + i] = 0;
  bytes[offset + 6] = length >>> 24;
  bytes[offset + 7] = length >>> 16;
  bytes[offset + 8] = length >>> 8;
  bytes[offset + 9] = length;
  return offset + FRAME_HEAD_BYTES;
}

/** Returns the bytes of the whole frame at `bytes[offset]`, one that `writeFrameHead` began. */
export function frameBytes(bytes: Uint8Array, offset: number): number {
  const payload = payloadOffset(bytes, offset);
  return payload - offset + payloadBytes(bytes, offset);
}

/** Returns where the payload of such a frame begins. */
export function payloadOffset(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset + 1];
  if (length < LENGTH_16) return offset + 2;
  return length === LENGTH_16 ? offset + 4 : offset + FRAME_HEAD_BYTES;
}

function payloadBytes(bytes: Uint8Array, offset: number): number {
  const length = bytes[offset + 1];
  if (length < LENGTH_16) return length;
  if (length === LENGTH_16) return (bytes[offset + 2] << 8) | bytes[offset + 3];
  const high = (bytes[offset + 6] << 24) >>> 0;
  return high + ((bytes[offset + 7] << 16) | (bytes[offset + 8] << 8) | bytes[offset + 9]);
}
