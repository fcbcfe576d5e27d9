// Lines of the log, where stderr is no terminal. test/e2e/terminal.test.ts has those on one.

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { formatLogLine, log, LOG_LEVELS, setLogLevel } from "../../src/app/log.ts";
import { standardError } from "../../src/app/output.ts";
import { readLog, readMessages } from "../support/log.ts";

const time = new Date("2026-11-29T19:07:28.123Z");
const format = (message: string): string => {
  return formatLogLine({ level: "info", program: "aquatic-udp", time }, message);
};

test("a line has the time, the level, the program and the message", () => {
  expect(format("listening on udp 127.0.0.1:3000")).toBe(
    "time=2026-11-29T19:07:28.123Z level=info program=aquatic-udp " +
      'msg="listening on udp 127.0.0.1:3000"\n',
  );
});

test.each([
  ['a "b"', String.raw`"a \"b\""`],
  ["a\\b", String.raw`"a\\b"`],
  ["a\nb\r\tc", String.raw`"a\nb\r\tc"`],
  ["\0\x1b[31m", String.raw`"\u0000\u001b[31m"`],
  ["\x7f\x85\u2028", String.raw`"\u007f\u0085\u2028"`],
  ["größer ✓", '"größer ✓"'],
  ["", '""'],
])("%j is escaped", (message, quoted) => {
  expect(format(message)).toEndWith(` msg=${quoted}\n`);
});

test("any message is one line, and can be read again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (message) => {
      const line = format(message);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(readLog(line)).toEqual([{ level: "info", program: "aquatic-udp", message }]);
    }),
  );
});

describe("with the level", () => {
  afterEach(() => setLogLevel("info"));

  test.each([
    ["error", ["error"]],
    ["warn", ["error", "warn"]],
    ["info", ["error", "warn", "info"]],
  ] as const)("'%s', these are written: %j", (level, written) => {
    const lines: string[] = [];
    using _ = spyOn(standardError, "write").mockImplementation((line) => lines.push(line) > 0);
    setLogLevel(level);
    for (const each of LOG_LEVELS) log[each](`a line of ${each}`);
    expect(lines.map((line) => /a line of (\w+)/.exec(line)?.[1])).toEqual([...written]);
  });
});

test("a note about lost lines is a line of the log", () => {
  // On a terminal, it is a plain line.
  const note = standardError.describeLoss(3);
  const text = "3 lines were lost because nobody read them";
  expect(note.startsWith("time=") ? readMessages(note) : [note]).toEqual([
    expect.stringContaining(text),
  ]);
});
