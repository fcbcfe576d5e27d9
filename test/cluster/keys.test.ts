import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { deriveKey } from "../../src/cluster/keys.ts";

test("a key is the HKDF-SHA256 of secret, name and purpose", () => {
  // RFC 5869: extract with the salt, then expand; 42 bytes take two rounds.
  const hmac = (key: Buffer | string, ...parts: (Buffer | string)[]) => {
    const hash = createHmac("sha256", key);
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const extracted = hmac("name", "secret");
  const first = hmac(extracted, "aquatic purpose", Buffer.from([1]));
  const second = hmac(extracted, first, "aquatic purpose", Buffer.from([2]));
  const expected = Buffer.concat([first, second]).subarray(0, 42);
  expect(deriveKey("secret", "name", "purpose", 42)).toEqual(expected);
});

test("keys differ by secret, name and purpose", () => {
  const keys = [
    deriveKey("a secret", "a", "b", 16),
    deriveKey("another", "a", "b", 16),
    deriveKey("a secret", "c", "b", 16),
    deriveKey("a secret", "a", "c", 16),
  ];
  expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(4);
});
