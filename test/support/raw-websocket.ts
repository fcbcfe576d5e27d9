// A WebSocket by hand, over TCP: for clients that do what a proper one would not, such as not
// reading, or not answering a ping.

import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface Frame {
  readonly opcode: number;
  readonly isCompressed: boolean;
  readonly payload: Buffer;
}

export interface RawWebSocket extends Disposable {
  readonly socket: Socket;
  /** The head of the response to the handshake. */
  readonly head: string;
  /** Everything received. Nothing is answered. */
  readonly frames: Frame[];
  /** Whether the connection has ended. */
  readonly hasEnded: boolean;
  sendFrame(opcode: number, payload: Uint8Array | string, flags?: FrameFlags): void;
  /** Resolves once `isEnough`, which is asked whenever something has happened. */
  waitUntil(isEnough: () => boolean): Promise<void>;
}

interface FrameFlags {
  isCompressed?: boolean;
  isLast?: boolean;
}

const TIMEOUT_MS = 25_000;

export interface RawOptions {
  /** Connects with TLS, whatever the certificate. */
  tls?: boolean;
  /** Where it connects from. */
  localAddress?: string;
}

/** Connects and shakes hands; `headers` are lines of more headers. */
export async function connectRaw(
  host: string,
  port: number,
  headers: string[] = [],
  { localAddress, tls = false }: RawOptions = {},
): Promise<RawWebSocket> {
  const plain = connect({ host, port, localAddress });
  const socket = tls ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  let hasEnded = false;
  let head = "";
  let received = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    received = Buffer.concat([received, data]);
    if (head === "") {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      head = received.toString("latin1", 0, end);
      received = received.subarray(end + 4);
    }
    received = readFrames(received, frames);
    for (const check of waiting) check();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    hasEnded = true;
    for (const check of waiting) check();
  });

  const waitUntil = (isEnough: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        waiting.delete(check);
        act();
      };
      const check = (): void => {
        if (isEnough()) settle(resolve);
        else if (hasEnded) settle(() => reject(new Error("the connection has ended")));
      };
      const timer = setTimeout(() => settle(() => reject(new Error("timed out"))), TIMEOUT_MS);
      waiting.add(check);
      check();
    });

  const request = [
    "GET /announce HTTP/1.1",
    `Host: ${host}:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...headers,
  ];
  socket.write(`${request.join("\r\n")}\r\n\r\n`);
  await waitUntil(() => head !== "");
  return {
    socket,
    frames,
    waitUntil,
    get head() {
      return head;
    },
    get hasEnded() {
      return hasEnded;
    },
    sendFrame: (opcode, payload, flags) => void socket.write(frame(opcode, payload, flags)),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** A client's frame, masked with zeros. */
function frame(opcode: number, payload: Uint8Array | string, flags: FrameFlags = {}): Buffer {
  const { isCompressed = false, isLast = true } = flags;
  const body = Buffer.from(payload as string);
  const head = Buffer.alloc(body.length < 126 ? 6 : 8);
  head[0] = (isLast ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode;
  head[1] = 0x80 | Math.min(body.length, 126);
  if (body.length >= 126) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** Moves whole frames of a server to `frames`, and returns the rest. */
function readFrames(bytes: Buffer, frames: Frame[]): Buffer<ArrayBuffer> {
  let rest = bytes;
  for (;;) {
    if (rest.length < 2) break;
    let length = rest[1] & 0x7f;
    let start = 2;
    if (length === 126) [length, start] = [rest.length < 4 ? Infinity : rest.readUInt16BE(2), 4];
    else if (length === 127) {
      [length, start] = [rest.length < 10 ? Infinity : Number(rest.readBigUInt64BE(2)), 10];
    }
    if (rest.length < start + length) break;
    frames.push({
      opcode: rest[0] & 0x0f,
      isCompressed: (rest[0] & 0x40) !== 0,
      payload: Buffer.from(rest.subarray(start, start + length)),
    });
    rest = rest.subarray(start + length);
  }
  return Buffer.from(rest);
}
