// One socket of the mmsg backend: only the responses that the kernel refuses are lost, and counted.

import { expect, spyOn, test } from "bun:test";
import { sumCounter } from "../../../src/app/counters.ts";
import { COUNTER, type Counter } from "../../../src/app/metrics.ts";
import { defaultConfig } from "../../../src/app/config.ts";
import { Bytes } from "../../../src/memory/bytes.ts";
import { udpSchema } from "../../../src/udp/config.ts";
import { Dispatcher } from "../../../src/udp/dispatcher.ts";
import { MessageBatch } from "../../../src/udp/socket/message-batch.ts";
import { MmsgSocket } from "../../../src/udp/socket/mmsg-socket.ts";
import { PollSet } from "../../../src/udp/socket/poll-set.ts";
import { RESPONSE, SOURCE } from "../../../src/udp/request.ts";
import { allocateSetup, viewSetup } from "../../../src/udp/setup.ts";
import { writeName } from "../../../src/udp/socket/name.ts";
import { openUdpClient } from "../../support/udp-client.ts";
import { ptr } from "bun:ffi";

const DATAGRAM_BYTES = 12;
/** The first word of the client's name in a source, after the backend's socket index. */
const NAME = SOURCE.reply + 1;

const isLinux = process.platform === "linux";

/** A socket that sends batches of `slots`, and its counters. */
function openSocket(slots: number) {
  const setup = allocateSetup(defaultConfig(udpSchema), "mmsg");
  const { counters, handler } = viewSetup(setup, 0);
  const dispatcher = new Dispatcher(handler, slots, [], counters);
  const address = { host: "127.0.0.1", port: 0, family: 4 } as const;
  const socket = new MmsgSocket(0, address, false, dispatcher, counters);
  const count = (counter: Counter): number => sumCounter(setup.counters, counter);
  return { socket, count };
}

/** Errors with which the kernel refuses a response. */
const ERRORS = { EPERM: 1, EINTR: 4, EAGAIN: 11, EMSGSIZE: 90, ENOBUFS: 105, ECONNREFUSED: 111 };

test.skipIf(!isLinux).each([
  ["EINTR tries again", [-ERRORS.EINTR, -ERRORS.EINTR, 4], 0, 3],
  ["the first EAGAIN waits for room", [-ERRORS.EAGAIN, 4], 0, 2],
  ["each EAGAIN waits for room", [-ERRORS.EAGAIN, 1, -ERRORS.EAGAIN, -ERRORS.EAGAIN, 3], 0, 5],
  ["a response too long for the path is sent again", [1, -ERRORS.EMSGSIZE, 3], 0, 3],
  ["a response too long even if split is lost", [-ERRORS.EMSGSIZE, 1, -ERRORS.EMSGSIZE, 2], 1, 4],
  ["a full device loses one", [-ERRORS.ENOBUFS, 3], 1, 2],
  ["a firewall loses one", [1, -ERRORS.EPERM, 2], 1, 3],
  ["a client that is gone loses one", [2, -ERRORS.ECONNREFUSED, 1], 1, 3],
  ["a kernel that refuses everything is asked once for each", [-1, -1, -1, -1], 4, 4],
  ["the kernel accepts a part at a time", [1, 2, 1], 0, 3],
])("when sending, %s", (_name, answers, failed, calls) => {
  const { count, socket } = openSocket(4);
  const memory = Bytes.allocate((RESPONSE.datagram + DATAGRAM_BYTES / 4) * 4);
  memory.words[RESPONSE.bytes] = DATAGRAM_BYTES;
  const script = [...answers];
  const send = spyOn(MessageBatch.prototype, "send").mockImplementation(() => script.shift()!);
  try {
    // The fourth response fills the batch, which is then sent.
    for (let i = 0; i < 4; i++) socket.queueRelayed(memory.words, 0, ptr(memory.bytes));
    socket.send();
    expect(send).toHaveBeenCalledTimes(calls);
  } finally {
    send.mockRestore();
    socket.close();
  }
  expect(script).toEqual([]);
  expect(count(COUNTER.sendFailed)).toBe(failed);
  expect(count(COUNTER.responses)).toBe(4 - failed);
  expect(count(COUNTER.bytesOut)).toBe((4 - failed) * DATAGRAM_BYTES);
});

test.skipIf(!isLinux)("waits at most 10 ms for room for a batch, then drops responses", () => {
  const { count, socket } = openSocket(4);
  const memory = Bytes.allocate((RESPONSE.datagram + DATAGRAM_BYTES / 4) * 4);
  memory.words[RESPONSE.bytes] = DATAGRAM_BYTES;
  const send = spyOn(MessageBatch.prototype, "send").mockReturnValue(-ERRORS.EAGAIN);
  let now = 1000;
  const waits: number[] = [];
  const clock = spyOn(performance, "now").mockImplementation(() => now);
  const wait = spyOn(PollSet.prototype, "wait").mockImplementation((microseconds) => {
    waits.push(microseconds);
    now += 4;
    return 0;
  });
  try {
    for (let i = 0; i < 4; i++) socket.queueRelayed(memory.words, 0, ptr(memory.bytes));
    expect(waits).toEqual([10_000, 6000, 2000]);
    expect(send).toHaveBeenCalledTimes(3 + 4);
  } finally {
    for (const spy of [send, clock, wait]) spy.mockRestore();
    socket.close();
  }
  expect([count(COUNTER.sendFailed), count(COUNTER.responses)]).toEqual([4, 0]);
});

test.skipIf(!isLinux)("sends the other responses when the kernel refuses one", async () => {
  const { count, socket } = openSocket(4);
  await using client = await openUdpClient({ address: "127.0.0.1", port: socket.port });

  // Ten responses in batches of four. The kernel sends nothing to port 0 (EINVAL).
  const words = RESPONSE.datagram + DATAGRAM_BYTES / 4;
  const memory = Bytes.allocate(words * 4 * 10);
  const start = ptr(memory.bytes);
  for (let i = 0; i < 10; i++) {
    const responseWord = i * words;
    const port = i === 0 || i === 5 || i === 9 ? 0 : client.localPort;
    writeName(memory, responseWord + RESPONSE.source + NAME, {
      host: "127.0.0.1",
      port,
      family: 4,
    });
    memory.words[responseWord + RESPONSE.bytes] = DATAGRAM_BYTES;
    memory.words[responseWord + RESPONSE.datagram] = i;
    socket.queueRelayed(memory.words, responseWord, start + (responseWord + RESPONSE.datagram) * 4);
  }
  socket.send();
  const datagrams = await client.collect(7);
  socket.close();

  expect(datagrams.map((datagram) => datagram[0])).toEqual([1, 2, 3, 4, 6, 7, 8]);
  expect(count(COUNTER.sendFailed)).toBe(3);
  expect(count(COUNTER.responses)).toBe(7);
  expect(count(COUNTER.bytesOut)).toBe(7 * DATAGRAM_BYTES);
});
