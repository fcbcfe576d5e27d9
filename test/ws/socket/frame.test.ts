import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  FIN,
  FRAME_HEAD_BYTES,
  frameBytes,
  OPCODE,
  payloadOffset,
  RSV1,
  writeFrameHead,
} from "../../../src/ws/socket/frame.ts";
import { clientFrame, COMPRESSED } from "./client-frames.ts";

/** Lengths where the form of a head changes, and two beyond 2^31. */
const LENGTHS = [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 2 ** 24, 2 ** 31, 2 ** 32 - 1];

function writeHead(opcode: number, length: number, offset = 0): Buffer {
  const bytes = Buffer.alloc(offset + FRAME_HEAD_BYTES, 0xaa);
  const end = writeFrameHead(bytes, offset, opcode, length);
  return bytes.subarray(offset, end);
}

test.each(LENGTHS)("the head of a frame of %i bytes is the shortest", (length) => {
  const expected = clientFrame(OPCODE.text, "", { mask: undefined, claimedLength: length });
  expect(writeHead(OPCODE.text, length)).toEqual(expected);
});

test("a head contains the opcode and whether the message is compressed", () => {
  expect(writeHead(OPCODE.pong, 3)[0]).toBe(FIN | 10);
  const frame = clientFrame(OPCODE.text, "abc", { mask: undefined, reserved: COMPRESSED });
  expect(writeHead(OPCODE.text | RSV1, 3)).toEqual(frame.subarray(0, 2));
});

test("a written head is read again, at any offset", () => {
  const anyLength = fc.oneof(fc.constantFrom(...LENGTHS), fc.nat(2 ** 32 - 1));
  fc.assert(
    fc.property(anyLength, fc.nat(20), (length, offset) => {
      const bytes = Buffer.alloc(offset + FRAME_HEAD_BYTES);
      const payload = writeFrameHead(bytes, offset, OPCODE.text, length);
      expect(payloadOffset(bytes, offset)).toBe(payload);
      expect(frameBytes(bytes, offset)).toBe(payload - offset + length);
      // Nothing in front of it is touched.
      expect(bytes.subarray(0, offset).every((byte) => byte === 0)).toBe(true);
    }),
  );
});
