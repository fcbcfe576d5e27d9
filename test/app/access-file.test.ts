import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAccessList } from "../../src/app/access-file.ts";
import { collectLog } from "./log-spy.ts";
import { AccessListWriter, allocateAccessList } from "../../src/swarm/access-list.ts";

const directory = mkdtempSync(join(tmpdir(), "aquatic-access-"));
const path = join(directory, "list");
const logged: string[] = [];
const spy = collectLog(logged);
afterAll(() => {
  spy[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  logged.length = 0;
});

const hex = (n: number): string => n.toString(16).padStart(40, "0");
const wordsOf = (text: string): Int32Array => new Int32Array(Uint8Array.fromHex(text).buffer);

async function load(text: string, maxHashes = 1000): Promise<AccessListWriter> {
  writeFileSync(path, text);
  const list = new AccessListWriter(allocateAccessList(maxHashes));
  await loadAccessList(list, { mode: "allow", path });
  return list;
}

test("reads an info hash from each line, in any case, with comments", async () => {
  const list = await load(
    `# allowed\n${hex(0xabc)}\r\n\n  ${hex(0xdef).toUpperCase()} # a torrent\n${hex(0xabc)}\n\t\n${hex(3)}`,
  );
  expect(list.size).toBe(3);
  for (const n of [0xabc, 0xdef, 3]) expect(list.allows(wordsOf(hex(n)), 0)).toBe(true);
  expect(list.allows(wordsOf(hex(4)), 0)).toBe(false);
  expect(logged).toEqual([]);
});

test("skips bad lines and names their numbers, the first few one by one", async () => {
  const bad = [
    "nothing",
    hex(1).slice(1),
    `${hex(1)}0`,
    `${hex(1)} ${hex(2)}`,
    hex(1).replace(/.$/, "g"),
  ];
  const list = await load(`${hex(7)}\n${bad.join("\n")}\n${hex(8)}\nx\n${"y".repeat(300_000)}\n`);
  expect(list.size).toBe(2);
  const reason = "is no info hash of 40 hexadecimal digits; skipped";
  expect(logged.slice(0, 5)).toEqual(
    [2, 3, 4, 5, 6].map((line) => `warn: access_list.path: ${path}: line ${line}: ${reason}`),
  );
  expect(logged[5]).toMatch(/^warn: access_list.path: .*: \d more bad lines; skipped$/);
});

test("lines may be cut anywhere by the pieces that are read", async () => {
  const count = 20_000;
  const list = await load(
    Array.from({ length: count }, (_, i) => `${hex(i + 1)}${" ".repeat(i % 7)}\n`).join(""),
    count,
  );
  expect([list.size, logged]).toEqual([count, []]);
});

test("a file that cannot be used leaves the list as it was", async () => {
  const list = await load(`${hex(1)}\n`, 2);
  const refusal = (settings: Parameters<typeof loadAccessList>[1]) => {
    return loadAccessList(list, settings).catch((error: unknown) => String(error));
  };
  const missing = join(directory, "none");
  expect(await refusal({ mode: "deny", path: missing })).toEndWith(
    `access_list.path: "${missing}" does not exist`,
  );
  expect(await refusal({ mode: "deny", path: directory })).toEndWith("is a directory");
  expect(await refusal({ mode: "deny", path: "" })).toEndWith("access_list.path: is missing");
  writeFileSync(path, `${hex(1)}\n${hex(2)}\n${hex(3)}\n`);
  expect(await refusal({ mode: "deny", path })).toEndWith("has more than 2 info hashes");
  expect([list.allows(wordsOf(hex(1)), 0), list.allows(wordsOf(hex(2)), 0)]).toEqual([true, false]);
  await loadAccessList(list, { mode: "off", path: missing });
  expect(list.allows(wordsOf(hex(2)), 0)).toBe(true);
});
