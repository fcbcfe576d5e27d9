// Signs programs for macOS, without a certificate ("ad hoc"), and checks such signatures. macOS on
// Apple silicon runs no program without one. The compiler adds the tracker to Bun's executable; for
// x64 it leaves Bun's own signature, which then does not fit.

import { createHash } from "node:crypto";

// From <mach-o/loader.h>. Mach-O files are little endian, and the signature in them is big endian.
const MAGIC_64 = 0xfeedfacf;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const HEADER_BYTES = 32;

// From XNU's <kern/cs_blobs.h>.
const EMBEDDED_SIGNATURE = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const SUPPORTS_EXECUTABLE_SEGMENT = 0x20400;
const AD_HOC_AND_LINKER_SIGNED = 0x20002;
const SHA256 = 2;
const SHA256_BYTES = 32;
const MAIN_BINARY = 1n;
const PAGE_SHIFT = 12;

const SUPER_BLOB_BYTES = 20;
const DIRECTORY_BYTES = 88;

interface Layout {
  /** Where the signature is, which ends the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly textOffset: bigint;
  readonly textBytes: bigint;
}

/**
 * Puts an ad hoc signature in the place of the one that the file has. `name` identifies the code.
 */
export function signCode(file: Buffer, name: string): void {
  const { offset, bytes, textOffset, textBytes } = findSignature(file);
  const identifier = Buffer.from(`${name}\0`);
  const pages = Math.ceil(offset / (1 << PAGE_SHIFT));
  const hashOffset = DIRECTORY_BYTES + identifier.length;
  const directoryBytes = hashOffset + pages * SHA256_BYTES;
  if (SUPER_BLOB_BYTES + directoryBytes > bytes) throw new Error(`${name}: no room to sign it`);

  const signature = file.subarray(offset, offset + bytes).fill(0);
  writeWords(signature, 0, [EMBEDDED_SIGNATURE, SUPER_BLOB_BYTES + directoryBytes, 1]);
  // One blob, of type 0: the directory.
  writeWords(signature, 12, [0, SUPER_BLOB_BYTES]);
  const directory = signature.subarray(SUPER_BLOB_BYTES);
  writeWords(directory, 0, [
    CODE_DIRECTORY,
    directoryBytes,
    SUPPORTS_EXECUTABLE_SEGMENT,
    AD_HOC_AND_LINKER_SIGNED,
    hashOffset,
    DIRECTORY_BYTES,
    0,
    pages,
    offset,
  ]);
  directory.set([SHA256_BYTES, SHA256, 0, PAGE_SHIFT], 36);
  directory.writeBigUInt64BE(textOffset, 64);
  directory.writeBigUInt64BE(textBytes, 72);
  directory.writeBigUInt64BE(MAIN_BINARY, 80);
  directory.set(identifier, DIRECTORY_BYTES);
  for (let page = 0; page < pages; page++) {
    directory.set(hashPage(file, page, offset), hashOffset + page * SHA256_BYTES);
  }
}

/** The number of pages whose hash in the signature is wrong, or that the signature leaves out. */
export function countUnsignedPages(file: Buffer): number {
  const { offset } = findSignature(file);
  const signature = file.subarray(offset);
  if (signature.readUInt32BE(0) !== EMBEDDED_SIGNATURE) throw new Error("no embedded signature");
  const directory = signature.subarray(signature.readUInt32BE(16));
  if (directory.readUInt32BE(0) !== CODE_DIRECTORY) throw new Error("no code directory");
  const hashOffset = directory.readUInt32BE(16);
  const pages = directory.readUInt32BE(28);
  const limit = directory.readUInt32BE(32);
  let wrong = Math.ceil((offset - limit) / (1 << PAGE_SHIFT));
  for (let page = 0; page < pages; page++) {
    const start = hashOffset + page * SHA256_BYTES;
    const hash = directory.subarray(start, start + SHA256_BYTES);
    if (!hashPage(file, page, limit).equals(hash)) wrong++;
  }
  return wrong;
}

// ---------------------------------------------------------------------------------------------

function findSignature(file: Buffer): Layout {
  if (file.readUInt32LE(0) !== MAGIC_64) throw new Error("not a 64-bit program for macOS");
  const commands = file.readUInt32LE(16);
  let text: readonly [bigint, bigint] | undefined;
  let signature: readonly [number, number] | undefined;
  let at = HEADER_BYTES;
  for (let i = 0; i < commands; i++) {
    const command = file.readUInt32LE(at);
    if (command === LC_SEGMENT_64 && file.toString("latin1", at + 8, at + 15) === "__TEXT\0") {
      text = [file.readBigUInt64LE(at + 40), file.readBigUInt64LE(at + 48)];
    }
    if (command === LC_CODE_SIGNATURE) {
      signature = [file.readUInt32LE(at + 8), file.readUInt32LE(at + 12)];
    }
    at += file.readUInt32LE(at + 4);
  }
  if (text === undefined || signature === undefined) throw new Error("no place for a signature");
  const [offset, bytes] = signature;
  if (offset + bytes !== file.length) throw new Error("the signature does not end the file");
  return { offset, bytes, textOffset: text[0], textBytes: text[1] };
}

function hashPage(file: Buffer, page: number, limit: number): Buffer {
  const start = page << PAGE_SHIFT;
  const end = Math.min(start + (1 << PAGE_SHIFT), limit);
  return createHash("sha256").update(file.subarray(start, end)).digest();
}

function writeWords(buffer: Buffer, offset: number, words: readonly number[]): void {
  words.forEach((word, index) => buffer.writeUInt32BE(word, offset + 4 * index));
}
