// Compares addresses with two independent readers: `node:net` for validity, `URL` for the value.

import { describe, expect, test } from "bun:test";
import { isIP, isIPv6 } from "node:net";
import fc from "fast-check";
import { readAddress, writeAddress } from "../../src/memory/address.ts";

const OFFSET = 5;

const zeros = (count: number) => Array.from({ length: count }, () => 0);

/**
 * Returns the bytes read, or undefined. Fails if a byte outside the 16 bytes of room was written.
 */
function read(text: string): number[] | undefined {
  const bytes = new Uint8Array(OFFSET + 16 + 7).fill(0xa5);
  const length = readAddress(text, bytes, OFFSET);
  expect([...bytes.subarray(0, OFFSET), ...bytes.subarray(OFFSET + 16)]).toEqual(
    zeros(OFFSET + 7).map(() => 0xa5),
  );
  return length === 0 ? undefined : [...bytes.subarray(OFFSET, OFFSET + length)];
}

function write(address: number[]): string {
  return writeAddress(Uint8Array.from([0, 0, 0, ...address]), 3, address.length);
}

/** The expected result of `read`, from the platform's own parsers. */
function readByPlatform(text: string): number[] | undefined {
  if (isIP(text) === 4) return text.split(".").map(Number);
  const [address, ...scope] = text.split("%");
  if (!isIPv6(address) || (scope.length > 0 && scope.join("%") === "")) return undefined;

  // URL wrongly rejects some addresses that end in dotted IPv4, such as ::1:2:3:4:5.6.7.8.
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes) => {
    const [a, b, c, d] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [left, right] = new URL(`http://[${hex}]/`).hostname.slice(1, -1).split("::");
  const groups = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  while (groups.length + tail.length < 8) groups.push("0");
  const bytes = [...groups, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
  return bytes.slice(0, 12).join() === "0,0,0,0,0,0,0,0,0,0,255,255" ? bytes.slice(12) : bytes;
}

const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const scope = fc.stringMatching(/^[0-9a-z]{1,8}$/);
const mapped = fc.tuple(fc.constantFrom("::ffff:", "0:0:0:0:0:ffff:", "::FFFF:"), fc.ipV4());
const validText = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(":")),
  fc.tuple(fc.ipV6(), scope).map(([address, scope]) => `${address}%${scope}`),
  mapped.map((parts) => parts.join("")),
  fc.tuple(group, group).map(([high, low]) => `::ffff:${high}:${low}`),
);
/** A valid address with one part replaced: almost an address, sometimes still one. */
const almostValidText = fc
  .tuple(
    validText,
    fc.nat(40),
    fc.nat(3),
    fc.string({ unit: fc.constantFrom(..."01:.%fFg".split("")), maxLength: 3 }),
  )
  .map(
    ([text, start, removed, added]) => text.slice(0, start) + added + text.slice(start + removed),
  );

