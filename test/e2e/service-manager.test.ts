// What systemd hears of a tracker. A program in Python listens in its place, because the runtime
// has no datagrams on Unix sockets.

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../support/child.ts";
import { PYTHON } from "../support/clients/libtorrent.ts";
import { testWith } from "../support/requirements.ts";
import { startTracker } from "../support/tracker.ts";

const LISTENER = `
import socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + path[1:] if path.startswith("@") else path)
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

async function listen(path: string) {
  const listener = startChild([PYTHON, "-c", LISTENER, path]);
  await listener.waitForLine(/^bound$/);
  return listener;
}

const PORT_0 = "[network]\naddress = '127.0.0.1:0'\n";

for (const program of ["udp", "ws"] as const) {
  await testWith(
    ["python3"],
    `aquatic-${program} tells what it does, and that it lives`,
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "aquatic-notify-"));
      using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
      const path = join(directory, "socket");
      await using listener = await listen(path);
      await using tracker = await startTracker({
        program,
        config: PORT_0,
        env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "100000" },
      });
      await listener.waitForLine(/^READY=1$/);
      await listener.waitForLine(/^WATCHDOG=1$/);
      process.kill(tracker.pid, "SIGHUP");
      await listener.waitForLine(/^RELOADING=1 MONOTONIC_USEC=\d{6,}$/);
      await listener.waitForOutput(() => listener.stdout.match(/^READY=1$/gm)?.length === 2);
      expect(await tracker.stop()).toBe(0);
      await listener.waitForLine(/^STOPPING=1$/);
    },
  );
}

await testWith(["python3", "root"], "works on an abstract socket, and after chroot", async () => {
  const path = `@aquatic-${process.pid}`;
  await using listener = await listen(path);
  await using tracker = await startTracker({
    config: `${PORT_0}[privileges]\ndrop_privileges = true\nchroot_path = '/usr'`,
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "100000", WATCHDOG_PID: "1" },
  });
  await listener.waitForLine(/^READY=1$/);
  expect(await tracker.stop()).toBe(0);
  await listener.waitForLine(/^STOPPING=1$/);
  // The watchdog waits for another process.
  expect(listener.stdout).not.toContain("WATCHDOG");
});
