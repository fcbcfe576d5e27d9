import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "smol-toml";
import {
  boolean,
  choice,
  integer,
  string,
  strings,
  type Schema,
} from "../../src/app/config-field.ts";
import { printConfig } from "../../src/app/config-print.ts";
import { ConfigError, defaultConfig, parseConfig, readConfig } from "../../src/app/config.ts";

const schema = {
  pool: {
    size: integer({ value: 4, min: 1, max: 8, prose: "How many.\nIn pieces." }),
    interval: integer({ value: -3, min: -5, max: 2 ** 40, prose: "Seconds." }),
    kind: choice({ value: "warm", among: ["warm", "cold"], prose: "Which." }),
  },
  heated: boolean({ value: true, prose: "Whether." }),
  name: string({ value: "nobody", prose: "Whose." }),
  log: {
    interval: integer({ value: 5, min: 0, max: 60, prose: "Seconds." }),
    names: strings({
      value: ["a"],
      max: 3,
      normalize(text) {
        if (text.length > 2) throw new RangeError(`must be short, not '${text}'`);
        return text.toLowerCase();
      },
      prose: "Labels.",
    }),
  },
} satisfies Schema;

function read(text: string) {
  return parseConfig(schema, text, "cfg.toml");
}

/** The message with which `action` is refused: always a ConfigError, always one line. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message).not.toContain("\n");
    return message;
  }
  throw new Error("was not refused");
}

describe("a file over the defaults", () => {
  test("an empty file results in the defaults", () => {
    const config = read("");
    expect(config).toEqual(defaultConfig(schema));
    expect(config).toEqual({
      pool: { size: 4, interval: -3, kind: "warm" },
      heated: true,
      name: "nobody",
      log: { interval: 5, names: ["a"] },
    });
  });

  test("a file changes only its own keys", () => {
    const config = read("heated = false\n[pool]\nsize = 8\nkind = 'cold'\n");
    const defaults = defaultConfig(schema);
    expect(config).toEqual({
      ...defaults,
      heated: false,
      pool: { ...defaults.pool, size: 8, kind: "cold" },
    });
    expect(defaultConfig(schema).pool.size).toBe(4);
  });

  test("the schema determines the types of the values", () => {
    const config = read("[pool]\nsize = 0x2");
    const size: number = config.pool.size;
    const kind: "warm" | "cold" = config.pool.kind;
    const names: readonly string[] = config.log.names;
    expect([size, kind, names]).toEqual([2, "warm", ["a"]]);
  });

  test("a string or an array of strings becomes an array with its spelling", () => {
    expect(read("log.names = 'B'").log.names).toEqual(["B"]);
    expect(read("log.names = ['B', 'c']").log.names).toEqual(["B", "c"]);
  });

  test("inline tables, dotted keys and a byte order mark are accepted", () => {
    expect(read("\uFEFFpool = { size = 3 }").pool).toEqual({ size: 3, interval: -3, kind: "warm" });
    expect(read("pool.size = 3").pool.size).toBe(3);
  });

  test("the result can be posted to a Worker", () => {
    expect(structuredClone(read("[pool]\nsize = 3"))).toEqual(read("[pool]\nsize = 3"));
  });
});

describe("a wrong value", () => {
  const cases: [text: string, message: string][] = [
    ["[pool]\nsize = 0", "pool.size: must be an integer from 1 to 8, not 0"],
    ["[pool]\nsize = 9", "pool.size: must be an integer from 1 to 8, not 9"],
    ["[pool]\nsize = 1.0", "pool.size: must be an integer from 1 to 8, not 1.0"],
    ["[pool]\nsize = 1.5", "pool.size: must be an integer from 1 to 8, not 1.5"],
    ["[pool]\nsize = 1e0", "pool.size: must be an integer from 1 to 8, not 1.0"],
    ["[pool]\nsize = -inf", "pool.size: must be an integer from 1 to 8, not -inf"],
    ["[pool]\nsize = nan", "pool.size: must be an integer from 1 to 8, not nan"],
    ["[pool]\nsize = '4'", "pool.size: must be an integer from 1 to 8, not '4'"],
    ["[pool]\nsize = true", "pool.size: must be an integer from 1 to 8, not true"],
    ["[pool]\nsize = 2020-01-01", "pool.size: must be an integer from 1 to 8, not a date or time"],
    ["[pool]\nsize = []", "pool.size: must be an integer from 1 to 8, not an empty array"],
    ["[pool.size]\nx = 1", "pool.size: must be an integer from 1 to 8, not a table"],
    [
      "pool.interval = 9007199254740993",
      "pool.interval: must be an integer from -5 to 1099511627776, not 9007199254740993",
    ],
    ["heated = 1", "heated: must be true or false, not 1"],
    ["heated = 'true'", "heated: must be true or false, not 'true'"],
    ["name = 7", "name: must be a string of printable characters, not 7"],
    ["name = ''", "name: must be a string of printable characters, not ''"],
    ['name = "a\\nb"', 'name: must be a string of printable characters, not "a\\nb"'],
    ["[pool]\nkind = 'hot'", "pool.kind: must be 'warm' or 'cold', not 'hot'"],
    ["[pool]\nkind = 1", "pool.kind: must be 'warm' or 'cold', not 1"],
    ["log.names = 1", "log.names: must be a string or an array of strings, not 1"],
    ["log.names = ['a', 1]", "log.names: must be a string or an array of strings, not 1"],
    ["log.names = [['a']]", "log.names: must be a string or an array of strings, not an array"],
    ["[log.names]", "log.names: must be a string or an array of strings, not a table"],
    ["log.names = []", "log.names: must be a string or an array of 1 to 3 strings, not of 0"],
    [
      "log.names = ['a', 'b', 'c', 'd']",
      "log.names: must be a string or an array of 1 to 3 strings, not of 4",
    ],
    ["log.names = ['a', 'A']", "log.names: contains 'A' twice"],
    ["log.names = ['a', 'long']", "log.names: must be short, not 'long'"],
    ["pool = 1", "pool: must be a section, written [pool]"],
    ["pool = [1]", "pool: must be a section, written [pool]"],
    ["[[pool]]\nsize = 1", "pool: must be a section, written [pool]"],
    ["pool = 2020-01-01", "pool: must be a section, written [pool]"],
  ];
  test.each(cases)("is refused: %j", (text, message) => {
    expect(refusal(() => read(text))).toBe(`cfg.toml: ${message}`);
  });

  test("is shortened in the message", () => {
    expect(refusal(() => read(`heated = '${"x".repeat(1000)}'`)).length).toBeLessThan(120);
    expect(refusal(() => read(`heated = ${"9".repeat(1000)}`)).length).toBeLessThan(120);
  });

  test("does not include the bounds", () => {
    expect(read("[pool]\nsize = 1").pool.size).toBe(1);
    expect(read("[pool]\nsize = 8").pool.size).toBe(8);
    expect(read("[pool]\ninterval = -5").pool.interval).toBe(-5);
    expect(read(`[pool]\ninterval = ${2 ** 40}`).pool.interval).toBe(2 ** 40);
  });
});

describe("an unknown key", () => {
  const cases: [text: string, message: string][] = [
    ["[pool]\nsise = 1", 'pool.sise: unknown key, did you mean "pool.size"?'],
    ["[pool]\nSIZE = 1", 'pool.SIZE: unknown key, did you mean "pool.size"?'],
    ["haeted = true", 'haeted: unknown key, did you mean "heated"?'],
    ["[poll]\nsize = 1", 'poll: unknown key, did you mean "pool"?'],
    ["size = 1", 'size: unknown key, did you mean "pool.size"?'],
    ["[log]\nname = 'x'", 'log.name: unknown key, did you mean "name"?'],
    ["[log]\nnamse = 'x'", 'log.namse: unknown key, did you mean "log.names"?'],
    ["interval = 1", 'interval: unknown key, did you mean "pool.interval" or "log.interval"?'],
    ["[pool]\nzzz = 1", "pool.zzz: unknown key; allowed here: size, interval, kind"],
    ["zzz = 1", "zzz: unknown key; allowed here: pool, heated, name, log"],
    ['"a\\nb" = 1', '"a\\nb": unknown key; allowed here: pool, heated, name, log'],
    ["__proto__ = 1", "__proto__: unknown key; allowed here: pool, heated, name, log"],
    ["[__proto__]\nx = 1", "__proto__: unknown key; allowed here: pool, heated, name, log"],
    ["constructor = 1", "constructor: unknown key; allowed here: pool, heated, name, log"],
    [
      "[pool]\nconstructor.prototype.size = 1",
      "pool.constructor: unknown key; allowed here: size, interval, kind",
    ],
    [
      "pool = { __proto__ = { size = 1 } }",
      "pool.__proto__: unknown key; allowed here: size, interval, kind",
    ],
  ];
  test.each(cases)("gets a hint or a list: %j", (text, message) => {
    expect(refusal(() => read(text))).toBe(`cfg.toml: ${message}`);
  });
});

describe("broken TOML", () => {
  const cases: [text: string, place: string][] = [
    ["a = [", "line 1, column 5: unfinished array"],
    ["heated = true\nheated = true", "line 2, column 1: trying to redefine"],
    ["heated = true\n[pool]\nsize = 1 2\n", "line 3, column "],
    ["[pool]\nsize = yes", "line 2, column 8: "],
  ];
  test.each(cases)("is reported with its line and column: %j", (text, place) => {
    expect(refusal(() => read(text))).toStartWith(`cfg.toml: ${place}`);
  });

  test("any text results in a configuration or a ConfigError of one line", () => {
    const word = fc.constantFrom(
      "pool",
      "size",
      "[",
      "]",
      "=",
      ".",
      "'",
      '"',
      "\n",
      "1",
      "true",
      "#",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word).map((words) => words.join("")),
    );
    fc.assert(
      fc.property(text, (toml) => {
        let config: unknown;
        const parseIt = () => (config = read(toml));
        try {
          parseIt();
        } catch {
          expect(refusal(parseIt)).toStartWith("cfg.toml: ");
          return;
        }
        expect(Object.keys(config as object)).toEqual(Object.keys(schema));
      }),
    );
  });
});

describe("files", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "aquatic-config-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test("a file is read over the defaults", () => {
    const path = join(directory, "good.toml");
    writeFileSync(path, "[pool]\nsize = 2\n");
    expect(readConfig(schema, path).pool).toEqual({ size: 2, interval: -3, kind: "warm" });
  });

  test("an error in a file names its path", () => {
    const path = join(directory, "bad.toml");
    writeFileSync(path, "size = 2\n");
    expect(refusal(() => readConfig(schema, path))).toStartWith(`${path}: size: unknown key`);
  });

  test("a missing file is an error", () => {
    const path = join(directory, "missing.toml");
    expect(refusal(() => readConfig(schema, path))).toBe(
      `${path}: no such file; -p prints one with every key`,
    );
  });

  test("a directory is an error", () => {
    const path = join(directory, "directory");
    mkdirSync(path);
    expect(refusal(() => readConfig(schema, path))).toBe(`${path}: is a directory, not a file`);
  });

  test("a file in place of a directory is an error", () => {
    const path = join(directory, "file");
    writeFileSync(path, "");
    expect(refusal(() => readConfig(schema, `${path}/cfg.toml`))).toStartWith(
      `${path}/cfg.toml: cannot be read: ENOTDIR`,
    );
  });

  test("an unreadable file is an error", () => {
    const path = join(directory, "secret.toml");
    writeFileSync(path, "");
    chmodSync(path, 0);
    const { geteuid, seteuid } = process;
    const isRoot = geteuid?.() === 0;
    // Root can read every file, so the test is not root during this call.
    if (isRoot) seteuid?.("nobody");
    try {
      expect(refusal(() => readConfig(schema, path))).toBe(`${path}: permission denied`);
    } finally {
      if (isRoot) seteuid?.(0);
    }
  });

  test("bytes that are not UTF-8 are an error", () => {
    const path = join(directory, "latin1.toml");
    writeFileSync(path, Buffer.from("name = 'J\xfcrgen'", "latin1"));
    expect(refusal(() => readConfig(schema, path))).toBe(`${path}: is not UTF-8 text`);
  });
});

describe("the printed configuration", () => {
  test("has prose, keys before sections, and single quotes", () => {
    expect(printConfig(schema)).toBe(
      [
        "# Whether.",
        "heated = true",
        "",
        "# Whose.",
        "name = 'nobody'",
        "",
        "[pool]",
        "# How many.",
        "# In pieces.",
        "size = 4",
        "",
        "# Seconds.",
        "interval = -3",
        "",
        "# Which.",
        "kind = 'warm'",
        "",
        "[log]",
        "# Seconds.",
        "interval = 5",
        "",
        "# Labels.",
        "names = 'a'",
        "",
      ].join("\n"),
    );
  });

  test("reads back to the defaults", () => {
    expect(read(printConfig(schema))).toEqual(defaultConfig(schema));
  });

  test("quotes any string or array of strings so that it reads back", () => {
    const unit = fc.constantFrom(
      "'",
      '"',
      "\\",
      "\n",
      "\r",
      "\t",
      "\0",
      "\x7f",
      "\x85",
      "é",
      "😀",
      "a",
      " ",
      "#",
    );
    const text = fc.oneof(fc.string({ unit }), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(text, fc.array(text, { minLength: 1 }), (one, many) => {
        const printed = printConfig({
          one: string({ value: one, prose: "One." }),
          many: strings({ value: many, max: 9, normalize: (name) => name, prose: "Many." }),
        });
        const expected = { one, many: many.length === 1 ? many[0] : many };
        expect(parse(printed)).toEqual(expected);
      }),
    );
  });
});
