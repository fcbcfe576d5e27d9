import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ADDRESS_WORDS, ClientAddresses, readAddressWords } from "../../src/ws/client-address.ts";

const HEADER = "X-Forwarded-For";

function create(trusted: string[], header = HEADER): ClientAddresses {
  return new ClientAddresses({ trusted_proxies: trusted, client_address_header: header });
}

/** Whose a connection from `remote` with these headers is. */
function find(trusted: string[], remote: string, ...values: string[]): string {
  const headers = new Headers();
  for (const value of values) headers.append(HEADER, value);
  return create(trusted).find(remote, headers);
}

const proxies = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"];

test("without trusted proxies, nobody is believed", () => {
  expect(find([], "127.0.0.1", "203.0.113.5")).toBe("127.0.0.1");
  expect(find(["192.0.2.1"], "192.0.2.2", "203.0.113.5")).toBe("192.0.2.2");
});

test.each([
  ["10.1.2.3", "203.0.113.5"],
  ["192.0.2.1", "203.0.113.5"],
  ["::ffff:192.0.2.1", "203.0.113.5"],
  ["2001:db8:1::1", "203.0.113.5"],
  ["::1", "203.0.113.5"],
  ["11.0.0.1", "11.0.0.1"],
  ["2001:db9::1", "2001:db9::1"],
])("a connection from %s is one of %s", (remote, client) => {
  expect(find(proxies, remote, "203.0.113.5")).toBe(client);
});

test.each([
  ["the last one counts", ["198.51.100.9, 203.0.113.5"], "203.0.113.5"],
  [
    "what trusted proxies appended is passed over",
    ["203.0.113.5, 10.0.0.2,10.0.0.3"],
    "203.0.113.5",
  ],
  ["nothing before the client is believed", ["8.8.8.8, 203.0.113.5, 10.0.0.2"], "203.0.113.5"],
  ["several headers are one", ["8.8.8.8", "203.0.113.5", "10.0.0.2"], "203.0.113.5"],
  ["a list of trusted proxies alone", ["10.0.0.4, 10.0.0.2"], "10.0.0.4"],
  ["ports", ["203.0.113.5:4711"], "203.0.113.5"],
  ["IPv6", ["2001:DB9:0::5"], "2001:db9::5"],
  ["IPv6 in brackets", ["[2001:db9::5]"], "2001:db9::5"],
  ["IPv6 with a port", ["[2001:db9::5]:4711"], "2001:db9::5"],
  ["IPv4 as IPv6", ["::ffff:203.0.113.5"], "203.0.113.5"],
])("%s", (_name, values, client) => {
  expect(find(proxies, "10.0.0.1", ...values)).toBe(client);
});

test.each([
  "",
  " ",
  "unknown",
  "_hidden",
  "203.0.113",
  "203.0.113.5:",
  "[203.0.113.5",
  "for=1.2.3.4",
  ",",
])("what is no address, %j, leaves what was known before it", (odd) => {
  expect(find(proxies, "10.0.0.1", odd)).toBe("10.0.0.1");
  expect(find(proxies, "10.0.0.1", `203.0.113.5, ${odd}`)).toBe("10.0.0.1");
  expect(find(proxies, "10.0.0.1", `203.0.113.5, ${odd}, 10.0.0.2`)).toBe("10.0.0.2");
  expect(find(proxies, "10.0.0.1", `${odd}, 203.0.113.5`)).toBe("203.0.113.5");
});

test("the header has the name that it is given, in any case", () => {
  const headers = new Headers({ "cf-connecting-ip": "203.0.113.5", [HEADER]: "8.8.8.8" });
  expect(create(proxies, "CF-Connecting-IP").find("10.0.0.1", headers)).toBe("203.0.113.5");
  expect(create(proxies).find("10.0.0.1", new Headers())).toBe("10.0.0.1");
});

test("whatever is in the header, the client has an address, and no stranger chooses it", () => {
  const part = fc.oneof(
    fc.constantFrom("10.0.0.2", "203.0.113.5", "::1", "[::1]:5", ",", " ", "unknown", "1.2.3.4:5"),
    fc.string({ unit: "grapheme-ascii" }),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const given = parts.join(",").trim();
      const appended = given === "" ? "203.0.113.9" : `${given}, 203.0.113.9`;
      expect(find(proxies, "10.0.0.1", appended)).toBe("203.0.113.9");
      expect(find(proxies, "10.0.0.1", given)).toMatch(/^[0-9a-f:.]+$/);
      expect(find(proxies, "198.51.100.1", given)).toBe("198.51.100.1");
    }),
  );
});

describe("an address as words", () => {
  const wordsOf = (text: string): Int32Array => {
    const words = new Int32Array(ADDRESS_WORDS).fill(-1);
    readAddressWords(text, words);
    return words;
  };
  const bytesOf = (text: string): number[] => [...new Uint8Array(wordsOf(text).buffer)];

  test("is its 16 bytes, those of IPv4 mapped, and zeros when there is none", () => {
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 203, 0, 113, 5];
    expect(bytesOf("203.0.113.5")).toEqual(mapped);
    expect(bytesOf("::ffff:203.0.113.5")).toEqual(mapped);
    expect(bytesOf("102:304:506:708:90a:b0c:d0e:f10")).toEqual(
      Array.from({ length: 16 }, (_, i) => i + 1),
    );
    expect(bytesOf("nobody")).toEqual(Array.from({ length: 16 }, () => 0));
  });
});
