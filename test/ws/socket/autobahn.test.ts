// The cases of the Autobahn test suite against echo servers on the backends 'bytes' and 'epoll'.

import { afterAll, expect, test } from "bun:test";
import { inflateRawSync } from "node:zlib";
import { OPCODE } from "../../../src/ws/socket/frame.ts";
import { type AutobahnCase, AUTOBAHN_CASES } from "./autobahn-cases.ts";
import { clientFrame, closePayload } from "./client-frames.ts";
import { BYTE_BACKENDS, EchoServer } from "./echo-server.ts";
import { handshake, openTcp } from "./http-exchange.ts";
import { parseServerFrames, type ServerFrame } from "./server-frames.ts";

const servers = BYTE_BACKENDS.map((backend) => {
  const settings = { acceptCompressed: true, compress: true, maxMessageBytes: 2 ** 24 };
  return [backend, new EchoServer(backend, settings)] as const;
});
afterAll(() => {
  for (const [, server] of servers) server[Symbol.dispose]();
});

const { close, pong, text } = OPCODE;

/** Runs a case; resolves with the response to the handshake and all frames. */
async function run(port: number, { chunks, codes, expected, offer }: AutobahnCase) {
  const socket = await openTcp(port);
  socket.setNoDelay(true);
  const received: Buffer[] = [];
  let bytes = 0;
  let head = "";
  // Spares parsing everything at each packet.
  const plainBytes = expected.map((each) => (Buffer.isBuffer(each) ? each.length : 0));
  const fewest = offer === undefined ? plainBytes.reduce((sum, length) => sum + length, 0) : 0;
  let isClosing = codes !== undefined;
  const headDone = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => {
    received.push(data);
    bytes += data.length;
    if (head === "") {
      const all = Buffer.concat(received.splice(0));
      const end = all.indexOf("\r\n\r\n");
      head = all.toString("latin1", 0, end);
      received.push(all.subarray(end + 4));
      bytes = all.length - end - 4;
      headDone.resolve();
    }
    closeIfDone();
  });
  const ended = new Promise((resolve) => socket.once("close", resolve));
  const closeIfDone = (): void => {
    if (isClosing || bytes < fewest) return;
    if (parseServerFrames(Buffer.concat(received)).frames.length < expected.length) return;
    isClosing = true;
    socket.write(clientFrame(close, closePayload(1000)));
  };
  socket.write(handshake(...(offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${offer}`])));
  await headDone.promise;
  for (const chunk of chunks) {
    socket.write(chunk);
    if (chunks.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  closeIfDone();
  await ended;
  const { frames, rest } = parseServerFrames(Buffer.concat(received));
  return { head, frames, rest };
}

function inflate({ isCompressed, payload }: ServerFrame, windowBits = 15): Buffer {
  if (!isCompressed) return payload;
  return inflateRawSync(payload, { finishFlush: 2, windowBits });
}

const runs = servers.flatMap(([backend, { port }]) =>
  AUTOBAHN_CASES
    // What is compressed does not depend on where the bytes come from.
    .filter(({ offer }) => backend === "bytes" || offer === undefined)
    .map((each) => [each.name, backend, port, each] as const),
);

test.each(runs)("%s ('%s')", async (_name, _backend, port, each) => {
  const { head, frames, rest } = await run(port, each);
  expect(head).toStartWith("HTTP/1.1 101 ");
  const last = frames.at(-1);
  const code = last?.opcode === close ? last.payload.readUInt16BE(0) : undefined;
  // A connection that ends within a frame is not closed cleanly, which some cases allow.
  if (each.isInformational) return;
  expect(rest).toBe(0);
  expect(each.codes ?? [1000]).toContain(code!);
  expect(frames.length).toBe(each.expected.length + 1);
  for (const [i, expected] of each.expected.entries()) {
    const [opcode, payload] = Buffer.isBuffer(expected) ? [text, expected] : [pong, expected[1]];
    expect(frames[i].opcode).toBe(opcode);
    expect(frames[i].isCompressed).toBe(each.offer !== undefined);
    expect(inflate(frames[i], each.windowBits).equals(payload)).toBe(true);
  }
});

test("all cases are there", () => {
  const names = AUTOBAHN_CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const sections = Object.groupBy(names, (name) => name.split(".")[0]);
  const counts = Object.entries(sections).map(([section, cases]) => [section, cases!.length]);
  // As many as the original has.
  expect(Object.fromEntries(counts)).toEqual({
    1: 16,
    2: 11,
    3: 7,
    4: 10,
    5: 20,
    6: 145,
    7: 37,
    9: 54,
    12: 90,
    13: 126,
  });
});
