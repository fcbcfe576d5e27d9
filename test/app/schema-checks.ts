// Tests for the schema of any tracker: the printed configuration has the keys of the original, and
// every number has its range. The tests of the trackers' schemas declare them.

import { expect, test } from "bun:test";
import { type Field, isField, type Schema } from "../../src/app/config-field.ts";
import { printConfig } from "../../src/app/config-print.ts";
import { ConfigError, defaultConfig, parseConfig } from "../../src/app/config.ts";

/** The values that a key accepts, both bounds included. */
export type Range = readonly [key: string, min: number, max: number];

/**
 * Declares tests of the output of `-p`: `originalDefaults`, the default configuration from the
 * documentation of the original, and the additional lines `newLines`, by the header of their
 * section.
 */
export function testPrinted(
  schema: Schema,
  originalDefaults: string,
  newLines: Record<string, string[]>,
): void {
  const printed = printConfig(schema);
  const sections = splitSections(printed);
  const originals = splitSections(originalDefaults);

  test("has every key of the original with its value, in its order", () => {
    const names = [...sections.keys()];
    expect(names.filter((name) => originals.has(name))).toEqual([...originals.keys()]);
    for (const [name, lines] of originals) {
      const added = newLines[name] ?? [];
      expect(sections.get(name)?.filter((line) => !added.includes(line))).toEqual(lines);
    }
  });

  test("has the new keys in their sections, and no others", () => {
    for (const [name, lines] of sections) {
      const known = originals.get(name) ?? [];
      expect(lines.filter((line) => !known.includes(line))).toEqual(newLines[name] ?? []);
    }
    const isNew = (name: string): boolean => !originals.has(name);
    expect([...sections.keys()].filter(isNew)).toEqual(Object.keys(newLines).filter(isNew));
    expect([...sections.keys()].at(-1)).toBe("[limits]");
  });

  test("has prose above every key, in lines of at most 100 columns", () => {
    const lines = printed.split("\n");
    for (const [i, line] of lines.entries()) {
      expect(line.length).toBeLessThanOrEqual(100);
      if (line.includes(" = ") && !line.startsWith("#")) expect(lines[i - 1]).toMatch(/^# .*\.$/);
    }
  });

  test("reads back to the defaults, like the original's", () => {
    expect(parseConfig(schema, printed, "printed.toml")).toEqual(defaultConfig(schema));
    expect(parseConfig(schema, originalDefaults, "original.toml")).toEqual(defaultConfig(schema));
  });
}

/** Declares tests of `ranges`, which has all keys with a number, in their order. */
export function testRanges(schema: Schema, ranges: readonly Range[]): void {
  const read = (key: string, value: number): unknown =>
    lookUp(parseConfig(schema, `${key} = ${value}`, "tracker.toml"), key);

  test.each([...ranges])("%s accepts %d to %d", (key, min, max) => {
    expect(read(key, min)).toBe(min);
    expect(read(key, max)).toBe(max);
    for (const value of [min - 1, max + 1]) {
      const allowed = `an integer from ${min} to ${max}`;
      expect(() => read(key, value)).toThrow(
        new ConfigError(`tracker.toml: ${key}: must be ${allowed}, not ${value}`),
      );
    }
  });

  test("cover every key with a number", () => {
    const numbers = listFields(schema).filter(([, { value }]) => typeof value === "number");
    expect(ranges.map(([key]) => key)).toEqual(numbers.map(([key]) => key));
  });
}

/** All fields of the schema by their full keys, in their order. */
export function listFields(schema: Schema, path = ""): [key: string, field: Field<any>][] {
  return Object.entries(schema).flatMap(([key, node]) =>
    isField(node) ? [[path + key, node]] : listFields(node, `${path}${key}.`),
  );
}

// ---------------------------------------------------------------------------------------------

// The lines of each section. Those before the first section are under "".
function splitSections(text: string): Map<string, string[]> {
  const sections = new Map<string, string[]>([["", []]]);
  let lines = sections.get("")!;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) sections.set(line, (lines = []));
    else lines.push(line);
  }
  return sections;
}

function lookUp(config: object, key: string): unknown {
  return key.split(".").reduce<any>((node, part) => node[part], config);
}
