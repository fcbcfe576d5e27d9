// What clients that do not read cost the WebTorrent tracker: its memory, resident and at its peak,
// while they are offered more and more, made of messages that are much larger than the offers in
// them; and while they ping all the time as well. Each has a small receive buffer, so that the
// kernel takes little for it.
//
// usage: bun bench/micro/ws-deaf.ts [ENTRY], where ENTRY is a tracker's src/ws.ts

import { ptr } from "bun:ffi";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, deflateRawSync } from "node:zlib";
import { openLibc } from "../../src/app/libc.ts";

const SECONDS = 6;
const WRITERS = 2;
/** Announces that a writer sends at once, so that there is much to send when a client blocks. */
const BURST = 400;
const MESSAGE_BYTES = 60_000;
const OFFERS = 10;
/** Offers are long until the kernel has taken nearly all that it takes for a client. */
const LONG_SDP = 1500;
const SHORT_SDP = 20;
const FILL_BYTES = 2_600_000;
/** Peers of each client that does not read, so that it may get all offers of an announce. */
const PEERS = 20;
const PINGS_AT_ONCE = 100;
const entry = process.argv[2] ?? new URL("../../src/ws.ts", import.meta.url).pathname;

const libc = openLibc({
  close: { args: ["i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "usize", "i32"], returns: "i64" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
})!;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const MSG_DONTWAIT_NOSIGNAL = 0x4040;

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];
const TEXT = 1;
const PING = 9;
const PING_BYTES = 100;

for (const pings of [false, true]) {
  for (const count of [0, 40, 126]) await measure(count, pings);
}

async function measure(count: number, pings: boolean): Promise<void> {
  const { port, tracker } = await startTracker();
  const { pid } = tracker;
  const before = readMemory(pid, "VmRSS");
  const deaf = Array.from({ length: count }, (_, n) => connectDeaf(port, `deaf ${n}`));
  const names = Array.from({ length: WRITERS }, (_, n) => `writer ${n}`);
  const writers = await Promise.all(names.map((name) => openWriter(port, name)));
  const some = Buffer.concat(
    Array.from({ length: PINGS_AT_ONCE }, () => frame(PING, "x".repeat(PING_BYTES))),
  );
  let toFill = (count * FILL_BYTES) / (OFFERS * LONG_SDP * BURST * WRITERS);
  let until = Infinity;
  while (performance.now() < until) {
    for (const writer of writers) writer.burst(toFill > 0 ? LONG_SDP : SHORT_SDP);
    if (--toFill <= 0) until = Math.min(until, performance.now() + SECONDS * 1000);
    for (let i = 0; i < 10; i++) {
      if (pings) for (const fd of deaf) send(fd, some);
      await Bun.sleep(20);
    }
  }
  for (const writer of writers) writer.end();
  await Bun.sleep(1000);
  const [after, peak] = [readMemory(pid, "VmRSS"), readMemory(pid, "VmHWM")];
  console.log(
    `${count} clients that do not read${pings ? ", and ping" : ""}: ${before} MB before, ` +
      `${after} MB after, ${peak} MB at most`,
  );
  for (const fd of deaf) libc.close(fd);
  tracker.kill();
  await tracker.exited;
}

async function startTracker() {
  const config = join(tmpdir(), `ws-deaf-${process.pid}.toml`);
  writeFileSync(config, "[network]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 0\n");
  const tracker = Bun.spawn([process.execPath, entry, "-c", config], { stderr: "pipe" });
  let text = "";
  for await (const chunk of tracker.stderr) {
    text += Buffer.from(chunk).toString();
    const port = /listening on .*:(\d+)/.exec(text)?.[1];
    if (port === undefined) continue;
    rmSync(config);
    return { port: Number(port), tracker };
  }
  throw new Error(text);
}

/** In whole MB. */
function readMemory(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)![1]) / 1024);
}

/** A connection with peers in the swarm, that will never be read from. */
function connectDeaf(port: number, peer: string): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, ptr(new Int32Array([4096])), 4);
  const address = Buffer.alloc(16);
  address.writeUInt8(AF_INET);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(0x7f000001, 4);
  if (libc.connect(fd, ptr(address), address.length) !== 0) throw new Error("no connection");
  const announces = Array.from({ length: PEERS }, (_, n) =>
    frame(TEXT, JSON.stringify(announceOf(`${peer} ${n}`))),
  );
  send(fd, Buffer.concat([Buffer.from(`${HANDSHAKE.join("\r\n")}\r\n\r\n`), ...announces]));
  return fd;
}

/** What the kernel does not take is lost: pings alone are many enough for that. */
function send(fd: number, bytes: Buffer): void {
  libc.send(fd, ptr(bytes), bytes.length, MSG_DONTWAIT_NOSIGNAL);
}

function frame(opcode: number, content: string | Buffer): Buffer {
  const payload = Buffer.from(content as string);
  const head = Buffer.alloc(payload.length < 126 ? 6 : 8);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | Math.min(payload.length, 126);
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

function announceOf(peer: string): Record<string, unknown> {
  return { action: "announce", info_hash: id("torrent"), peer_id: id(peer), left: 1 };
}

function id(name: string): string {
  return name.padEnd(20, "x");
}

/**
 * A client that announces with small offers in large messages, which are short as they are sent:
 * deflated. Reads what it is sent, whatever it is.
 */
async function openWriter(
  port: number,
  name: string,
): Promise<{ burst(length: number): void; end(): void }> {
  const upgraded = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: () => upgraded.resolve(), error: () => undefined },
  });
  socket.write(`${HANDSHAKE.join("\r\n")}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`);
  await upgraded.promise;
  let round = 0;
  const announce = (length: number): Buffer => {
    round++;
    const offers = Array.from({ length: OFFERS }, (_, i) => ({
      offer: { type: "offer", sdp: "s".repeat(length) },
      offer_id: id(`${name} ${round} ${i}`),
    }));
    const message = { ...announceOf(name), offers };
    const padding = "p".repeat(MESSAGE_BYTES - JSON.stringify(message).length);
    const text = JSON.stringify({ ...message, padding });
    // Without the empty block at its end, RFC 7692; RSV1 says that it is deflated.
    const deflated = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    return frame(TEXT | 0x40, deflated);
  };
  return {
    burst(length) {
      socket.write(Buffer.concat(Array.from({ length: BURST }, () => announce(length))));
    },
    end: () => socket.terminate(),
  };
}
