import { expect, test } from "bun:test";
import { plainResponse, RESPONSES } from "../../../src/ws/socket/plain-http.ts";

test.each([
  "/health",
  "/health?a=/b",
  "/health#a",
  "http://tracker.example/health",
  "https://tracker.example:443/health?a",
])("%s is answered 200", (target) => {
  expect(plainResponse(target)).toBe(RESPONSES.healthy);
});

test.each([
  "/",
  "*",
  "",
  "health",
  "/healthy",
  "/health/",
  "//health",
  "/?/health",
  "/announce",
  "http://tracker.example",
  "http://health",
  "ftp://tracker.example/health",
])("%s is answered 426", (target) => {
  expect(plainResponse(target)).toBe(RESPONSES.upgradeRequired);
});
