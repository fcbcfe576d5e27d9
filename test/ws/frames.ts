// Reads frames that a server writes (RFC 6455, 5.2), slow and plain.

export interface Frame {
  /** The first byte without FIN: the opcode, and RSV1 if the payload is compressed. */
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Returns all frames in these bytes. Throws if they are anything else than final whole frames. */
export function readFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  let rest = Buffer.from(bytes);
  while (rest.length > 0) {
    if ((rest[0] & 0x80) === 0) throw new Error("a frame is not final");
    const { head, payload } = readLengths(rest);
    const end = head + payload;
    if (rest.length < end) throw new Error("a frame is incomplete");
    frames.push({ opcode: rest[0] & 0x7f, payload: rest.subarray(head, end) });
    rest = rest.subarray(end);
  }
  return frames;
}

function readLengths(frame: Buffer): { head: number; payload: number } {
  const length = frame.readUInt8(1);
  if (length > 127) throw new Error("a frame is masked");
  if (length < 126) return { head: 2, payload: length };
  const isShort = length === 126;
  const payload = isShort ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
  if (payload < (isShort ? 126 : 65_536)) throw new Error("a length could be shorter");
  return { head: isShort ? 4 : 10, payload };
}

/** Returns the bytes of the frame of a server with this payload. */
export function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
