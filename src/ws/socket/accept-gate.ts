// Keeps the process from spinning when it has opened nearly all files that it may. Connections that
// cannot be accepted stay in the queue of their listener and wake the event loops again and again,
// so the loops stop waiting for listeners meanwhile. The main thread does this for all workers.
// Linux only.

import { readdirSync, readFileSync } from "node:fs";
import { log } from "../../app/log.ts";
import { openLibc } from "../../app/libc.ts";

const CHECK_MILLISECONDS = 250;
/**
 * Once shut, the gate stays shut for a while: in a flood the files would be used up again at once.
 */
const SHUT_CHECKS = 12;
/** Files reserved for the tracker itself. */
const SPARE_FILES = 16;

// From the system's headers.
const EPOLL_CTL_MOD = 3;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const STDERR = 2;

/** A listener as an event loop waits for it. */
interface Registration {
  readonly loop: number;
  readonly listener: number;
  readonly events: number;
  /** The data that the loop has registered. */
  readonly data: bigint;
}

export class AcceptGate {
  readonly #libc = openLibc({
    close: { args: ["i32"], returns: "i32" },
    dup: { args: ["i32"], returns: "i32" },
    epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  });
  /** The event loops of the workers. */
  #loops: number[] | undefined;
  #registrations: Registration[] = [];
  /** Number of checks for which the gate stays shut; 0 if it is open. */
  #shutFor = 0;
  #hasLogged = false;

  /** `limit`: how many files may be open. */
  constructor(private readonly limit: number) {}

  /** Finds the listeners of this process in /proc, and watches over them. */
  watch(): void {
    if (process.platform !== "linux") return;
    // Later, with many connections, a look at all files would take long.
    this.#loops ??= listFiles().filter((file) => readRegistrations(file).length > 0);
    const registrations = this.#loops.flatMap(readRegistrations);
    this.#registrations = registrations.filter(({ listener }) => this.#isListener(listener));
  }

  /** Forgets the listeners. Call this before any of them is closed. */
  release(): void {
    this.#set(true);
    this.#shutFor = 0;
    this.#registrations = [];
  }

  /** Checks regularly from now on. */
  keep(): void {
    if (process.platform === "linux") setInterval(() => this.#check(), CHECK_MILLISECONDS);
  }

  #check(): void {
    if (this.#shutFor > 1) return void this.#shutFor--;
    const isFull = this.#isFull();
    if (isFull && this.#shutFor === 0) this.#set(false);
    if (!isFull && this.#shutFor > 0) this.#set(true);
    this.#shutFor = isFull ? SHUT_CHECKS : 0;
    if (!isFull || this.#hasLogged) return;
    log.warn(
      `nearly all of ${this.limit} files are open (ulimit -n): new connections have to wait`,
    );
    this.#hasLogged = true;
  }

  // A new file gets the lowest free number.
  #isFull(): boolean {
    const file = this.#libc?.dup(STDERR) ?? 0;
    if (file > 0) this.#libc?.close(file);
    return file < 0 || file >= this.limit - SPARE_FILES;
  }

  #set(isOpen: boolean): void {
    for (const { data, events, listener, loop } of this.#registrations) {
      if (!this.#isListener(listener)) continue;
      this.#libc?.epoll_ctl(loop, EPOLL_CTL_MOD, listener, writeEvent(isOpen ? events : 0, data));
    }
  }

  #isListener(file: number): boolean {
    const value = new Int32Array(1);
    const size = new Uint32Array([value.byteLength]);
    return (
      this.#libc?.getsockopt(file, SOL_SOCKET, SO_ACCEPTCONN, value, size) === 0 && value[0] === 1
    );
  }
}

/** What an event loop waits for, from /proc. Empty for any other file. */
function readRegistrations(loop: number): Registration[] {
  const pattern = /^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)/gm;
  return Array.from(readFileInfo(loop).matchAll(pattern), ([, listener, events, data]) => ({
    loop,
    listener: Number(listener),
    events: Number.parseInt(events, 16),
    data: BigInt(`0x${data}`),
  }));
}

function listFiles(): number[] {
  try {
    return readdirSync("/proc/self/fdinfo").map(Number);
  } catch {
    return [];
  }
}

function readFileInfo(file: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** A `struct epoll_event`, which is packed on x86-64 alone. */
function writeEvent(events: number, data: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(process.arch === "x64" ? 4 : 8, data, true);
  return bytes;
}
