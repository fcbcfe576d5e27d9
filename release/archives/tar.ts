// Writes tar archives (POSIX ustar) whose bytes depend on nothing but the files: the owner is root,
// and all files have one time.

import { constants, gzip, zstdCompress } from "node:zlib";
import { promisify } from "node:util";
import { type ArchiveFile, listDirectories } from "./file.ts";

const BLOCK_BYTES = 512;

/**
 * `seconds` is the time of all files. `prefix` begins each path, such as "./" in a Debian package.
 */
export function tar(files: readonly ArchiveFile[], seconds: number, prefix = ""): Buffer {
  const parts: Uint8Array[] = [];
  if (prefix !== "") parts.push(header(prefix, 0o755, 0, seconds, "5"));
  for (const path of listDirectories(files)) {
    parts.push(header(prefix + path, 0o755, 0, seconds, "5"));
  }
  for (const { path, data, isExecutable } of files) {
    parts.push(header(prefix + path, isExecutable ? 0o755 : 0o644, data.length, seconds, "0"));
    parts.push(data, Buffer.alloc(-data.length & (BLOCK_BYTES - 1)));
  }
  parts.push(Buffer.alloc(2 * BLOCK_BYTES));
  return Buffer.concat(parts);
}

/** How hard a compressor tries: a draft is made in seconds, to be tested. */
export type Effort = "release" | "draft";

/** gzip without a name and a time. */
export function compressGzip(data: Uint8Array, effort: Effort): Promise<Buffer> {
  return promisify(gzip)(data, { level: effort === "draft" ? 1 : 6 });
}

/**
 * zstd with a window of 128 MiB, the most that decompressors accept without a flag. All programs
 * hold the same runtime of some 100 MB, which is in that window, and so is stored once.
 */
export function compressZstd(data: Uint8Array, effort: Effort): Promise<Buffer> {
  return promisify(zstdCompress)(data, {
    params: {
      [constants.ZSTD_c_compressionLevel]: effort === "draft" ? 1 : 17,
      [constants.ZSTD_c_windowLog]: 27,
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
}

// ---------------------------------------------------------------------------------------------

function header(
  path: string,
  mode: number,
  bytes: number,
  seconds: number,
  type: "0" | "5",
): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(path) > 100) throw new RangeError(`too long for a tar archive: ${path}`);
  block.write(path, 0);
  writeOctal(block, mode, 100, 8);
  writeOctal(block, 0, 108, 8);
  writeOctal(block, 0, 116, 8);
  writeOctal(block, bytes, 124, 12);
  writeOctal(block, seconds, 136, 12);
  block.write(type, 156);
  block.write("ustar\0" + "00", 257);
  block.write("root", 265);
  block.write("root", 297);
  // The sum of all bytes, with blanks in the place of the sum itself.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  writeOctal(block, sum, 148, 7);
  return block;
}

/** Digits, then one zero byte, in `bytes` altogether. */
function writeOctal(block: Buffer, value: number, offset: number, bytes: number): void {
  block.write(`${value.toString(8).padStart(bytes - 1, "0")}\0`, offset);
}
