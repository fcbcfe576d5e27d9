// The origins of pages that may connect.

import { expect, test } from "bun:test";
import { AllowedOrigins, normalizeOrigin } from "../../src/ws/origin.ts";

test.each([
  ["https://example.com", "https://example.com"],
  ["HTTPS://Example.com/", "https://example.com"],
  ["http://localhost:8080", "http://localhost:8080"],
  ["http://[::1]:3000", "http://[::1]:3000"],
])("%s is the origin %s", (text, origin) => {
  expect(normalizeOrigin(text)).toBe(origin);
});

test.each(["", "example.com", "https://example.com/path", "https://*.example.com", "null", "*"])(
  "'%s' is refused",
  (text) => {
    expect(() => normalizeOrigin(text)).toThrow(`must hold origins, such as 'https://example.com'`);
  },
);

test("all origins are allowed if none is named", () => {
  const origins = new AllowedOrigins([]);
  expect([origins.has(null), origins.has("https://example.com")]).toEqual([true, true]);
});
