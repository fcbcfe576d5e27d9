// The file of a snapshot: read back whole, or refused whole.

import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../src/memory/random.ts";
import { SnapshotError, SnapshotReader, SnapshotWriter } from "../../src/app/snapshot-file.ts";

const directory = mkdtempSync(join(tmpdir(), "aquatic-snapshot-"));
const path = join(directory, "file");
afterAll(() => rmSync(directory, { recursive: true }));

const parts: [kind: number, words: Int32Array][] = [
  [4, new Int32Array([1, 2, -3])],
  [4, new Int32Array(20_000).fill(7)],
  [16, new Int32Array([9])],
];

function write(isCompressed: boolean): Buffer {
  const fd = openSync(path, "w");
  const writer = new SnapshotWriter(fd, isCompressed, 1_900_000_000.5);
  for (const [kind, words] of parts) writer.add(kind, words);
  writer.add(4, new Int32Array(0));
  writer.finish();
  closeSync(fd);
  const bytes = readFileSync(path);
  expect(writer.bytes).toBe(bytes.length);
  return bytes;
}

function read(bytes: Uint8Array) {
  writeFileSync(path, bytes);
  const fd = openSync(path, "r");
  try {
    const reader = new SnapshotReader(fd);
    reader.verify();
    const blocks = [...reader.blocks()].map(({ kind, words }) => [kind, words]);
    return { time: reader.time, blocks };
  } catch (error) {
    if (error instanceof SnapshotError) return error.message;
    throw error;
  } finally {
    closeSync(fd);
  }
}

describe.each([
  ["as it is", false],
  ["compressed", true],
])("a snapshot %s", (_how, isCompressed) => {
  test("reads back", () => {
    expect(read(write(isCompressed))).toEqual({ time: 1_900_000_000.5, blocks: parts });
  });

  test("is refused if it is cut anywhere", () => {
    const whole = write(isCompressed);
    const random = new Random(1, 2, 3);
    for (let i = 0; i < 100; i++) {
      const cut = i < 40 ? i : i < 60 ? whole.length - (i - 39) : random.below(whole.length);
      expect(read(whole.subarray(0, cut))).toBeOneOf(["is no snapshot", "is not complete"]);
    }
  });

  test("is refused if any of its bytes is wrong", () => {
    const whole = write(isCompressed);
    const random = new Random(4, 5, 6);
    for (let i = 0; i < 200; i++) {
      const position = i < 100 ? i % 60 : random.below(whole.length);
      // The last four bytes of the head are not used.
      if (position >= 28 && position < 32) continue;
      const broken = Buffer.from(whole);
      broken[position] ^= 1 << random.below(8);
      expect(read(broken)).toBeString();
    }
  });
});

test("a newer version, and a file of something else, say what they are", () => {
  const newer = write(false);
  newer[8] = 2;
  expect(read(newer)).toBe("has version 2, not 1");
  expect(read(Buffer.from("some other program's file, which is long enough"))).toBe(
    "is no snapshot",
  );
});
