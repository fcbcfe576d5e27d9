import { expect, test } from "bun:test";
import { findNearest } from "../../src/app/suggest.ts";

const known = ["socket_workers", "request_workers", "network", "help"];

test.each([
  ["socket_worker", "socket_workers"],
  ["scoket_workers", "socket_workers"],
  ["socketWorkers", "socket_workers"],
  ["REQUEST-WORKERS", "request_workers"],
  ["netwrok", "network"],
  ["hlep", "help"],
  ["helpp", "help"],
])("%s is near %s", (given, name) => {
  expect(findNearest(given, known)).toBe(name);
});

test.each(["", "h", "xyz", "workers", "hxlx", "constructor", "x".repeat(100_000)])(
  "%.20s is near nothing",
  (given) => {
    expect(findNearest(given, known)).toBeUndefined();
  },
);

test("the nearest name wins, and the first of equally near ones", () => {
  expect(findNearest("abcdef", ["abcxef", "abcdefg"])).toBe("abcxef");
  expect(findNearest("abcdef", ["abxxef", "abcdefg"])).toBe("abcdefg");
});
