// One socket of the mmsg backend: what the kernel refuses is lost alone, and counted.

import { expect, test } from "bun:test";
import { COUNTER, sumCounter } from "../../src/app/counters.ts";
import { defaultConfig } from "../../src/app/config.ts";
import { Bytes } from "../../src/memory/bytes.ts";
import { udpSchema } from "../../src/udp/config.ts";
import { Dispatcher } from "../../src/udp/dispatcher.ts";
import { MmsgSocket } from "../../src/udp/mmsg-socket.ts";
import { RESPONSE, SOURCE } from "../../src/udp/request.ts";
import { allocateSetup, viewSetup } from "../../src/udp/setup.ts";
import { writeName } from "../../src/udp/socket-name.ts";
import { openUdpClient } from "../support/udp-client.ts";
import { ptr } from "bun:ffi";

const DATAGRAM_BYTES = 12;
/** Words of a source that come before the client's name, in the backend's part of it. */
const NAME = SOURCE.reply + 1;

test.skipIf(process.platform !== "linux")("sends the others when one is refused", async () => {
  const setup = allocateSetup(defaultConfig(udpSchema), "mmsg");
  const { counters, handler } = viewSetup(setup, 0);
  const dispatcher = new Dispatcher(handler, 4, [], counters);
  const address = { host: "127.0.0.1", port: 0, family: 4 } as const;
  const socket = new MmsgSocket(0, address, false, dispatcher, counters);
  await using client = await openUdpClient({ address: "127.0.0.1", port: socket.port });

  // Ten responses over batches of four. To port 0 the kernel sends nothing (EINVAL).
  const words = RESPONSE.datagram + DATAGRAM_BYTES / 4;
  const memory = Bytes.allocate(words * 4 * 10);
  const start = ptr(memory.bytes);
  for (let i = 0; i < 10; i++) {
    const at = i * words;
    const port = i === 0 || i === 5 || i === 9 ? 0 : client.localPort;
    writeName(memory, at + RESPONSE.source + NAME, { host: "127.0.0.1", port, family: 4 });
    memory.words[at + RESPONSE.bytes] = DATAGRAM_BYTES;
    memory.words[at + RESPONSE.datagram] = i;
    socket.queueRelayed(memory.words, at, start + (at + RESPONSE.datagram) * 4);
  }
  socket.send();
  const datagrams = await client.collect(7);
  socket.close();

  expect(datagrams.map((datagram) => datagram[0])).toEqual([1, 2, 3, 4, 6, 7, 8]);
  expect(sumCounter(setup.counters, COUNTER.sendFailed)).toBe(3);
  expect(sumCounter(setup.counters, COUNTER.responses)).toBe(7);
  expect(sumCounter(setup.counters, COUNTER.bytesOut)).toBe(7 * DATAGRAM_BYTES);
});
