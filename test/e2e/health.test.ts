// `--health URL` of both trackers, as a container's health check calls it.

import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { makeCertificate } from "../support/certificate.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker } from "../support/tracker.ts";

const PORT_0 = "[network]\naddress = '127.0.0.1:0'";

function ask(program: "udp" | "ws", url: string) {
  return runTracker({ program, args: ["--health", url] });
}

function refusal(program: "udp" | "ws", text: string) {
  return { code: 1, stdout: "", stderr: `aquatic-${program}: --health: ${text}\n` };
}

const HEALTHY = { code: 0, stdout: "", stderr: "" };

test("aquatic-udp answers for a tracker that runs, and not for one that has ended", async () => {
  await using tracker = await startTracker({ config: PORT_0 });
  const url = `udp://127.0.0.1:${tracker.ports[0]}/announce`;
  expect(await ask("udp", url)).toEqual(HEALTHY);
  await tracker.stop();
  expect(await ask("udp", url)).toEqual(refusal("udp", `${url}: nothing listens there`));
});

await testWith(["IPv6"], "aquatic-udp asks over IPv6", async () => {
  await using tracker = await startTracker({ config: "[network]\naddress = '[::1]:0'" });
  expect(await ask("udp", `udp://[::1]:${tracker.ports[0]}`)).toEqual(HEALTHY);
});

test("aquatic-udp does not take another program's datagram for an answer", async () => {
  const other = createSocket("udp4");
  // The response to another transaction.
  other.on("message", (_, { port }) => other.send(Buffer.alloc(16), port, "127.0.0.1"));
  other.bind(0, "127.0.0.1");
  await once(other, "listening");
  const url = `udp://127.0.0.1:${other.address().port}`;
  expect(await ask("udp", url)).toEqual(refusal("udp", `${url}: no answer`));
  other.close();
});

test("aquatic-ws answers for a tracker that runs, and not for one that has ended", async () => {
  await using tracker = await startTracker({ program: "ws", config: PORT_0 });
  const [port] = tracker.ports;
  for (const healthy of [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}/`]) {
    expect(await ask("ws", healthy)).toEqual(HEALTHY);
  }
  const wrongPath = `http://127.0.0.1:${port}/announce`;
  expect(await ask("ws", wrongPath)).toEqual(refusal("ws", `${wrongPath}: status 426, not 200`));
  await tracker.stop();
  const url = `http://127.0.0.1:${port}`;
  expect(await ask("ws", url)).toEqual(refusal("ws", `${url}: nothing listens there`));
});

await testWith(["openssl"], "aquatic-ws accepts the certificate of another name", async () => {
  using files = await makeCertificate();
  await using tracker = await startTracker({
    program: "ws",
    config: `${PORT_0}
      use_tls = true
      tls_pkcs12_path = '${files.pkcs12Path}'
      tls_pkcs12_password = '${files.password}'`,
  });
  expect(await ask("ws", `wss://127.0.0.1:${tracker.ports[0]}`)).toEqual(HEALTHY);
});

test("aquatic-ws gives up on a server that says nothing", async () => {
  const silent = createServer(() => undefined);
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const url = `http://127.0.0.1:${port}/`;
  expect(await ask("ws", url)).toEqual(refusal("ws", `${url}: no answer`));
  silent.close();
});

test.each([
  ["udp", "127.0.0.1:3000", "udp://127.0.0.1:3000"],
  ["udp", "udp://127.0.0.1", "udp://127.0.0.1:3000"],
  ["udp", "http://127.0.0.1:3000", "udp://127.0.0.1:3000"],
  ["ws", "localhost", "http://127.0.0.1:3000"],
  ["ws", "udp://127.0.0.1:3000", "http://127.0.0.1:3000"],
] as const)("aquatic-%s refuses to ask %s", async (program, url, example) => {
  expect(await ask(program, url)).toEqual(
    refusal(program, `${url} is not a URL such as ${example}`),
  );
});
