// The queue of connections that the kernel holds for a listener until they are accepted. The
// runtime asks for a length of 512. If more connect at once, as all clients do after a restart, the
// others are ignored and retry after one second, then three. Linux only; elsewhere the queue stays
// short.

import { readdirSync } from "node:fs";
import { openLibc } from "../../app/libc.ts";

// From asm-generic/socket.h.
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;

/** The kernel lowers it to net.core.somaxconn. */
const MAX_BACKLOG = 2 ** 31 - 1;

/**
 * Makes the queues of all listening sockets of this process as long as the system allows. Listening
 * once more changes the length. The runtime does not tell which descriptors are its sockets.
 */
export function lengthenBacklogs(): void {
  if (process.platform !== "linux") return;
  const libc = openLibc({
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
  });
  if (libc === undefined) return;
  const value = new Int32Array(1);
  const size = new Uint32Array(1);
  for (const fd of listDescriptors()) {
    size[0] = value.byteLength;
    const isSocket = libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, size) === 0;
    if (isSocket && value[0] === 1) libc.listen(fd, MAX_BACKLOG);
  }
}

function listDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}
