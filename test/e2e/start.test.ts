// The start of both trackers: they do not share their addresses, drop privileges before they serve,
// and can be stopped during start-up. $AQUATIC_UDP and $AQUATIC_WS name compiled binaries to test
// instead of the source.

import { describe, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildConnect } from "../support/bep15.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker, trackerCommand } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";

const programs = ["udp", "ws"] as const;
type Program = (typeof programs)[number];

/** Below the ports that the system gives to other tests. */
function choosePort(): number {
  return 10_000 + randomInt(20_000);
}

/** Whether the tracker answers. It may not have started yet. */
async function isServed(program: Program, port: number): Promise<boolean> {
  if (program === "ws") {
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    return response?.status === 200;
  }
  await using client = await openUdpClient({ address: "127.0.0.1", port });
  return (await client.request(buildConnect(), { timeoutMs: 20 }).catch(() => {})) !== undefined;
}

describe.each(programs)("aquatic-%s", (program) => {
  test("does not share its address with another tracker that starts at the same time", async () => {
    for (let round = 0; round < 4; round++) {
      const config = `socket_workers = 2\n[network]\naddress = '127.0.0.1:${choosePort()}'`;
      const starts = await Promise.allSettled([1, 2].map(() => startTracker({ program, config })));
      const outcomes = starts.map((start) => start.status).toSorted();
      for (const start of starts) {
        if (start.status === "fulfilled") await start.value[Symbol.asyncDispose]();
        else expect(String(start.reason)).toContain("the address is in use");
      }
      expect(outcomes).toEqual(["fulfilled", "rejected"]);
    }
  });

  test("exits with code 0 when it is stopped during start-up", async () => {
    using directory = makeDirectory();
    const config = "socket_workers = 30\n[network]\naddress = '127.0.0.1:0'";
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const tracker = spawn(program, directory, config, "pipe");
      // The runtime alone has fewer threads.
      while (readdirSync(`/proc/${tracker.pid}/task`).length < 15) await Bun.sleep(1);
      tracker.kill(signal);
      expect(await tracker.exited).toBe(0);
      expect(await new Response(tracker.stderr as ReadableStream).text()).not.toContain(
        "listening",
      );
    }
  });

  test("keeps serving, and stops, when nobody reads its output", async () => {
    using directory = makeDirectory();
    const path = join(directory.path, "pipe");
    Bun.spawnSync(["mkfifo", path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const full = Buffer.alloc(4096, "x");
    expect(() => {
      for (;;) writeSync(filler, full);
    }).toThrow("EAGAIN");
    const writer = openSync(path, constants.O_WRONLY);
    const port = choosePort();
    const config = `[network]\naddress = '127.0.0.1:${port}'\n[statistics]\ninterval = 1`;
    const tracker = spawn(program, directory, config, writer);
    while (!(await isServed(program, port))) await Bun.sleep(20);
    // Until after the first report, for which there is no room either.
    await Bun.sleep(1500);
    // On a busy machine, a response may come too late; one of a tracker that waits for a reader
    // never.
    while (!(await isServed(program, port))) await Bun.sleep(20);
    tracker.kill("SIGTERM");
    expect(await tracker.exited).toBe(0);
    for (const fd of [reader, filler, writer]) closeSync(fd);
  });
});

for (const program of programs) {
  const name = `aquatic-${program} serves only after it has dropped root`;
  await testWith(["root"], name, async () => {
    using directory = makeDirectory();
    const port = choosePort();
    const config = `socket_workers = 8\n[network]\naddress = '127.0.0.1:${port}'
      [privileges]\ndrop_privileges = true\nchroot_path = '/tmp'`;
    const tracker = spawn(program, directory, config, "ignore");
    while (!(await isServed(program, port)));
    expect(readFileSync(`/proc/${tracker.pid}/status`, "utf8")).not.toMatch(/^Uid:\t(.*\t)?0\t/m);
    tracker.kill("SIGTERM");
    expect(await tracker.exited).toBe(0);
  });
}

test.each(["epoll", "bytes", "bun"])("'%s' serves a port again at once", async (backend) => {
  const config = `[network]\naddress = '127.0.0.1:${choosePort()}'\nsocket_backend = '${backend}'`;
  for (let round = 0; round < 2; round++) {
    await using tracker = await startTracker({ program: "ws", config });
    // The tracker ends the connection first, so its side has to wait for late packets.
    const response = await fetch(`http://127.0.0.1:${tracker.ports[0]}/health`);
    expect(response.status).toBe(200);
  }
});

interface Directory extends Disposable {
  readonly path: string;
}

function makeDirectory(): Directory {
  const path = mkdtempSync(join(tmpdir(), "aquatic-start-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Starts a tracker without waiting for anything. */
function spawn(
  program: Program,
  { path }: Directory,
  config: string,
  output: number | "pipe" | "ignore",
) {
  const configPath = join(path, "config.toml");
  writeFileSync(configPath, config);
  const argv = [...trackerCommand(program), "-c", configPath];
  return Bun.spawn(argv, { stdout: output, stderr: output });
}
