// What the addresses of WebTorrent clients may have and do.

import { describe, expect, test } from "bun:test";
import { TOKEN } from "../../src/memory/token-buckets.ts";
import { AddressLimits, allocateAddressLimits } from "../../src/ws/address-limits.ts";
import { ADDRESS_WORDS, readAddressWords } from "../../src/ws/client-address.ts";

const LIMITS = { max_connections_per_ip: 3, max_peers_per_ip: 2, max_messages_per_second: 1 };

function create(settings: Partial<typeof LIMITS> = {}, workers = 1) {
  const memory = allocateAddressLimits(new Int32Array([1, 2]));
  const views = Array.from({ length: workers }, () => {
    return new AddressLimits(memory, { ...LIMITS, ...settings });
  });
  const hashOf = (text: string): number => {
    const words = new Int32Array(ADDRESS_WORDS);
    readAddressWords(text, words);
    return views[0].hash(words);
  };
  return { limits: views[0], views, hashOf };
}

describe("limits for one address", () => {
  test("tell IPv4 addresses and IPv6 networks apart", () => {
    const { hashOf } = create();
    expect(hashOf("203.0.113.5")).toBe(hashOf("::ffff:203.0.113.5"));
    expect(hashOf("2001:db8:1:2:3::4")).toBe(hashOf("2001:db8:1:2::5"));
    const others = [
      "203.0.113.5",
      "203.0.113.6",
      "203.0.112.5",
      "2001:db8:1:2::",
      "2001:db8:1:3::",
      "2001:db9:1:2::",
    ];
    expect(new Set(others.map(hashOf)).size).toBe(others.length);
  });

  test("count connections and peers over all workers, each with room for another address", () => {
    const { hashOf, views } = create({}, 2);
    const [one, other] = ["192.0.2.1", "192.0.2.2"].map(hashOf);
    for (let i = 0; i < 3; i++) {
      expect(views[1].hasRoom(one)).toBe(true);
      views[i % 2].addConnection(one);
    }
    expect(views.map((view) => view.hasRoom(one))).toEqual([false, false]);
    expect(views[0].hasRoom(other)).toBe(true);
    views[0].removeConnection(one);
    expect(views[1].hasRoom(one)).toBe(true);

    expect([0, 1, 0].map((i) => views[i].addPeer(one))).toEqual([true, true, false]);
    expect(views[0].addPeer(other)).toBe(true);
    views[1].removePeer(one);
    expect(views[0].addPeer(one)).toBe(true);
  });

  test("give each address a burst of messages, and then its rate", () => {
    const { hashOf, limits } = create();
    const hash = hashOf("192.0.2.1");
    const outcomes = (count: number, now: number) => {
      const taken = Array.from({ length: count }, () => limits.takeMessage(hash, now));
      return taken.filter((token) => token === TOKEN.taken).length;
    };
    expect([outcomes(100, 5), outcomes(100, 6), outcomes(100, 8)]).toEqual([40, 1, 2]);
    expect(limits.takeMessage(hashOf("192.0.2.2"), 8)).toBe(TOKEN.taken);
  });

  test("are none where they are 0", () => {
    const { hashOf, limits } = create({
      max_connections_per_ip: 0,
      max_peers_per_ip: 0,
      max_messages_per_second: 0,
    });
    const hash = hashOf("192.0.2.1");
    for (let i = 0; i < 1000; i++) {
      expect(limits.hasRoom(hash)).toBe(true);
      limits.addConnection(hash);
      expect(limits.addPeer(hash)).toBe(true);
      expect(limits.takeMessage(hash, 1)).toBe(TOKEN.taken);
    }
  });
});
