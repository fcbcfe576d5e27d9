// The address of a connection's client: where the connection comes from or, if that is a trusted
// proxy, the address that the proxy states. All that depends on a client's address asks here.

import { BlockList, isIPv4, isIPv6 } from "node:net";
import { readAddress, writeAddress } from "../memory/address.ts";

/** Words of an address: 16 bytes. An IPv4 address is mapped (::ffff:0:0/96). */
export const ADDRESS_WORDS = 4;

/** The third word of ::ffff:0:0/96, which is in network byte order. */
const MAPPED = 0xffff0000 | 0;

export interface ProxySettings {
  /** Addresses, and networks written as `address/bits`. */
  readonly trusted_proxies: readonly string[];
  readonly client_address_header: string;
}

/**
 * Returns the canonical spelling of a trusted proxy. Throws a RangeError that says what is allowed.
 */
export function normalizeProxy(text: string): string {
  const { address, bits, family } = parseProxy(text);
  const bytes = new Uint8Array(16);
  const length = readAddress(address, bytes, 0);
  return `${writeAddress(bytes, 0, length)}/${bits ?? (family === "ipv4" ? 32 : 128)}`;
}

/** Throws a RangeError if no header can have the name. */
export function checkHeaderName(name: string): void {
  // A token, RFC 9110.
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return;
  throw new RangeError(`must be the name of a header, such as 'X-Forwarded-For', not '${name}'`);
}

/** Header fields by their names, such as `Headers`. */
export interface HeaderValues {
  get(name: string): string | null;
}

export class ClientAddresses {
  readonly #trusted = new BlockList();
  readonly #header: string;
  readonly #trustsAny: boolean;

  constructor(settings: ProxySettings) {
    this.#header = settings.client_address_header;
    this.#trustsAny = settings.trusted_proxies.length > 0;
    for (const text of settings.trusted_proxies) {
      const { address, bits, family } = parseProxy(text);
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, bits, family);
    }
  }

  /**
   * Returns the address of a client that connected from `remote`. Each proxy appends the address
   * from which it was asked to the header, so it is believed from its end, up to the first address
   * that is not trusted, or to an invalid one.
   */
  find(remote: string, headers: HeaderValues): string {
    let client = canonize(remote) ?? remote;
    if (!this.#trustsAny || !this.#isTrusted(client)) return client;
    const list = headers.get(this.#header);
    if (list === null) return client;
    for (const entry of list.split(",").reverse()) {
      const address = readEntry(entry.trim());
      if (address === undefined) return client;
      client = address;
      if (!this.#isTrusted(client)) return client;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, isIPv4(address) ? "ipv4" : "ipv6");
  }
}

/** Writes an address as words; zeros if `text` is not an address. */
export function readAddressWords(text: string, words: Int32Array): void {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, ADDRESS_WORDS * 4);
  const length = readAddress(text, bytes, 0);
  if (length === 16) return;
  const [a, b, c, d] = bytes;
  bytes.fill(0);
  if (length === 4) bytes.set([0xff, 0xff, a, b, c, d], 10);
}

/** Whether an address that was read as words is one of IPv4. */
export function isIpv4Mapped(words: Int32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
}

// ---------------------------------------------------------------------------------------------

interface Proxy {
  readonly address: string;
  readonly bits: number | undefined;
  readonly family: "ipv4" | "ipv6";
}

function parseProxy(text: string): Proxy {
  const [, address = "", suffix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const max = family === "ipv4" ? 32 : 128;
  const bits = suffix === undefined ? undefined : Number(suffix);
  const isAddress = family === "ipv4" || (isIPv6(address) && canonize(address)?.includes(":"));
  if (!isAddress || (bits ?? 0) > max) {
    throw new RangeError(
      `must hold addresses, such as '192.0.2.1' or '2001:db8::1', or networks, such as ` +
        `'192.0.2.0/24' or '2001:db8::/32', not '${text}'`,
    );
  }
  return { address, bits, family };
}

/** Reads an address of the header, with or without a port: `1.2.3.4:5`, `[::1]:5` or `::1`. */
function readEntry(entry: string): string | undefined {
  const [, ipv6, ipv4] = /^(?:\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(entry) ?? [];
  return canonize(ipv6 ?? ipv4 ?? entry);
}

/**
 * Returns the canonical spelling of an address, of IPv4 if it is mapped; undefined if it is
 * invalid.
 */
function canonize(text: string): string | undefined {
  const bytes = new Uint8Array(16);
  const length = readAddress(text, bytes, 0);
  return length === 0 ? undefined : writeAddress(bytes, 0, length);
}
