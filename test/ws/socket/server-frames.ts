// The frames that a server sends (RFC 6455, 5.2), read strictly: whole, not masked, and with
// lengths in their shortest form.

export interface ServerFrame {
  readonly opcode: number;
  readonly isCompressed: boolean;
  readonly payload: Buffer;
}

/**
 * Parses whole frames; `rest` is how many bytes are left. Throws for what a server must not send.
 */
export function parseServerFrames(bytes: Buffer): { frames: ServerFrame[]; rest: number } {
  const frames: ServerFrame[] = [];
  let offset = 0;
  for (;;) {
    const left = bytes.length - offset;
    if (left < 2) break;
    const [first, second] = bytes.subarray(offset, offset + 2);
    if ((first & 0xb0) !== 0x80 || second > 127) throw new Error("not a frame of this server");
    const lengthBytes = { 126: 2, 127: 8 }[second] ?? 0;
    const start = offset + 2 + lengthBytes;
    if (bytes.length < start) break;
    const length =
      lengthBytes === 0 ? second : Number(`0x${bytes.toString("hex", offset + 2, start)}`);
    if (lengthBytes === 2 && length < 126) throw new Error("length in two bytes");
    if (lengthBytes === 8 && length < 2 ** 16) throw new Error("length in eight bytes");
    if (bytes.length < start + length) break;
    frames.push({
      opcode: first & 0xf,
      isCompressed: (first & 0x40) !== 0,
      payload: bytes.subarray(start, start + length),
    });
    offset = start + length;
  }
  return { frames, rest: bytes.length - offset };
}
