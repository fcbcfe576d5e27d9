// Writes lines to a pipe with a reader, without one, and with a reader that is gone; and to a
// terminal.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CString } from "bun:ffi";
import { openLibc } from "../../src/app/libc.ts";
import { Output } from "../../src/app/output.ts";

let directory: string;
let reader: number;
let writer: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-output-"));
  const path = join(directory, "pipe");
  Bun.spawnSync(["mkfifo", path]);
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  writer = openSync(path, constants.O_WRONLY);
});

afterEach(() => {
  closeSync(writer);
  rmSync(directory, { recursive: true });
});

function readAll(): string {
  const chunk = Buffer.alloc(1 << 20);
  return chunk.toString("utf8", 0, readSync(reader, chunk));
}

test("lines arrive as written, even long ones", () => {
  const output = new Output(writer);
  const long = `${"ä".repeat(10_000)}\n`;
  expect([output.write("one\ntwo\n"), output.write(long)]).toEqual([true, true]);
  expect(readAll()).toBe(`one\ntwo\n${long}`);
  closeSync(reader);
});

test("a full pipe loses lines without blocking, and the next line says how many", () => {
  const output = new Output(writer);
  const line = `${"x".repeat(999)}\n`;
  let written = 0;
  while (output.write(line)) written++;
  expect(written).toBeGreaterThan(10);
  for (let i = 0; i < 4; i++) expect(output.write(line)).toBe(false);
  expect(readAll()).toBe(line.repeat(written));
  expect(output.write("again\n")).toBe(true);
  expect(output.write("more\n")).toBe(true);
  expect(readAll()).toBe("5 lines were lost because nobody read them\nagain\nmore\n");
  closeSync(reader);
});

test("a reader that is gone causes no error", () => {
  const output = new Output(writer);
  closeSync(reader);
  expect(output.write("nobody\n")).toBe(false);
});

test("what the note about lost lines says can be changed", () => {
  const output = new Output(writer);
  output.describeLoss = (lines) => `lost: ${lines}\n`;
  const line = `${"x".repeat(999)}\n`;
  while (output.write(line));
  readAll();
  expect(output.write("again\n")).toBe(true);
  expect(readAll()).toBe("lost: 1\nagain\n");
  closeSync(reader);
});

// It accepts a part of a line and would block for the rest, whatever poll says.
test.if(process.platform === "linux")("a terminal that hangs loses lines without blocking", () => {
  const { terminal, master } = openTerminal();
  const output = new Output(terminal);
  let written = 0;
  while (output.write(`${"x".repeat(written % 997)}\n`)) written++;
  expect(written).toBeGreaterThan(10);
  expect(output.write("lost\n")).toBe(false);
  for (const fd of [terminal, master]) closeSync(fd);
  closeSync(reader);
});

function openTerminal(): { terminal: number; master: number } {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const libc = openLibc({
    unlockpt: { args: ["i32"], returns: "i32" },
    ptsname: { args: ["i32"], returns: "ptr" },
  })!;
  const master = openSync("/dev/ptmx", flags);
  libc.unlockpt(master);
  const path = String(new CString(libc.ptsname(master)!));
  return { terminal: openSync(path, flags), master };
}
