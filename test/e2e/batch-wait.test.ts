// The wait of the mmsg backend, in a running tracker: requests share batches, none is lost, and a
// tracker that waits still ends at a signal.

import { expect, test } from "bun:test";
import { buildConnect } from "../support/bep15.ts";
import { startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";

const CLIENTS = 8;

test.skipIf(process.platform !== "linux").each([
  ["one socket", "'127.0.0.1:0'", 0],
  ["two sockets and a request worker", "['127.0.0.1:0', '[::1]:0']", 1],
])("requests share batches with %s", async (_name, address, requestWorkers) => {
  await using tracker = await startTracker({
    config: `
      request_workers = ${requestWorkers}
      [network]
      address = ${address}
      batch_wait_microseconds = 10000
      [statistics]
      interval = 1`,
  });
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => {
      const index = i % tracker.ports.length;
      const local = index === 0 ? "127.0.0.1" : "::1";
      return openUdpClient({ address: local, port: tracker.ports[index] });
    }),
  );
  let isOver = false;
  let lost = 0;
  const ask = async (client: (typeof clients)[number]): Promise<void> => {
    while (!isOver) if ((await client.request(buildConnect())) === undefined) lost++;
  };
  clients.forEach((client) => void ask(client));
  // Clients that wait for their answers ask once in 10 ms, so that most of them share a batch. Each
  // socket has batches of its own.
  const least = CLIENTS / tracker.ports.length / 2;
  const perBatch = () =>
    Array.from(tracker.stdout.matchAll(/requests per batch: (\d+\.\d+)/g), ([, text]) => {
      return Number(text);
    });
  await tracker.waitForOutput(() => perBatch().some((size) => size > least));
  // It stops in the middle of the load.
  const code = await tracker.stop();
  isOver = true;
  expect(code).toBe(0);
  expect(lost).toBe(0);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});
