import { expect, test } from "bun:test";
import { nameClient } from "../../src/app/client-names.ts";
import { allocateClientSamples, ClientSampler, ClientTally } from "../../src/app/client-samples.ts";

function wordsOf(peerId: string): Int32Array {
  return new Int32Array(Uint8Array.from(Buffer.from(peerId.padEnd(20, "\u0001"), "latin1")).buffer);
}

test.each([
  ["-qB4650-", "qBittorrent"],
  ["-TR4060-", "Transmission"],
  ["-lt0D80-", "libTorrent (rTorrent)"],
  ["-LT20B0-", "libtorrent"],
  ["-UT355S-", "µTorrent"],
  ["-WW0205-", "WebTorrent"],
  ["M7-11-0-", "BitTorrent (Mainline)"],
  ["S58B----", "Shadow's client"],
  ["exbc\u0000\u0001..", "BitComet"],
  ["-ZZ1234-", undefined],
  ["-__pr00-", undefined],
  ["\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", undefined],
])("a peer id that begins with %j", (start, name) => {
  expect(nameClient(start)).toBe(name);
});

test("one announce in 64 is sampled, from all workers", () => {
  const memory = allocateClientSamples(2);
  const samplers = [new ClientSampler(memory, 0), new ClientSampler(memory, 1)];
  const tally = new ClientTally(memory);
  for (let i = 0; i < 64 * 30; i++) samplers[0].add(wordsOf("-qB4650-"), 0);
  for (let i = 0; i < 64 * 10; i++) samplers[1].add(wordsOf("-TR4060-"), 0);
  tally.collect(1);
  expect(tally.shares()).toEqual([
    { name: "qBittorrent", share: 0.75 },
    { name: "Transmission", share: 0.25 },
  ]);
  tally.collect(1);
  expect(tally.shares()[0].share).toBe(0.75);
});

test("samples that were overwritten are lost, and old ones fade", () => {
  const memory = allocateClientSamples(1);
  const sampler = new ClientSampler(memory, 0);
  const tally = new ClientTally(memory);
  for (let i = 0; i < 64 * 1000; i++) sampler.add(wordsOf("-DE13F0-"), 0);
  tally.collect(0);
  // 256 samples fade to 64 in twenty minutes.
  for (let i = 0; i < 64 * 64; i++) sampler.add(wordsOf("no client"), 0);
  tally.collect(1200);
  expect(tally.shares()).toEqual([
    { name: "Deluge", share: 0.5 },
    { name: "other", share: 0.5 },
  ]);
  tally.collect(100_000);
  expect(tally.shares()).toEqual([]);
});
