// Sends the same random frames to all socket backends, and compares what comes back. The same seed
// produces the same frames.
//
// Each message comes back at once, in hexadecimal digits, so that bytes that are not UTF-8 can be
// compared, and empty messages seen. What may differ is not looked at:
// - the reason in a close frame, and whether a reason of the client's comes back,
// - the code that answers a close frame without one: none from 'bun', 1000 from the others,
// - what damaged compressed data inflates to. Data that no decoder accepts is sent, though.

import { Random } from "../../src/memory/random.ts";
import { OPCODE } from "../../src/ws/socket/frame.ts";
import type { BackendName } from "../../src/ws/socket/backend.ts";
import { BYTE_BACKENDS, EchoServer } from "../ws/socket/echo-server.ts";
import { handshake, openTcp } from "../ws/socket/http-exchange.ts";
import { parseServerFrames } from "../ws/socket/server-frames.ts";
import { Frames } from "./frames.ts";

const BACKENDS: readonly BackendName[] = [...BYTE_BACKENDS, "bun"];
const MAX_MESSAGE_BYTES = 1000;
const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";
/** Connections at a time, and those after which the servers get other ports. */
const AT_ONCE = 8;
const MAX_CONNECTIONS = 8000;

/** How often each thing was sent, and how often connections ended with each code. */
export type SocketTally = Record<string, number>;

/**
 * Fuzzes with `rounds` connections. Throws an Error that names the round if the backends differ.
 */
export async function fuzzSockets(seed: number, rounds: number): Promise<SocketTally> {
  const tally: SocketTally = {};
  const random = new Random(seed, 0, 0);
  for (let done = 0; done < rounds; done += MAX_CONNECTIONS) {
    using servers = new DisposableStack();
    const ports = BACKENDS.map((backend) => servers.use(serve(backend)).port);
    const end = Math.min(rounds, done + MAX_CONNECTIONS);
    for (let first = done; first < end; first += AT_ONCE) {
      const count = Math.min(AT_ONCE, end - first);
      const runs = Array.from({ length: count }, (_, i) =>
        compare(seed, first + i, random, ports, tally),
      );
      await Promise.all(runs);
    }
  }
  return tally;
}

function serve(backend: BackendName): EchoServer {
  const server = new EchoServer(backend, {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    acceptCompressed: true,
  });
  server.isImmediate = true;
  server.onMessage = (client, message) =>
    server.send(client, Buffer.from(`= ${message.toString("hex")}`));
  return server;
}

// All random numbers are taken before the first wait, so that rounds at the same time do not mix.
async function compare(
  seed: number,
  round: number,
  random: Random,
  ports: readonly number[],
  tally: SocketTally,
): Promise<void> {
  const generator = new Frames(random);
  const isCompressed = random.below(2) === 0;
  const { frames, kinds } = generator.next(isCompressed);
  const chunks = generator.cut(frames);
  const answers = await Promise.all(ports.map((port) => send(port, chunks, isCompressed)));
  const texts = answers.map((each) => each.join(", "));
  for (const [i, backend] of BACKENDS.entries()) {
    if (texts[i] === texts[0]) continue;
    throw new Error(
      `seed ${seed}, round ${round}: ${frames.map((frame) => frame.toString("hex")).join(" ")} is ` +
        `answered ${texts[0]} by '${BACKENDS[0]}', but ${texts[i]} by '${backend}'`,
    );
  }
  const ending = answers[0].at(-1)!;
  for (const kind of [...kinds, ending]) tally[kind] = (tally[kind] ?? 0) + 1;
}

/** Sends chunks; resolves with what came back, once the connection has ended. */
async function send(port: number, chunks: readonly Buffer[], isCompressed: boolean) {
  const socket = await openTcp(port);
  socket.setNoDelay(true);
  const received: Buffer[] = [];
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("data", (data: Buffer) => received.push(data));
  socket.write(handshake(...(isCompressed ? [DEFLATE] : [])));
  for (const chunk of chunks) {
    socket.write(chunk);
    if (chunks.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  const all = Buffer.concat(received);
  const head = all.indexOf("\r\n\r\n") + 4;
  const { frames, rest } = parseServerFrames(all.subarray(head));
  const answers = frames.map(({ opcode, payload }) => {
    if (opcode === OPCODE.close) return `close ${payload.toString("hex", 0, 2)}`;
    return `${opcode} ${payload.toString("hex")}`;
  });
  return rest === 0 ? answers : [...answers, `${rest} bytes`];
}
