import { expect, test } from "bun:test";
import { canMoveCursor, paint, wantsColour } from "../../../src/app/terminal/style.ts";

test.each([
  [{ TERM: "xterm" }, true, true],
  [{}, true, true],
  [{ TERM: "xterm", NO_COLOR: "" }, true, true],
  [{ TERM: "xterm", NO_COLOR: "1" }, true, false],
  [{ TERM: "xterm", NO_COLOR: "0" }, true, false],
  [{ TERM: "dumb" }, false, false],
])("%j: moves the cursor: %p, colours: %p", (environment, movesCursor, isColoured) => {
  expect(canMoveCursor(environment)).toBe(movesCursor);
  expect(wantsColour(environment)).toBe(isColoured);
});

test("a line feed stays outside the colour", () => {
  expect(paint("red", "a line\n", true)).toBe("\x1b[31ma line\x1b[0m\n");
  expect(paint("red", "text", true)).toBe("\x1b[31mtext\x1b[0m");
  expect(paint("red", "a line\n", false)).toBe("a line\n");
  expect(paint("plain", "a line\n", true)).toBe("a line\n");
});
