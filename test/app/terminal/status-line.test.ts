import { beforeEach, expect, test } from "bun:test";
import { StatusLine } from "../../../src/app/terminal/status-line.ts";

let screen: string;
let isForeground: boolean;
let line: StatusLine;

beforeEach(() => {
  screen = "";
  isForeground = true;
  const write = (text: string): boolean => {
    screen += text;
    return true;
  };
  line = new StatusLine({ write }, () => isForeground);
});

test("is drawn in place", () => {
  line.draw("one");
  line.draw("two");
  expect(screen).toBe("\r\x1b[Kone\r\x1b[Ktwo");
});

test("lines are written above it", () => {
  line.draw("status");
  screen = "";
  line.writeAbove(() => void (screen += "a line\n"));
  expect(screen).toBe("\r\x1b[Ka line\n\r\x1b[Kstatus");
});

test("writes nothing beside such lines if nothing is drawn", () => {
  line.writeAbove(() => void (screen += "a line\n"));
  line.draw("status");
  line.erase();
  expect(screen).toBe("a line\n\r\x1b[Kstatus\r\x1b[K");
  line.writeAbove(() => void (screen += "another\n"));
  line.end();
  expect(screen).toEndWith("\r\x1b[Kanother\n");
});

test("ends with the cursor below it", () => {
  line.draw("status");
  screen = "";
  line.end();
  line.end();
  expect(screen).toBe("\r\x1b[Kstatus\n");
});

test("is neither drawn nor erased in the background", () => {
  isForeground = false;
  line.draw("status");
  line.writeAbove(() => void (screen += "a line\n"));
  line.end();
  line.draw("again");
  line.erase();
  expect(screen).toBe("a line\n");
});
