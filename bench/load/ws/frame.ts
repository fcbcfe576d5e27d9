// WebSocket frames as a client sends them (RFC 6455). A message that is sent often is a template: a
// whole frame, whose ids alone are written anew. The mask is zero, which is a legal one, so that
// bytes go out as they lie there. Compressed templates (RFC 7692) can be written in too: the ids
// lie in blocks that are stored, between blocks that were compressed once.

import { constants, deflateRawSync } from "node:zlib";
import { ID_BYTES } from "./ids.ts";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const FINAL = 0x80;
const COMPRESSED = 0x40;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** What stands where an id goes: no text has it, so that nothing refers back to it. */
const HOLE = Buffer.alloc(ID_BYTES, 0xff);
/** The end of a flushed block, which a message leaves out (RFC 7692, 7.2.1). */
const TAIL_BYTES = 4;

/** A frame with holes of ID_BYTES, by the offsets of each kind. */
export interface Template<Hole extends string> {
  readonly bytes: Buffer;
  readonly holes: Readonly<Record<Hole, readonly number[]>>;
}

/** A text with holes in it. */
export type Pattern<Hole extends string> = readonly (string | { readonly hole: Hole })[];

/** Makes the text frame of a pattern, whose holes are of the kinds `kinds`. */
export function makeTemplate<Hole extends string>(
  pattern: Pattern<Hole>,
  kinds: readonly Hole[],
  deflate: boolean,
): Template<Hole> {
  const parts: Buffer[] = [];
  const found: { hole: Hole; at: number }[] = [];
  let length = 0;
  let plain = Buffer.alloc(0);
  const append = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  for (const piece of pattern) {
    const isHole = typeof piece !== "string";
    const text = isHole ? HOLE : Buffer.from(piece);
    if (isHole) {
      if (deflate) append(Buffer.from([0, ID_BYTES, 0, ~ID_BYTES & 0xff, 0xff]));
      found.push({ hole: piece.hole, at: length });
      append(text);
    } else {
      append(deflate ? compress(text, plain) : text);
    }
    if (deflate) plain = Buffer.concat([plain, text]);
  }
  if (deflate) {
    // The last piece is a text, and ends with the flush.
    const last = parts.pop()!;
    length -= TAIL_BYTES;
    parts.push(last.subarray(0, last.length - TAIL_BYTES));
  }
  const head = frameHead(FINAL | (deflate ? COMPRESSED : 0) | OPCODE.text, length);
  const holes = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      found.filter(({ hole }) => hole === kind).map(({ at }) => head.length + at),
    ]),
  ) as Record<Hole, number[]>;
  return { bytes: Buffer.concat([head, ...parts]), holes };
}

/** A control frame. */
export function makeControlFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHead(FINAL | opcode, payload.length), payload]);
}

// ---------------------------------------------------------------------------------------------

// Compressed by itself, to the end of a byte, but for what came before: it may refer to that.
function compress(text: Buffer, before: Buffer): Buffer {
  const dictionary = before.subarray(-32768);
  return deflateRawSync(text, {
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(dictionary.length > 0 ? { dictionary } : {}),
  });
}

function frameHead(first: number, length: number): Buffer {
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + MASK_BYTES);
  head[0] = first;
  head[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
