// Files below directories that stay open: found again after they are replaced, and after chroot.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepDirectories, readKept } from "../../src/app/kept-directory.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-kept-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each([
  ["kept", true],
  ["not kept", false],
])("in a directory that is %s", (name, isKept) => {
  const at = (file: string): string => join(directory, name, file);
  const codeOf = (path: string): unknown => {
    try {
      return readKept(path).toString();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };

  test("files are read as they are now", () => {
    mkdirSync(join(directory, name));
    if (isKept) keepDirectories([at("a"), "", join(directory, "no such directory/file")]);
    expect(codeOf(at("a"))).toBe("ENOENT");
    writeFileSync(at("a"), "one");
    expect(codeOf(at("a"))).toBe("one");
    writeFileSync(at("b"), "two");
    renameSync(at("b"), at("a"));
    expect(codeOf(at("a"))).toBe("two");
    writeFileSync(join(directory, `${name}-target`), "three");
    symlinkSync(`../${name}-target`, at("link"));
    expect(codeOf(at("link"))).toBe("three");
    mkdirSync(at("sub"));
    expect(codeOf(at("sub"))).toBe("EISDIR");
  });

  test("a directory that is renamed is followed only if it is kept", () => {
    writeFileSync(at("c"), "moved");
    renameSync(join(directory, name), join(directory, `${name} elsewhere`));
    expect(codeOf(at("c"))).toBe(isKept ? "moved" : "ENOENT");
  });
});
