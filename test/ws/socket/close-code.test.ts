import { expect, test } from "bun:test";
import { CLOSE, closePayload, isValidCode } from "../../../src/ws/socket/close-code.ts";

test("codes of the standard, of the registry and of applications are valid", () => {
  const valid = Array.from({ length: 2 ** 16 }, (_, code) => code).filter(isValidCode);
  const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  const others = Array.from({ length: 2000 }, (_, i) => 3000 + i);
  expect(valid).toEqual([...registered, ...others]);
});

test("every code that the tracker sends is one that it accepts", () => {
  expect(Object.values(CLOSE).every(isValidCode)).toBe(true);
});

test("a payload is the code and the reason", () => {
  expect(closePayload(1000, "")).toEqual(Buffer.of(0x03, 0xe8));
  expect(closePayload(1009, "gro\u00df").toString("latin1")).toBe("\x03\xf1gro\xc3\x9f");
});

test("a reason that does not fit a control frame is cut between characters", () => {
  expect(closePayload(1000, "x".repeat(200)).length).toBe(125);
  const payload = closePayload(1000, "\u20ac".repeat(50));
  expect(payload.subarray(2).toString()).toBe("\u20ac".repeat(41));
});
