import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { countUnsignedPages, signCode } from "../../release/code-signature.ts";

const SIGNATURE_OFFSET = 5 * 4096 + 1000;
const SIGNATURE_BYTES = 1024;

/** A program for macOS of two load commands, random code, and room for a signature at its end. */
function makeProgram(): Buffer {
  const file = Buffer.alloc(SIGNATURE_OFFSET + SIGNATURE_BYTES);
  for (let i = 200; i < SIGNATURE_OFFSET; i++) file[i] = (i * 7919) >> 3;
  file.writeUInt32LE(0xfeedfacf, 0);
  file.writeUInt32LE(2, 16);
  // LC_SEGMENT_64, of 72 bytes.
  file.writeUInt32LE(0x19, 32);
  file.writeUInt32LE(72, 36);
  file.write("__TEXT", 40);
  file.writeBigUInt64LE(0n, 32 + 40);
  file.writeBigUInt64LE(16384n, 32 + 48);
  // LC_CODE_SIGNATURE, of 16 bytes.
  file.writeUInt32LE(0x1d, 104);
  file.writeUInt32LE(16, 108);
  file.writeUInt32LE(SIGNATURE_OFFSET, 112);
  file.writeUInt32LE(SIGNATURE_BYTES, 116);
  return file;
}

test("a signature holds the hashes of all pages, the last one shorter", () => {
  const file = makeProgram();
  const code = Buffer.from(file.subarray(0, SIGNATURE_OFFSET));
  signCode(file, "some-program");
  expect(file.subarray(0, SIGNATURE_OFFSET).equals(code)).toBe(true);
  expect(countUnsignedPages(file)).toBe(0);

  const signature = file.subarray(SIGNATURE_OFFSET);
  expect(signature.readUInt32BE(0)).toBe(0xfade0cc0);
  const directory = signature.subarray(20);
  expect(directory.toString("latin1", 88, 101)).toBe("some-program\0");
  for (let page = 0; page < 6; page++) {
    const end = Math.min(4096 * (page + 1), SIGNATURE_OFFSET);
    const hash = createHash("sha256")
      .update(code.subarray(4096 * page, end))
      .digest("hex");
    const at = 101 + 32 * page;
    expect(directory.toString("hex", at, at + 32)).toBe(hash);
  }
});

test("a changed byte is one page that is not signed", () => {
  const file = makeProgram();
  signCode(file, "some-program");
  for (const offset of [300, 4096, SIGNATURE_OFFSET - 1]) {
    file[offset] ^= 1;
    expect(countUnsignedPages(file)).toBe(1);
    file[offset] ^= 1;
  }
  expect(countUnsignedPages(file)).toBe(0);
});

test("what the signature leaves out at the end counts too", () => {
  const file = makeProgram();
  signCode(file, "some-program");
  const directory = file.subarray(SIGNATURE_OFFSET + 20);
  // Five pages of code are signed.
  directory.writeUInt32BE(5, 28);
  directory.writeUInt32BE(5 * 4096, 32);
  expect(countUnsignedPages(file)).toBe(1);
});

test.each([
  ["no program", (file: Buffer) => file.writeUInt32LE(0, 0), "not a 64-bit program"],
  ["no signature", (file: Buffer) => file.writeUInt32LE(1, 16), "no place for a signature"],
  ["data behind", (file: Buffer) => file.writeUInt32LE(9, 116), "does not end the file"],
])("a file with %s is refused", (_name, change, message) => {
  const file = makeProgram();
  change(file);
  expect(() => signCode(file, "some-program")).toThrow(message);
});

test("a name for which there is no room is refused", () => {
  expect(() => signCode(makeProgram(), "x".repeat(800))).toThrow("no room");
});
