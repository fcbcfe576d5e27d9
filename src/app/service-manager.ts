// Tells systemd what the tracker is doing, as sd_notify(3) does: ready, reloading, stopping, and
// that it is alive. The runtime has no datagrams on Unix sockets, so the C library sends them. The
// socket is connected at the start, because a process that has changed its root directory no longer
// finds it.

import { ptr } from "bun:ffi";
import { openLibc } from "./libc.ts";

// From the system's headers, for Linux on x64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL_DONTWAIT = 0x4000 | 0x40;
/** Bytes of a path in a sockaddr_un, and of the family before it. */
const MAX_PATH_BYTES = 108;
const FAMILY_BYTES = 2;

const CLOCK_MONOTONIC = 1;

const libc = openLibc({
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
});

/** The service manager of this process, which may be none. */
export class ServiceManager {
  readonly #socket: number;
  /** Milliseconds between two signs of life; undefined if it waits for none. */
  readonly #watchdogMilliseconds: number | undefined;

  /** Reads what systemd has put into the environment. */
  constructor(environment: Readonly<Record<string, string | undefined>> = process.env) {
    const { NOTIFY_SOCKET, WATCHDOG_PID, WATCHDOG_USEC } = environment;
    this.#socket = connectTo(NOTIFY_SOCKET ?? "");
    const microseconds = Number(WATCHDOG_USEC);
    const isForUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    // Twice as often as it must be, as sd_watchdog_enabled(3) recommends.
    if (microseconds > 0 && isForUs) this.#watchdogMilliseconds = microseconds / 2000;
  }

  /** The tracker serves. Also ends a reload. */
  notifyReady(): void {
    this.#notify("READY=1");
  }

  notifyReloading(): void {
    const time = new BigInt64Array(2);
    libc?.clock_gettime(CLOCK_MONOTONIC, ptr(time));
    this.#notify(`RELOADING=1\nMONOTONIC_USEC=${time[0] * 1_000_000n + time[1] / 1000n}`);
  }

  notifyStopping(): void {
    this.#notify("STOPPING=1");
  }

  /**
   * From now on, shows life for as long as `isAlive` returns true. Otherwise systemd restarts it.
   */
  keepAlive(isAlive: () => boolean): void {
    if (this.#watchdogMilliseconds === undefined || this.#socket < 0) return;
    setInterval(() => {
      if (isAlive()) this.#notify("WATCHDOG=1");
    }, this.#watchdogMilliseconds);
  }

  // Never waits: a service manager that does not listen must not stop the clock.
  #notify(state: string): void {
    if (this.#socket < 0 || libc === undefined) return;
    const bytes = Buffer.from(state);
    libc.send(this.#socket, ptr(bytes), bytes.length, MSG_NOSIGNAL_DONTWAIT);
  }
}

// Returns a connected socket, or -1. A path that begins with "@" has no file (abstract socket).
function connectTo(path: string): number {
  const bytes = Buffer.from(path);
  const isUsable = /^[/@]/.test(path) && bytes.length < MAX_PATH_BYTES;
  if (!isUsable || libc === undefined || process.platform !== "linux") return -1;
  const address = Buffer.alloc(FAMILY_BYTES + MAX_PATH_BYTES);
  address.writeUInt16LE(AF_UNIX);
  address.set(bytes, FAMILY_BYTES);
  if (path.startsWith("@")) address[FAMILY_BYTES] = 0;
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  const length = FAMILY_BYTES + bytes.length + (path.startsWith("@") ? 0 : 1);
  return socket >= 0 && libc.connect(socket, ptr(address), length) === 0 ? socket : -1;
}