describe("readAddress", () => {
  test("reads every address as the platform does", () => {
    fc.assert(
      fc.property(validText, (text) => {
        const expected = readByPlatform(text);
        expect(expected).toBeDefined();
        expect(read(text)).toEqual(expected!);
      }),
      { numRuns: 2000 },
    );
  });

  test("accepts exactly the texts that the platform accepts", () => {
    fc.assert(
      fc.property(almostValidText, (text) => {
        expect(read(text)).toEqual(readByPlatform(text) as number[]);
      }),
      { numRuns: 20_000 },
    );
  });

  test("touches no other bytes for any text", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."0a:.%".split("")), maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, (text) => {
        expect(read(text)).toEqual(readByPlatform(text) as number[]);
      }),
      { numRuns: 5000 },
    );
  });

  const examples: [string, number[] | undefined][] = [
    ["0.0.0.0", [0, 0, 0, 0]],
    ["255.255.255.255", [255, 255, 255, 255]],
    ["::", zeros(16)],
    ["::1", [...zeros(15), 1]],
    ["1:2:3:4:5:6:7::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
    ["::2:3:4:5:6:7:8", [0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ["1:2:3:4:5:6:7.8.9.10", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 7, 8, 9, 10]],
    ["fe80::1%eth0", [0xfe, 0x80, ...zeros(13), 1]],
    ["fe80::1%any_thing at:all%", [0xfe, 0x80, ...zeros(13), 1]],
    ["::ffff:192.0.2.1", [192, 0, 2, 1]],
    ["::FFFF:c000:0201", [192, 0, 2, 1]],
    ["::ffff:192.0.2.1%2", [192, 0, 2, 1]],
    ["::192.0.2.1", [...zeros(12), 192, 0, 2, 1]],
    ["64:ff9b::192.0.2.1", [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]],
    ["", undefined],
    ["localhost", undefined],
    ["1.2.3", undefined],
    ["1.2.3.", undefined],
    ["1.2.3.4.5", undefined],
    ["1..3.4", undefined],
    ["1.".repeat(30) + "1", undefined],
    ["::" + "1.".repeat(30) + "1", undefined],
    ["1:2:3:4:5:6:" + "1.".repeat(30) + "1", undefined],
    ["1:".repeat(30) + "1", undefined],
    ["01.2.3.4", undefined],
    ["1.2.3.256", undefined],
    ["1.2.3.4%eth0", undefined],
    [":", undefined],
    [":::", undefined],
    [":1::", undefined],
    ["1:", undefined],
    ["1::2::3", undefined],
    ["1:::2", undefined],
    ["1::::2", undefined],
    ["1:2:3:4:5:6:7", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["1:2:3:4:5:6:7:8:", undefined],
    ["1:2:3:4:5:6:7:8::", undefined],
    ["1:2:3:4::5:6:7:8", undefined],
    ["1:2:3:4:5:6:7:1.2.3.4", undefined],
    ["::00001", undefined],
    ["::1.2.3", undefined],
    ["::1.2.3.4:5", undefined],
    ["::g", undefined],
    ["::%", undefined],
    ["::1.2.3.4%", undefined],
    ["[::1]", undefined],
  ];
  for (const [text, expected] of examples) {
    test(`reads ${JSON.stringify(text)}`, () => {
      expect(read(text)).toEqual(expected as number[]);
    });
  }
});

const ipv4 = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
/** Mostly zero groups, to produce runs of every length and position. */
const ipv6 = fc
  .array(fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => groups.flatMap((value) => [value >> 8, value & 255]));

describe("writeAddress", () => {
  test("writes IPv4 in dotted form", () => {
    fc.assert(fc.property(ipv4, (address) => expect(write(address)).toBe(address.join("."))));
  });

  test("writes IPv6 as URL does", () => {
    fc.assert(
      fc.property(ipv6, (address) => {
        const hex = Buffer.from(address).toString("hex").match(/.{4}/g)!.join(":");
        expect(`[${write(address)}]`).toBe(new URL(`http://[${hex}]/`).hostname);
      }),
      { numRuns: 2000 },
    );
  });

  test("writes text that readAddress reads back", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (address) => {
        const isMapped = address.slice(0, 12).join() === "0,0,0,0,0,0,0,0,0,0,255,255";
        expect(read(write(address))).toEqual(isMapped ? address.slice(12) : address);
      }),
      { numRuns: 2000 },
    );
  });
});

for (const host of ["127.0.0.1", "::1"]) {
  test(`a datagram from ${host} can be answered at its address`, async () => {
    const { promise: answer, resolve, reject } = Promise.withResolvers<string>();
    await using sockets = new AsyncDisposableStack();
    const open = async (data: (address: string, port: number) => void) => {
      const socket = await Bun.udpSocket({
        hostname: host,
        socket: { data: (_, __, port, address) => data(address, port), error: reject },
      });
      sockets.defer(() => socket.close());
      return socket;
    };
    const server = await open((address, port) => {
      const bytes = new Uint8Array(16);
      server.send("answer", port, writeAddress(bytes, 0, readAddress(address, bytes, 0)));
    });
    const client = await open((address) => resolve(address));
    client.send("question", server.port, host);
    expect(await answer).toBe(host);
  });
}
