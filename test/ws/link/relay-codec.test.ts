// Offers and answers as bytes, from node to node.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { KIND, type Kind, ROUTE } from "../../../src/ws/deliveries.ts";
import { readRelays, RelayWriter } from "../../../src/ws/link/relay-codec.ts";

interface Relay {
  kind: Kind;
  route: number[];
  text: string;
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

const relay: fc.Arbitrary<Relay> = fc.record({
  kind: fc.constantFrom(KIND.offer, KIND.answer),
  route: fc
    .tuple(fc.array(word, { minLength: ROUTE.flags, maxLength: ROUTE.flags }), fc.nat(1))
    .map(([ids, flags]) => [...ids, flags]),
  text: fc.oneof(
    fc.string(),
    fc.nat(40_000).map((length) => "x".repeat(length)),
  ),
});

function add(writer: RelayWriter, { kind, route, text }: Relay): void {
  const bytes = Buffer.from(`ab${text}c`);
  writer.add(kind, Int32Array.from([5, ...route]), 1, bytes, 2, bytes.length - 3);
}

function read(payload: Buffer): Relay[] | undefined {
  const relays: Relay[] = [];
  const isValid = readRelays(payload, (kind, route, start, length) => {
    relays.push({ kind, route: [...route], text: payload.toString("utf8", start, start + length) });
  });
  if (!isValid) expect(relays).toEqual([]);
  return isValid ? relays : undefined;
}

test("arrive as they were, in order", () => {
  const writer = new RelayWriter();
  fc.assert(
    fc.property(fc.array(relay, { maxLength: 10 }), (relays) => {
      let length = 0;
      for (const each of relays) {
        add(writer, each);
        length += RelayWriter.bytesOf(Buffer.byteLength(each.text));
        expect(writer.length).toBe(length);
      }
      const payload = writer.take();
      expect(payload.length).toBe(length);
      expect(read(payload)).toEqual(relays);
      expect(writer.length).toBe(0);
    }),
  );
});

test("bytes that are not such a payload are refused as a whole", () => {
  const writer = new RelayWriter();
  const route = Array.from({ length: ROUTE.words }, () => 0);
  for (const text of ["one", "two"]) add(writer, { kind: KIND.offer, route, text });
  const good = Buffer.from(writer.take());
  const first = RelayWriter.bytesOf(3);
  expect(read(good)?.length).toBe(2);
  for (let length = 1; length < good.length; length++) {
    if (length !== first) expect(read(good.subarray(0, length))).toBeUndefined();
  }
  // The kind of a response, unknown flags, a length that reaches too far.
  for (const [offset, value] of [
    [0, KIND.response],
    [0, 77],
    [first, 77],
    [5 + ROUTE.flags * 4, 2],
    [first + 4, 0xff],
    [first + 1, 4],
  ]) {
    const bad = Buffer.from(good);
    bad[offset] = value;
    expect(read(bad)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.from(bytes))),
  );
});
