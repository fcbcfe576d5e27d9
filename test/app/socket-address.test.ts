import { describe, expect, test } from "bun:test";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "../../src/app/socket-address.ts";

describe("parseSocketAddress", () => {
  const cases: [text: string, address: SocketAddress, canonical?: string][] = [
    ["127.0.0.1:3000", { host: "127.0.0.1", port: 3000, family: 4 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0, family: 4 }],
    ["255.255.255.255:65535", { host: "255.255.255.255", port: 65535, family: 4 }],
    ["[::]:3000", { host: "::", port: 3000, family: 6 }],
    ["[::1]:1", { host: "::1", port: 1, family: 6 }],
    ["[0:0:0:0:0:0:0:1]:1", { host: "::1", port: 1, family: 6 }, "[::1]:1"],
    ["[2001:DB8:0::A]:80", { host: "2001:db8::a", port: 80, family: 6 }, "[2001:db8::a]:80"],
  ];
  test.each(cases)("reads %s", (text, address, canonical = text) => {
    expect(parseSocketAddress(text)).toEqual(address);
    expect(formatSocketAddress(address)).toBe(canonical);
    expect(parseSocketAddress(canonical)).toEqual(address);
  });
});

describe("a wrong address", () => {
  const malformed = [
    "",
    ":3000",
    "3000",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:99999",
    "127.0.0.1:-1",
    "127.0.0.1:03000",
    "127.0.0.1:3e3",
    "127.0.0.1:3000 ",
    " 127.0.0.1:3000",
    "127.0.0.1:3000\n",
    "127.0.0.256:3000",
    "127.1:3000",
    "localhost:3000",
    "tracker.example:3000",
    "*:3000",
    "::1:3000",
    "::1",
    "[::1]",
    "[::1]3000",
    "[::g]:3000",
    "[127.0.0.1]:3000",
    "[]:3000",
    "[fe80::1%eth0]:3000",
    "127.0.0.1:3000,[::1]:3000",
  ];
  test.each(malformed)("is refused: %j", (text) => {
    expect(() => parseSocketAddress(text)).toThrow(
      new RangeError(
        `must be 'IPv4:port' or '[IPv6]:port' with a port from 0 to 65535, not '${text}'`,
      ),
    );
  });

  test("is refused if it is an IPv4-mapped address, which an IPv6-only socket cannot bind", () => {
    expect(() => parseSocketAddress("[::ffff:127.0.0.1]:3000")).toThrow(
      "must give IPv4 addresses as 'IPv4:port'",
    );
  });
});
