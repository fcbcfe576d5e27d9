// The file of a snapshot. It is written beside the old one, brought to the disk, and renamed over
// it, so that there is a whole file at any moment. It is checked as a whole before any of it is
// used.
//
//   head     [ "AQUASNAP" | version | flags | Unix time of the ages: 8 bytes | checksum | 0 ]  32 bytes
//   block    [ checksum | kind | bytes of the words | bytes stored ] [ words, perhaps as zstd ]
//   …
//   end      [ checksum | 0 | blocks before it | 0 ]
//
// Numbers are little-endian. The kind is the bytes of an address, 4 or 16. A checksum is the CRC-32
// of what follows it in its block; that of the head, of what precedes it.

import { readSync, writeSync } from "node:fs";

const MAGIC = "AQUASNAP";
const VERSION = 1;
const FLAG_ZSTD = 1;

const HEAD_BYTES = 32;
const HEAD = { version: 8, flags: 12, time: 16, checksum: 24 } as const;
const BLOCK_BYTES = 16;
const BLOCK = { checksum: 0, kind: 4, rawBytes: 8, storedBytes: 12 } as const;
const END = 0;

/** No block is longer. */
const MAX_BLOCK_BYTES = 1 << 24;

/** Writes a snapshot to an open file. */
export class SnapshotWriter {
  bytes = 0;
  #blocks = 0;

  /** `time` is the Unix time, in seconds, at which the ages are taken. */
  constructor(
    private readonly fd: number,
    private readonly isCompressed: boolean,
    time: number,
  ) {
    const head = Buffer.alloc(HEAD_BYTES);
    head.write(MAGIC, "latin1");
    head.writeUInt32LE(VERSION, HEAD.version);
    head.writeUInt32LE(isCompressed ? FLAG_ZSTD : 0, HEAD.flags);
    head.writeDoubleLE(time, HEAD.time);
    head.writeUInt32LE(Bun.hash.crc32(head.subarray(0, HEAD.checksum)), HEAD.checksum);
    this.#write(head);
  }

  add(kind: number, words: Int32Array): void {
    if (words.length === 0) return;
    const raw = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    const stored = this.isCompressed ? Bun.zstdCompressSync(raw, { level: 1 }) : raw;
    this.#writeBlock(kind, raw.length, stored);
    this.#blocks++;
  }

  /** Ends the file. Without this, it cannot be read. */
  finish(): void {
    this.#writeBlock(END, this.#blocks, Buffer.alloc(0));
  }

  #writeBlock(kind: number, rawBytes: number, stored: Uint8Array): void {
    const block = Buffer.alloc(BLOCK_BYTES + stored.length);
    block.writeUInt32LE(kind, BLOCK.kind);
    block.writeUInt32LE(rawBytes, BLOCK.rawBytes);
    block.writeUInt32LE(stored.length, BLOCK.storedBytes);
    block.set(stored, BLOCK_BYTES);
    block.writeUInt32LE(Bun.hash.crc32(block.subarray(BLOCK.kind)), BLOCK.checksum);
    this.#write(block);
  }

  #write(bytes: Buffer): void {
    for (let start = 0; start < bytes.length;) {
      start += writeSync(this.fd, bytes, start, bytes.length - start);
    }
    this.bytes += bytes.length;
  }
}

/** A file that is no snapshot which this program can use. */
export class SnapshotError extends Error {
  override name = "SnapshotError";
}

/** Reads a snapshot, as often as wanted. */
export class SnapshotReader {
  /** The Unix time, in seconds, at which the ages were taken. */
  readonly time: number;
  readonly #isCompressed: boolean;

  /** Reads the head. Throws a SnapshotError. */
  constructor(private readonly fd: number) {
    const head = this.#read(0, HEAD_BYTES);
    if (head === undefined || head.toString("latin1", 0, MAGIC.length) !== MAGIC) {
      throw new SnapshotError("is no snapshot");
    }
    const version = head.readUInt32LE(HEAD.version);
    if (version !== VERSION) {
      throw new SnapshotError(`has version ${version}, not ${VERSION}`);
    }
    const checksum = Bun.hash.crc32(head.subarray(0, HEAD.checksum));
    if (checksum !== head.readUInt32LE(HEAD.checksum)) throw new SnapshotError("is damaged");
    this.#isCompressed = (head.readUInt32LE(HEAD.flags) & FLAG_ZSTD) !== 0;
    this.time = head.readDoubleLE(HEAD.time);
  }

  /** Gives the kind and the words of each block. Throws a SnapshotError at the first mistake. */
  *blocks(): Generator<{ kind: number; words: Int32Array }> {
    let position = HEAD_BYTES;
    for (let blocks = 0; ; blocks++) {
      const head = this.#read(position, BLOCK_BYTES);
      if (head === undefined) throw new SnapshotError("is not complete");
      const kind = head.readUInt32LE(BLOCK.kind);
      const rawBytes = head.readUInt32LE(BLOCK.rawBytes);
      const storedBytes = head.readUInt32LE(BLOCK.storedBytes);
      if (Math.max(storedBytes, kind === END ? 0 : rawBytes) > MAX_BLOCK_BYTES) {
        throw new SnapshotError("is damaged");
      }
      const block = this.#read(position, BLOCK_BYTES + storedBytes);
      if (block === undefined) throw new SnapshotError("is not complete");
      const checksum = Bun.hash.crc32(block.subarray(BLOCK.kind));
      if (checksum !== block.readUInt32LE(BLOCK.checksum)) throw new SnapshotError("is damaged");
      if (kind === END) {
        if (rawBytes !== blocks) throw new SnapshotError("is damaged");
        return;
      }
      const stored = block.subarray(BLOCK_BYTES);
      const raw = this.#isCompressed ? Bun.zstdDecompressSync(stored) : stored;
      if (raw.length !== rawBytes || rawBytes % 4 !== 0) throw new SnapshotError("is damaged");
      // A copy, because what was read is not aligned to words.
      const words = new Int32Array(rawBytes / 4);
      new Uint8Array(words.buffer).set(raw);
      yield { kind, words };
      position += block.length;
    }
  }

  /** Reads all of it. Throws a SnapshotError if there is a mistake anywhere. */
  verify(): void {
    for (const { kind } of this.blocks()) {
      if (kind !== 4 && kind !== 16) throw new SnapshotError(`has a block of kind ${kind}`);
    }
  }

  // Returns undefined if the file ends before.
  #read(position: number, length: number): Buffer | undefined {
    const bytes = Buffer.allocUnsafe(length);
    for (let start = 0; start < length;) {
      const count = readSync(this.fd, bytes, start, length - start, position + start);
      if (count === 0) return undefined;
      start += count;
    }
    return bytes;
  }
}
