// A flood of pings within one turn of the event loop: the pongs must not pile up until its end.

import { expect, test } from "bun:test";
import { defaultConfig } from "../../../src/app/config.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { allocateSetup, createSocketWorker } from "../../../src/ws/setup.ts";
import type { Socket } from "../../../src/ws/socket/backend.ts";
import { OPCODE } from "../../../src/ws/socket/frame.ts";

const CLIENTS = 50;
const PINGS = 2000;

class CountingSocket implements Socket {
  readonly compress = undefined;
  readonly bufferedBytes = 0;
  sentBytes = 0;

  write(_bytes: Buffer, start: number, end: number): number {
    this.sentBytes += end - start;
    return end - start;
  }

  ping(): void {}
  close(): void {}
  terminate(): void {}
}

test("pongs are sent before the turn ends if there are many", () => {
  const { incoming } = createSocketWorker({
    ...allocateSetup(defaultConfig(wsSchema), undefined, "bytes"),
    worker: 0,
    addresses: [],
  });
  const sockets = Array.from({ length: CLIENTS }, () => new CountingSocket());
  const clients = sockets.map((socket, i) => incoming.open(socket, `192.0.2.${i}`));
  const payload = Buffer.alloc(125);
  let waiting = 0;
  let most = 0;
  for (const client of clients) {
    for (let i = 0; i < PINGS; i++) incoming.sendControl(client, OPCODE.pong, payload);
    const sent = sockets.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    waiting += PINGS * (payload.length + 2);
    most = Math.max(most, waiting - sent);
  }
  // Of 12.7 MB.
  expect(most).toBeLessThan(2 ** 21);
});
